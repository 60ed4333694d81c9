# SPDX-License-Identifier: Apache-2.0
"""The first MiB of a card: cleared first, written last, and in between the sign of a run.

While a card is in flight its head holds no partition table (or one that names just the
partitions that are kept), and at 64 KiB a marker that leads to the journal of the run.
"""

import json
import mmap
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.units import KIB, MIB
from flasher.patch import Patch
from flasher.plan.content import Content
from flasher.ranges import Range
from flasher.write.fault import failed, unreliable
from flasher.write.medium import Medium
from flasher.write.repair import first_difference, read

MARKER_AT = 64 * KIB
_MARKER_BYTES = 4 * KIB
_END_BYTES = MIB
_MAGIC = "edgectl flash in progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """What a card in flight says about itself."""

    run: str
    image: str


def clear_head(medium: Medium, content: Content, marker: Marker | None) -> None:
    """Make the medium plainly unbootable, and say on it by what run.

    Raises:
        FlashError: when the medium refuses, or does not even keep that.
    """
    try:
        invalidate(medium, content, marker)
        if _find_written(medium, content, marker) is None:
            return
        invalidate(medium, content, marker)
    except OSError as error:
        raise failed(medium, "clearing the start", 0, error) from error
    check_clear(medium, content, marker)


def check_clear(medium: Medium, content: Content, marker: Marker | None) -> None:
    """See that the head is still as it was cleared.

    On a card that lies about its size what was written elsewhere may have come up here, and the
    head would destroy it there.

    Raises:
        FlashError: when it is not.
    """
    try:
        offset = _find_written(medium, content, marker)
    except OSError as error:
        raise failed(medium, "reading back", 0, error) from error
    if offset is not None:
        raise unreliable(medium, offset)


def invalidate(medium: Medium, content: Content, marker: Marker | None = None) -> None:
    """Take away what would make the medium a bootable disk, but not what is to be kept."""
    medium.write(0, _aligned(_interim(content, marker)))
    size = min(_END_BYTES, medium.size_bytes)
    tail = content.interim_tail or Patch(medium.size_bytes - size, bytes(size))
    medium.write(tail.offset, _aligned(tail.data))
    medium.flush()


def invalidate_quietly(medium: Medium, content: Content) -> None:
    """Make sure, as far as the medium lets us, that a failed card does not look like a good one."""
    with suppress(OSError):
        invalidate(medium, content)


def write_head(medium: Medium, content: Content) -> int:
    """Make the medium a bootable disk; return how many tries had to be thrown away.

    Raises:
        FlashError: when it does not keep its head.
    """
    view = _aligned(content.head)
    for attempt in range(2):
        try:
            medium.write(0, view)
            medium.flush()
            found = read(medium, Range(0, len(view)))
        except OSError as error:
            raise failed(medium, "writing the partition table", 0, error) from error
        if found == view:
            return attempt
    raise unreliable(medium, first_difference(found, view))


def read_marker(path: Path) -> Marker | None:
    """Return the marker on the card or card image at `path`, or None when it has none."""
    try:
        with path.open("rb") as file:
            file.seek(MARKER_AT)
            found = json.loads(file.read(_MARKER_BYTES).rstrip(b"\0"))
        if found["magic"] != _MAGIC:
            return None
        return Marker(run=str(found["run"]), image=str(found["image"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _find_written(medium: Medium, content: Content, marker: Marker | None) -> int | None:
    """Return the first byte of the head that is not as it was cleared, or None."""
    expected = memoryview(_interim(content, marker))
    found = read(medium, Range(0, len(expected)))
    return None if found == expected else first_difference(found, expected)


def _interim(content: Content, marker: Marker | None) -> bytes:
    head = bytearray(content.interim_head)
    if marker and len(head) >= MARKER_AT + _MARKER_BYTES:
        head[MARKER_AT : MARKER_AT + _MARKER_BYTES] = _render(marker)
    return bytes(head)


def _render(marker: Marker) -> bytes:
    text = json.dumps({"magic": _MAGIC, "run": marker.run, "image": marker.image})
    return text.encode()[:_MARKER_BYTES].ljust(_MARKER_BYTES, b"\0")


def _aligned(data: bytes) -> memoryview:
    memory = mmap.mmap(-1, len(data))
    memory.write(data)
    return memoryview(memory)
