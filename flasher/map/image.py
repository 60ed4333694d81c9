# SPDX-License-Identifier: Apache-2.0
"""Maps an image: by looking into a raw one, or while a compressed one passes by once.

Both ways ask the same surveys, so an image has the same free blocks whatever it is packed in.
What is zero is known exactly only when every byte was seen; else what a sparse file stores
counts as data.
"""

import io
import os
import re
from collections.abc import Iterator

from edge.errors import ImageError
from edge.units import KIB, MIB, format_size
from flasher.map.bmap import Bmap
from flasher.map.filesystem import survey_partition
from flasher.map.logical import survey_logical
from flasher.map.mapping import Mapping, settle_mapping
from flasher.map.sparse import data_ranges
from flasher.map.survey import Surveyor
from flasher.ranges import Range
from flasher.table import Partition, read_table

_HEAD_BYTES = MIB
_GRAIN_BYTES = 64 * KIB
_ZEROS = bytes(_GRAIN_BYTES)
_DATA_RUN = re.compile(rb"\x01+")


def map_raw(fd: int, size_bytes: int, bmap: Bmap | None = None) -> Mapping:
    """Map the raw image open as `fd` by reading nothing but its metadata.

    Raises:
        ImageError: when `bmap` belongs to an image of another size.
        OSError: when it cannot be read.
    """
    partitions = _partitions(os.pread(fd, min(_HEAD_BYTES, size_bytes), 0))
    free: list[Range] = []
    for partition in _mappable(partitions):
        if partition.end_bytes <= size_bytes:
            surveyor = _surveyor(partition)
            _lead(surveyor, fd, partition.start_bytes)
            free += _shift(surveyor.free, partition.start_bytes)
    found = tuple(data_ranges(fd, size_bytes))
    return _settle(size_bytes, partitions, found, free, bmap)


def map_bmap(bmap: Bmap, head: bytes) -> Mapping:
    """Map an image of which only the first MiB, `head`, and its block map are known."""
    whole = (Range(0, bmap.size_bytes),)
    return _settle(bmap.size_bytes, _partitions(head), whole, [], bmap)


class MapObserver:
    """Maps an image whose bytes pass by once, in order; keeps little of them."""

    def __init__(self, bmap: Bmap | None = None) -> None:
        self.head = bytearray()
        """The first MiB, once it has passed."""
        self._bmap = bmap
        self._position = 0
        self._is_data = bytearray()
        self._partitions: tuple[Partition, ...] | None = None
        self._surveyors: list[tuple[Partition, Surveyor]] = []

    def feed(self, offset: int, view: memoryview) -> None:
        """Take what is at `offset`; what was passed over since the last call is zero."""
        while self._position < offset:
            if self._is_past_all(offset):
                self._position = offset
                break
            count = min(_GRAIN_BYTES, offset - self._position)
            self._take(memoryview(_ZEROS)[:count], is_zero=True)
        self._take(view, is_zero=False)

    def finish(self, size_bytes: int) -> Mapping:
        """Return the map of the image, which ended at `size_bytes`.

        Raises:
            ImageError: when the block map belongs to an image of another size.
        """
        self.feed(size_bytes, memoryview(b""))
        if self._partitions is None:
            self._open()
        free: list[Range] = []
        for partition, surveyor in self._surveyors:
            if partition.end_bytes <= size_bytes:
                free += _shift(surveyor.free, partition.start_bytes)
        found = tuple(self._found(size_bytes))
        return _settle(size_bytes, self._partitions or (), found, free, self._bmap)

    def _take(self, view: memoryview, *, is_zero: bool) -> None:
        if not is_zero:
            self._note_data(view)
        room = max(0, _HEAD_BYTES - self._position)
        self.head += view[:room]
        if self._partitions is None and self._position + len(view) >= _HEAD_BYTES:
            self._open()
        self._give(self._position, view)
        self._position += len(view)

    def _is_past_all(self, offset: int) -> bool:
        """Tell whether nobody wants to see what is in front of `offset`."""
        return self._partitions is not None and all(
            surveyor.want is None or partition.start_bytes + surveyor.want.start >= offset
            for partition, surveyor in self._surveyors
        )

    def _open(self) -> None:
        """Begin the surveys; the head may hold the beginning of a partition."""
        self._partitions = _partitions(bytes(self.head))
        self._surveyors = [(each, _surveyor(each)) for each in _mappable(self._partitions)]
        self._give(0, memoryview(self.head)[: self._position])

    def _give(self, offset: int, view: memoryview) -> None:
        for partition, surveyor in self._surveyors:
            if surveyor.want is None:
                continue
            start = max(offset, partition.start_bytes)
            end = min(offset + len(view), partition.end_bytes)
            if start < end:
                inside = view[start - offset : end - offset]
                surveyor.give(start - partition.start_bytes, inside)

    def _note_data(self, view: memoryview) -> None:
        """Mark the grains that are not zero, where a grain may come in several pieces."""
        last = (self._position + len(view) - 1) // _GRAIN_BYTES
        self._is_data += bytes(max(0, last + 1 - len(self._is_data)))
        start = 0
        while start < len(view):
            grain, within = divmod(self._position + start, _GRAIN_BYTES)
            end = min(len(view), start + _GRAIN_BYTES - within)
            if not self._is_data[grain] and not _is_zero(view[start:end]):
                self._is_data[grain] = 1
            start = end

    def _found(self, size_bytes: int) -> Iterator[Range]:
        for run in _DATA_RUN.finditer(self._is_data):
            start, end = run.span()
            yield Range(start * _GRAIN_BYTES, min(end * _GRAIN_BYTES, size_bytes))


