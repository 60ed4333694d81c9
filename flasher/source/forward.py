# SPDX-License-Identifier: Apache-2.0
"""What all streams of an image have in common: they are read once, from start to end."""

import io
from typing import Protocol


class Source(Protocol):
    """Where bytes come from, in order."""

    def read(self, size: int = -1, /) -> bytes | None:
        """Return up to `size` bytes, and none at the end."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class Forward(io.RawIOBase):
    """A stream that fills what it is given, less only at its end, and closes its source."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, into: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `into`, less only at the end; return how many bytes there were."""
        return self._fill(memoryview(into))

    def close(self) -> None:
        """Close the source as well."""
        if not self.closed:
            self._source.close()
        super().close()

    def _fill(self, into: memoryview) -> int:
        raise NotImplementedError
