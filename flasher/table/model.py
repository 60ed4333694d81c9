# SPDX-License-Identifier: Apache-2.0
"""Partitions and tables as values, and the arithmetic of placing partitions on a medium."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from io import UnsupportedOperation
from os import fsync
from typing import BinaryIO, Literal
from uuid import UUID, uuid5

from edge.errors import ImageError

SECTOR = 512
ALIGNMENT = 1024 * 1024
EXTENDED_TYPES = frozenset({"05", "0f", "85"})
FIRST_LOGICAL = 5

_NAMESPACE = UUID("5b1f4f0e-6a1c-5a53-9a0e-6b6f64652d65")
_GPT_TAIL_BYTES = 33 * SECTOR  # the backup entries and the backup header
_MBR_END_BYTES = 0xFFFFFFFF * SECTOR  # 2 TiB: what 32 bits can count


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One partition; `type` is a GUID in a GPT and two hex digits in an MBR.

    An MBR carries no labels and no UUIDs: there `label` is empty and `uuid` is what Linux makes
    of the disk signature and the number. `attributes` are the GPT attribute bits or the MBR
    status byte.
    """

    number: int
    start_bytes: int
    size_bytes: int
    type: str
    label: str = ""
    uuid: str = ""
    attributes: int = 0

    @property
    def end_bytes(self) -> int:
        """The first byte behind the partition."""
        return self.start_bytes + self.size_bytes

    @property
    def extended(self) -> bool:
        """Whether this is the container of an MBR's logical partitions."""
        return self.type in EXTENDED_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A partition table laid out for a medium of `size_bytes`.

    `disk_id` is the disk GUID of a GPT, or the disk signature of an MBR as eight hex digits.
    """

    kind: Literal["gpt", "mbr"]
    disk_id: str
    size_bytes: int
    partitions: tuple[Partition, ...] = ()

    def by_label(self, label: str) -> Partition | None:
        """Return the partition called `label`, if there is one."""
        return next((each for each in self.partitions if each.label == label), None)

    def by_number(self, number: int) -> Partition | None:
        """Return partition `number`, if there is one."""
        return next((each for each in self.partitions if each.number == number), None)

    @property
    def usable(self) -> tuple[int, int]:
        """The first byte and the byte behind the last that partitions may take."""
        tail = _GPT_TAIL_BYTES if self.kind == "gpt" else 0
        return ALIGNMENT, (self.size_bytes - tail) // SECTOR * SECTOR


def stable_guid(*names: str) -> str:
    """Return the same GUID for the same `names`, on every machine."""
    return str(uuid5(_NAMESPACE, "/".join(names)))


def add_partition(
    table: Table,
    *,
    type: str,  # noqa: A002 - the field of a partition
    size_bytes: int | None = None,
    label: str = "",
    uuid: str = "",
    logical: bool = False,
    at_bytes: int | None = None,
) -> Table:
    """Return `table` with one more partition in the first gap of `size_bytes`, or where told.

    Without a size the partition fills the largest gap. `logical` places it inside the extended
    partition of an MBR.

    Raises:
        ImageError: when there is no room or no free number.
    """
    number = _free_number(table, logical=logical)
    if at_bytes is not None and size_bytes is not None:
        start, end = at_bytes, at_bytes + size_bytes
    else:
        start, end = _choose_gap(table, size_bytes, logical=logical)
    added = Partition(
        number=number,
        start_bytes=start,
        size_bytes=end - start if size_bytes is None else _round_up(size_bytes, SECTOR),
        type=type,
        label=label if table.kind == "gpt" else "",
        uuid=uuid or _default_uuid(table, number, label),
    )
    return check_table(replace(table, partitions=_ordered((*table.partitions, added))))


def grow_partition(table: Table, number: int) -> Table:
    """Return `table` with partition `number` reaching to the end of the gap behind it.

    Raises:
        ImageError: when there is no such partition.
    """
    grown = table.by_number(number)
    if grown is None:
        raise ImageError(f"partition {number} is not in the table")
    limit = _room_end(table, logical=number >= FIRST_LOGICAL and table.kind == "mbr")
    behind = (
        other.start_bytes
        for other in _peers(table, grown)
        if other.start_bytes >= grown.end_bytes and other.number != number
    )
    end = min(limit, *behind, limit)
    if table.kind == "mbr":
        end = min(end, _MBR_END_BYTES)
    end = max(grown.end_bytes, end // ALIGNMENT * ALIGNMENT)
    bigger = replace(grown, size_bytes=end - grown.start_bytes)
    return replace(
        table,
        partitions=tuple(bigger if each.number == number else each for each in table.partitions),
    )


def grow_last(table: Table) -> Table:
    """Return `table` with the partition that lies last reaching to the end of the medium.

    Where that is the container of an MBR, the last logical partition grows with it.
    """
    if not table.partitions:
        return table
    inside = [each for each in table.partitions if table.kind == "mbr" and _is_logical(each)]
    last = _last(each for each in table.partitions if each not in inside)
    grown = grow_partition(table, last.number)
    return grow_partition(grown, _last(inside).number) if last.extended and inside else grown


def relocate_table(table: Table, size_bytes: int) -> Table:
    """Return `table` laid out for a medium of another size: its backup moves to the new end.

    Raises:
        ImageError: when the partitions do not fit.
    """
    return check_table(replace(table, size_bytes=size_bytes))


def check_table(table: Table) -> Table:
    """Return `table` when its partitions are whole, numbered once, on the medium and apart.

    Raises:
        ImageError: naming the first partition that is not.
    """
    seen: set[int] = set()
    for each in table.partitions:
        if each.number in seen or each.number < 1:
            raise ImageError(f"partition number {each.number} is used twice or invalid")
        seen.add(each.number)
        if each.start_bytes % SECTOR or each.size_bytes % SECTOR or each.size_bytes <= 0:
            raise ImageError(f"partition {each.number} is not made of whole {SECTOR}-byte sectors")
        if each.start_bytes < SECTOR or each.end_bytes > table.usable[1]:
            raise ImageError(
                f"partition {each.number} ends at byte {each.end_bytes},"
                f" outside a medium of {table.size_bytes} bytes"
            )
        for other in _peers(table, each):
            if other.start_bytes < each.end_bytes and each.start_bytes < other.end_bytes:
                raise ImageError(f"partitions {each.number} and {other.number} overlap")
    return table


def settle(file: BinaryIO) -> None:
    """Wait until what was written to `file` is on its medium, where it has one."""
    file.flush()
    with suppress(UnsupportedOperation):
        fsync(file.fileno())


def _last(partitions: Iterable[Partition]) -> Partition:
    return max(partitions, key=lambda each: each.end_bytes)


def _is_logical(partition: Partition) -> bool:
    """Tell a logical partition of an MBR by its number."""
    return partition.number >= FIRST_LOGICAL


def _peers(table: Table, partition: Partition) -> Iterator[Partition]:
    """Yield the partitions that share a level with `partition`."""
    inside = table.kind == "mbr" and partition.number >= FIRST_LOGICAL
    for other in table.partitions:
        other_inside = table.kind == "mbr" and other.number >= FIRST_LOGICAL
        if other.number != partition.number and other_inside == inside:
            yield other


def _free_number(table: Table, *, logical: bool) -> int:
    used = {each.number for each in table.partitions}
    if table.kind == "gpt":
        numbers: Iterable[int] = range(1, 129)
    else:
        numbers = range(FIRST_LOGICAL, 64) if logical else range(1, FIRST_LOGICAL)
    free = next((number for number in numbers if number not in used), None)
    if free is None:
        raise ImageError("the partition table has no free entry")
    return free


def _choose_gap(table: Table, size_bytes: int | None, *, logical: bool) -> tuple[int, int]:
    gaps = [gap for gap in _gaps(table, logical=logical) if gap[1] > gap[0]]
    if size_bytes is not None:
        gaps = [gap for gap in gaps if gap[1] - gap[0] >= size_bytes]
        gaps = gaps[:1]
    if not gaps:
        wanted = "more" if size_bytes is None else f"{size_bytes} bytes"
        raise ImageError(f"no room for {wanted} on a medium of {table.size_bytes} bytes")
    return max(gaps, key=lambda gap: gap[1] - gap[0])


def _gaps(table: Table, *, logical: bool) -> Iterator[tuple[int, int]]:
    """Yield the aligned free ranges; a logical partition leaves room for its record in front."""
    start, in_front = table.usable[0], 0
    if logical:
        start, in_front = _container(table).start_bytes, ALIGNMENT
    mbr = table.kind == "mbr"
    level = [each for each in table.partitions if (mbr and each.number >= FIRST_LOGICAL) == logical]
    for each in sorted(level, key=lambda each: each.start_bytes):
        yield _round_up(start, ALIGNMENT) + in_front, each.start_bytes // ALIGNMENT * ALIGNMENT
        start = max(start, each.end_bytes)
    end = _room_end(table, logical=logical)
    yield _round_up(start, ALIGNMENT) + in_front, end // ALIGNMENT * ALIGNMENT


def _room_end(table: Table, *, logical: bool) -> int:
    return _container(table).end_bytes if logical else table.usable[1]


def _container(table: Table) -> Partition:
    found = next((each for each in table.partitions if each.extended), None)
    if table.kind != "mbr" or found is None:
        raise ImageError("the table has no extended partition for a logical one")
    return found


def _default_uuid(table: Table, number: int, label: str) -> str:
    if table.kind == "mbr":
        return f"{table.disk_id}-{number:02x}"
    return stable_guid(table.disk_id, str(number), label)


def _ordered(partitions: Iterable[Partition]) -> tuple[Partition, ...]:
    return tuple(sorted(partitions, key=lambda each: each.number))


def _round_up(value: int, unit: int) -> int:
    return -(-value // unit) * unit
