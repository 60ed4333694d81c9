# SPDX-License-Identifier: Apache-2.0
"""Settles, before anything is destroyed, what every byte of the card shall be.

A card's content is its image with a few patches: the partition table laid out for the medium,
the backup table at the medium's end, and META. The head, which makes it a disk at all, is kept
apart because it is written last.
"""

import io
from dataclasses import dataclass

from edge.errors import ImageError
from edge.units import MIB
from flasher.patch import Patch
from flasher.ranges import Range, align, merge, subtract
from flasher.source import HEAD_BYTES, Image, ImageReader
from flasher.table import SECTOR, Table, read_table, relocate_table, write_table

BLOCK_BYTES = 4096
_BEHIND_BYTES = MIB  # wiped behind the image, so that no older file system shows up there
_GPT_TAIL_BYTES = 33 * SECTOR
_ENTRIES_AT, _ENTRY_BYTES, _ENTRIES = 446, 16, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Every byte of a card that matters: head, data and zeros."""

    image: Image
    head: bytes
    """The first MiB; `data` and `zeros` leave it out."""
    patches: tuple[Patch, ...]
    data: tuple[Range, ...]
    """Where the image or a patch has something."""
    zeros: tuple[Range, ...]
    """Where the medium must read as zeros."""

    def fill(self, reader: ImageReader, at: Range, into: memoryview) -> None:
        """Put the bytes that belong at `at` into `into`, from the image and the patches."""
        inside = max(0, min(at.end, self.image.size_bytes) - at.start)
        if inside:
            reader.read_at(at.start, into[:inside])
        into[inside:] = bytes(len(into) - inside)
        for patch in self.patches:
            start, end = max(at.start, patch.offset), min(at.end, patch.range.end)
            if start < end:
                piece = patch.data[start - patch.offset : end - patch.offset]
                into[start - at.start : end - at.start] = piece


def read_image_table(image: Image) -> Table:
    """Return the partition table of `image`.

    Raises:
        ImageError: when it has none or the image ends before its last partition.
    """
    table = read_table(io.BytesIO(image.head))
    if table is None or not table.partitions:
        raise ImageError(f"{image.path} has no partition table that can be read")
    end = max(partition.end_bytes for partition in table.partitions)
    if end > image.size_bytes:
        raise ImageError(
            f"{image.path} is truncated: it has {image.size_bytes} bytes,"
            f" its partitions need {end}",
            hint="download or build it again",
        )
    return table


def lay_out(image: Image, size_bytes: int, patches: tuple[Patch, ...] = ()) -> Content:
    """Return the content of a medium of `size_bytes` that carries `image` and `patches`.

    Raises:
        ImageError: when the image's partitions do not fit the medium.
    """
    table = read_image_table(image)
    file = _Recorder(image.head, size_bytes)
    data = list(image.data)
    if table.kind == "gpt":
        write_table(file, relocate_table(table, size_bytes))  # type: ignore[arg-type]
        if _is_hybrid(image.head):
            file.head[:SECTOR] = image.head[:SECTOR]
        data = list(subtract(data, [_old_backup(table, image)]))
    patches = (*patches, *file.patches)
    head = Range(0, min(HEAD_BYTES, size_bytes))
    wanted = align([*data, *(patch.range for patch in patches)], BLOCK_BYTES, size_bytes)
    body = subtract(wanted, [head])
    return Content(
        image=image,
        head=bytes(file.head).ljust(head.size_bytes, b"\0"),
        patches=(*_blanks(table, image), *patches),
        data=body,
        zeros=subtract(_cared_for(image, size_bytes), [head, *body]),
    )


def _is_hybrid(head: bytes) -> bool:
    """Tell whether the MBR lists more than the protective partition; then it stays as it is."""
    kinds = [head[_ENTRIES_AT + _ENTRY_BYTES * index + 4] for index in range(_ENTRIES)]
    return sum(1 for kind in kinds if kind) > 1


def _old_backup(table: Table, image: Image) -> Range:
    """Return where the image keeps its backup table, behind its last partition."""
    last = max(partition.end_bytes for partition in table.partitions)
    end = min(image.size_bytes, table.size_bytes)
    start = max(end - _GPT_TAIL_BYTES, last)
    return Range(min(start, end), end)


def _blanks(table: Table, image: Image) -> tuple[Patch, ...]:
    """Blank the image's own backup table, where blocks around it are written at all."""
    if table.kind != "gpt":
        return ()
    old = _old_backup(table, image)
    return (Patch(old.start, bytes(old.size_bytes)),)


def _cared_for(image: Image, size_bytes: int) -> tuple[Range, ...]:
    """Return what is either written or proven zero: the image, what follows, and the end."""
    behind = min(size_bytes, image.size_bytes + _BEHIND_BYTES)
    return merge([Range(0, behind), Range(max(0, size_bytes - MIB), size_bytes)])


class _Recorder(io.RawIOBase):
    """A file as large as the medium of which only the head exists; it notes other writes."""

    def __init__(self, head: bytes, size_bytes: int) -> None:
        super().__init__()
        self.head = bytearray(head)
        self.patches: tuple[Patch, ...] = ()
        self._size_bytes, self._at = size_bytes, 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = len(self.head) if size < 0 else self._at + size
        data = bytes(self.head[self._at : end])
        self._at += len(data)
        return data

    def write(self, data: bytes) -> int:  # type: ignore[override]
        end = self._at + len(data)
        if end <= len(self.head):
            self.head[self._at : end] = data
        else:
            self.patches = (*self.patches, Patch(self._at, bytes(data)))
        self._at = end
        return len(data)
