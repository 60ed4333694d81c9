# SPDX-License-Identifier: Apache-2.0
"""Settles, before anything is destroyed, what every byte of the card shall be.

A card's content is its image with a few patches: the partition table laid out for the medium,
the backup table at the medium's end, and what makes the card one of a kind. The head, which
makes it a disk at all, is kept apart because it is written last.

Ranges are whole blocks, but for whole sectors beside a partition that is saved and at the end
of a medium that does not end with a block.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from edge.errors import ImageError
from edge.units import MIB
from flasher.patch import Patch
from flasher.plan.overlay import Overlay, cut_patches
from flasher.plan.recorder import ImageFile, Recorder
from flasher.plan.saved import add_saved
from flasher.ranges import Range, align, merge, subtract
from flasher.source import HEAD_BYTES, Image, ImageReader
from flasher.table import (
    SECTOR,
    Table,
    find_resized,
    grow_last,
    grow_partition,
    read_table,
    relocate_table,
    write_table,
)

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
    """In order and without overlaps, however they were given."""
    data: tuple[Range, ...]
    """Where the image or a patch has something."""
    zeros: tuple[Range, ...]
    """Where the medium must read as zeros."""
    interim_head: bytes
    """What the head is while the card is written, and stays when that fails: zeros, or a table
    of nothing but the saved partitions. As long as `head`."""
    interim_tail: Patch | None = None
    """The backup of that table, at the medium's end; without one the last MiB is zeroed.

    Whole sectors, not whole blocks: a saved partition may end right in front of it.
    """
    saved: tuple[Range, ...] = ()
    """What is never written: the partitions that outlive the flashing."""
    _overlay: Overlay = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        overlay = Overlay(self.patches)
        object.__setattr__(self, "_overlay", overlay)
        object.__setattr__(self, "patches", overlay.patches)

    @property
    def private(self) -> tuple[Range, ...]:
        """Return where this card differs from the image continued with zeros, head aside."""
        return merge(patch.range for patch in self.patches)

    def touches(self, at: Range) -> bool:
        """Return whether any byte of `at` differs from the image continued with zeros."""
        return self._overlay.touches(at)

    def fill(self, reader: ImageReader, at: Range, into: memoryview) -> None:
        """Put the bytes that belong at `at` into `into`, from the image and the patches."""
        inside = max(0, min(at.end, self.image.size_bytes) - at.start)
        if inside:
            reader.read_at(at.start, into[:inside])
        into[inside:] = bytes(len(into) - inside)
        self.patch(at, into)

    def patch(self, at: Range, into: memoryview) -> None:
        """Make `into`, which has the image's bytes at `at`, this card's."""
        self._overlay.apply(at, into)


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


def lay_out(
    image: Image,
    size_bytes: int,
    patches: tuple[Patch, ...] = (),
    *,
    grow: bool = False,
    saved: Table | None = None,
) -> Content:
    """Return the content of a medium of `size_bytes` that carries `image` and `patches`.

    `grow` has the last partition's entry reach to the end of the medium, or to what is saved
    there. The partitions of `saved`, which is the medium's present table without its others,
    get into the new table and keep their bytes.

    Raises:
        ImageError: when the image's partitions do not fit the medium.
    """
    kept = _ranges(saved)
    file = Recorder(image.head.ljust(min(HEAD_BYTES, size_bytes), b"\0"), size_bytes)
    head = Range(0, len(file.head))
    Overlay(patches).apply(head, file.head)
    _write_table(file, image, grow=grow, saved=saved)
    patches = cut_patches((*patches, *file.patches), kept)
    old = _old_backup(image)
    wanted = [*subtract(image.data, [old]), *(patch.range for patch in patches)]
    body = subtract(align(wanted, BLOCK_BYTES, size_bytes), [head, *kept])
    interim = _interim(saved, head.size_bytes, size_bytes)
    return Content(
        image=image,
        head=bytes(file.head),
        # Blank where blocks around it are written at all.
        patches=(*cut_patches([Patch(old.start, bytes(old.size_bytes))], kept), *patches),
        data=body,
        zeros=subtract(_cared_for(image, size_bytes), [head, *body, *_unread(image), *kept]),
        interim_head=bytes(interim.head),
        interim_tail=interim.patches[0] if interim.patches else None,
        saved=kept,
    )


def _write_table(file: Recorder, image: Image, *, grow: bool, saved: Table | None) -> None:
    """Write the table for the medium to `file`, which has the image's head."""
    table = read_image_table(image)
    if table.kind == "mbr":
        for place, data in _grown_mbr(image, file.size_bytes) if grow else ():
            file.seek(place)
            file.write(data)
        return
    table = relocate_table(table, file.size_bytes)
    if saved:
        table = add_saved(table, saved)
    last = max(read_image_table(image).partitions, key=lambda each: each.end_bytes)
    write_table(file, grow_partition(table, last.number) if grow else table)  # type: ignore[arg-type]
    if _is_hybrid(image.head):
        file.head[:SECTOR] = image.head[:SECTOR]


def _grown_mbr(image: Image, size_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yield what changes in the image's boot records when its last partition grows."""
    file = ImageFile(image)
    table = read_table(file)  # type: ignore[arg-type]
    if table is not None:
        yield from find_resized(file, grow_last(replace(table, size_bytes=size_bytes)))  # type: ignore[arg-type]


def _is_hybrid(head: bytes) -> bool:
    """Tell whether the MBR lists more than the protective partition; then it stays as it is."""
    kinds = [head[_ENTRIES_AT + _ENTRY_BYTES * index + 4] for index in range(_ENTRIES)]
    return sum(1 for kind in kinds if kind) > 1


def _old_backup(image: Image) -> Range:
    """Return where a GPT image keeps its backup table, behind its last partition."""
    table = read_image_table(image)
    if table.kind != "gpt":
        return Range(0, 0)
    last = max(partition.end_bytes for partition in table.partitions)
    end = min(image.size_bytes, table.size_bytes)
    start = max(end - _GPT_TAIL_BYTES, last)
    return Range(min(start, end), end)


def _cared_for(image: Image, size_bytes: int) -> tuple[Range, ...]:
    """Return what is either written or proven zero: the image, what follows, and the end."""
    behind = image.size_bytes + _BEHIND_BYTES
    parts = [Range(0, behind), Range(max(0, size_bytes - MIB), size_bytes)]
    return align(parts, BLOCK_BYTES, size_bytes)


def _unread(image: Image) -> Iterator[Range]:
    """Yield the whole blocks that may stay as they are."""
    for one in image.unread:
        start = -(-one.start // BLOCK_BYTES) * BLOCK_BYTES
        yield Range(start, max(start, one.end // BLOCK_BYTES * BLOCK_BYTES))


def _ranges(saved: Table | None) -> tuple[Range, ...]:
    return (
        merge(Range(each.start_bytes, each.end_bytes) for each in saved.partitions) if saved else ()
    )


def _interim(saved: Table | None, head_bytes: int, size_bytes: int) -> Recorder:
    """Return an empty head, or one with a table of nothing but what is saved."""
    file = Recorder(bytes(head_bytes), size_bytes)
    if saved:
        write_table(file, relocate_table(saved, size_bytes))  # type: ignore[arg-type]
    return file