def _is_zero(view: memoryview) -> bool:
    """Tell whether at most a grain is zero; most that are not differ soon."""
    if view[:64].tobytes() != _ZEROS[: min(64, len(view))]:
        return False
    return view.tobytes() == _ZEROS[: len(view)]


def _lead(surveyor: Surveyor, fd: int, start: int) -> None:
    while (want := surveyor.want) is not None:
        raw = os.pread(fd, want.size_bytes, start + want.start)
        if len(raw) < want.size_bytes:
            return
        surveyor.give(want.start, memoryview(raw))


def _shift(ranges: tuple[Range, ...], by: int) -> Iterator[Range]:
    return (Range(one.start + by, one.end + by) for one in ranges)


def _partitions(head: bytes) -> tuple[Partition, ...]:
    table = read_table(io.BytesIO(head))
    found = table.partitions if table else ()
    return tuple(each for each in found if each.size_bytes > 0)


def _mappable(partitions: tuple[Partition, ...]) -> Iterator[Partition]:
    """Yield the partitions that lie in no other and share no byte with another."""
    containers = [each for each in partitions if each.extended]
    outer = [
        each
        for each in partitions
        if not any(
            other.start_bytes <= each.start_bytes and each.end_bytes <= other.end_bytes
            for other in containers
            if other is not each
        )
    ]
    for each in outer:
        shares = any(
            other.start_bytes < each.end_bytes and each.start_bytes < other.end_bytes
            for other in outer
            if other is not each
        )
        if not shares and each.start_bytes:
            yield each


def _surveyor(partition: Partition) -> Surveyor:
    survey = survey_logical if partition.extended else survey_partition
    return Surveyor(survey(partition.size_bytes), partition.size_bytes)


def _settle(
    size_bytes: int,
    partitions: tuple[Partition, ...],
    found: tuple[Range, ...],
    free: list[Range],
    bmap: Bmap | None,
) -> Mapping:
    if bmap is None:
        return settle_mapping(size_bytes, found=found, free=free, partitions=partitions)
    if bmap.size_bytes != size_bytes:
        raise ImageError(
            f"{bmap.name} is the block map of an image of {bmap.size_bytes} bytes"
            f" ({format_size(bmap.size_bytes)}), this one has {size_bytes}",
            hint="give the block map that came with this image, or none",
        )
    return settle_mapping(
        size_bytes,
        found=found,
        free=free,
        partitions=partitions,
        mapped=bmap.mapped,
        checks=bmap.checks,
    )
