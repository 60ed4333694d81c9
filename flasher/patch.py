# SPDX-License-Identifier: Apache-2.0
"""A change to an image: what a card carries in place of the image's own bytes."""

from dataclasses import dataclass, field

from flasher.ranges import Range


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes that replace what the image has at `offset`."""

    offset: int
    data: bytes = field(repr=False)

    @property
    def range(self) -> Range:
        """Return where it lies."""
        return Range(self.offset, self.offset + len(self.data))
