# SPDX-License-Identifier: Apache-2.0
"""How a file system is looked at, whether its bytes come by asking or just pass by.

A survey is a generator: it yields the range it wants to see next, relative to the partition,
receives its bytes, and returns what the file system leaves free. It asks forward only, so that
a compressed image can be surveyed while it is unpacked once, and so that an image gives the
same answer whatever it is packed in.
"""

from collections.abc import Generator

from flasher.map.mapping import GAP_BYTES
from flasher.ranges import Range

Survey = Generator[Range, bytes, tuple[Range, ...]]


class UnsureError(Exception):
    """A file system is not one that we know to the last bit: all of it counts as used."""


class Surveyor:
    """Leads one survey of a partition to its end; what it is unsure of is not free."""

    def __init__(self, survey: Survey, size_bytes: int) -> None:
        self.want: Range | None = None
        """What must be given next; nothing once the survey is over."""
        self.free: tuple[Range, ...] = ()
        self._survey, self._size_bytes, self._position = survey, size_bytes, 0
        self._buffer = bytearray()
        self._answer(None)

    def give(self, offset: int, view: memoryview) -> None:
        """Take what is at `offset` of the partition; offsets may not go backwards."""
        while self.want is not None and self.want.start < offset + len(view):
            start = self.want.start + len(self._buffer)
            if start < offset:
                self._drop()
                return
            end = min(self.want.end, offset + len(view))
            self._buffer += view[start - offset : end - offset]
            if len(self._buffer) < self.want.size_bytes:
                return
            raw, self._buffer = bytes(self._buffer), bytearray()
            self._answer(raw)

    def _answer(self, raw: bytes | None) -> None:
        try:
            want = self._survey.send(raw)  # type: ignore[arg-type] # nothing starts a generator
        except StopIteration as end:
            self.want, self.free = None, end.value
        except UnsureError:
            self.want = None
        else:
            self._ask(want)

    def _ask(self, want: Range) -> None:
        if want.start < self._position or want.end > self._size_bytes or not want.size_bytes:
            self._drop()
            return
        self.want, self._position = want, want.end

    def _drop(self) -> None:
        self.want = None
        self._survey.close()


class FreeList:
    """Collects free ranges of a partition in the order of their place.

    Those that would be written along with their neighbours anyway are forgotten, which bounds
    the memory that a badly fragmented file system costs.
    """

    def __init__(self) -> None:
        self._ranges: list[Range] = []
        self._last = Range(0, 0)

    def add(self, start: int, end: int) -> None:
        """Add the bytes from `start` to `end`."""
        if start == self._last.end:
            self._last = Range(self._last.start, end)
            return
        self._keep()
        self._last = Range(start, end)

    def ranges(self) -> tuple[Range, ...]:
        """Return what was collected."""
        self._keep()
        self._last = Range(self._last.end, self._last.end)
        return tuple(self._ranges)

    def _keep(self) -> None:
        if self._last.size_bytes > GAP_BYTES:
            self._ranges.append(self._last)
