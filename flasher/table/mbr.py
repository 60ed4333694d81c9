# SPDX-License-Identifier: Apache-2.0
"""MBR partition tables: four primary entries and a chain of extended boot records."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from edge.errors import ImageError
from flasher.table.model import ALIGNMENT, FIRST_LOGICAL, SECTOR, Partition, Table, settle

FAT32_LBA = "0c"
LINUX = "83"
NON_FILESYSTEM = "da"
# The signature by which the node knows an MBR to be ours: "edge" in ASCII.
MBR_DISK_ID = "65646765"
EXTENDED_LBA = "0f"

# status, first CHS, type, last CHS, first LBA, sectors
_ENTRY = struct.Struct("<B3sB3sII")
_Entry = tuple[int, bytes, int, bytes, int, int]
_SECTORS_AT = 12
_NO_ENTRY = bytes(_ENTRY.size)
_NO_CHS = b"\xfe\xff\xff"  # "look at the LBA fields", as every tool writes it today
_SIGNATURE = b"\x55\xaa"
_ENTRIES_AT = 446
_SIGNATURE_AT = 510
_DISK_ID_AT = 440
_PROTECTIVE_TYPE = 0xEE
_MAX_LOGICAL = 60


def is_protective(file: BinaryIO) -> bool:
    """Tell whether the MBR of `file` says that the real table is a GPT."""
    raw = _read_sector(file, 0)
    return _is_boot_record(raw) and any(entry[2] == _PROTECTIVE_TYPE for entry in _entries(raw))


def read_mbr(file: BinaryIO, size_bytes: int) -> Table | None:
    """Return the MBR of `file`, or nothing when there is none."""
    raw = _read_sector(file, 0)
    if not _is_boot_record(raw):
        return None
    disk_id = f"{int.from_bytes(raw[_DISK_ID_AT : _DISK_ID_AT + 4], 'little'):08x}"
    primary = [
        _partition(entry, number, disk_id, base=0)
        for number, entry in enumerate(_entries(raw), start=1)
        if entry[2]
    ]
    if not primary:
        return None
    logical = [
        each
        for container in primary
        if container.extended
        for each in _read_chain(file, container, disk_id)
    ]
    return Table(
        kind="mbr", disk_id=disk_id, size_bytes=size_bytes, partitions=(*primary, *logical)
    )


def write_mbr(file: BinaryIO, table: Table) -> None:
    """Write the extended boot records, then the MBR, keeping the boot code in front of it.

    Raises:
        ImageError: when a partition is beyond 2 TiB or a logical one leaves no room for its record.
    """
    for lba, record in _encode_chain(table):
        file.seek(lba * SECTOR)
        file.write(record)
    settle(file)
    file.seek(0)
    boot_code = file.read(SECTOR)[:_DISK_ID_AT].ljust(_DISK_ID_AT, b"\0")
    primary = {each.number: each for each in table.partitions if each.number < FIRST_LOGICAL}
    entries = [
        _encode(primary[number], base=0) if number in primary else _NO_ENTRY
        for number in range(1, FIRST_LOGICAL)
    ]
    disk_id = int(table.disk_id, 16).to_bytes(4, "little")
    file.seek(0)
    file.write(boot_code + disk_id + bytes(2) + b"".join(entries) + _SIGNATURE)
    settle(file)


def find_resized(file: BinaryIO, table: Table) -> Iterator[tuple[int, bytes]]:
    """Yield where in `file`, and to what, sizes must change for its partitions to be `table`'s.

    All else that an MBR says stays as it is: boot code, flags, old-style addresses.
    """
    sectors = {each.number: each.size_bytes // SECTOR for each in table.partitions}
    for number, entry in enumerate(_entries(_read_sector(file, 0)), start=1):
        place = _ENTRIES_AT + _ENTRY.size * (number - 1)
        if entry[2]:
            yield from _resize(place, entry, sectors.get(number, entry[5]))
    container = next((each for each in table.partitions if each.extended), None)
    if container is None:
        return
    link, number = 0, FIRST_LOGICAL
    for lba, here, following in _walk_chain(file, container):
        place = lba * SECTOR + _ENTRIES_AT
        if here[2]:
            grown = list(_resize(place, here, sectors.get(number, here[5])))
            yield from grown
            if grown and link:
                yield link + _SECTORS_AT, _pack_sectors(here[4] + sectors[number])
            number += 1
        link = place + _ENTRY.size if following[2] else 0


def _read_sector(file: BinaryIO, lba: int) -> bytes:
    file.seek(lba * SECTOR)
    return file.read(SECTOR)


def _is_boot_record(raw: bytes) -> bool:
    """Tell a table from a FAT boot sector, which ends in the same signature."""
    if len(raw) < SECTOR or raw[_SIGNATURE_AT:] != _SIGNATURE:
        return False
    return all(raw[_ENTRIES_AT + 16 * index] in {0x00, 0x80} for index in range(4))


def _entries(raw: bytes) -> Iterator[_Entry]:
    return _ENTRY.iter_unpack(raw[_ENTRIES_AT:_SIGNATURE_AT])


def _partition(entry: _Entry, number: int, disk_id: str, *, base: int) -> Partition:
    status, _, kind, _, first, sectors = entry
    return Partition(
        number=number,
        start_bytes=(base + first) * SECTOR,
        size_bytes=sectors * SECTOR,
        type=f"{kind:02x}",
        uuid=f"{disk_id}-{number:02x}",
        attributes=status,
    )


def _read_chain(file: BinaryIO, container: Partition, disk_id: str) -> Iterator[Partition]:
    number = FIRST_LOGICAL
    for lba, here, _ in _walk_chain(file, container):
        if here[2]:
            yield _partition(here, number, disk_id, base=lba)
            number += 1


def _walk_chain(file: BinaryIO, container: Partition) -> Iterator[tuple[int, _Entry, _Entry]]:
    """Yield place, partition and link of each record; a loop or a way out just ends the chain."""
    start = container.start_bytes // SECTOR
    lba, seen = start, set[int]()
    while lba not in seen and len(seen) < _MAX_LOGICAL:
        seen.add(lba)
        raw = _read_sector(file, lba)
        if len(raw) < SECTOR or raw[_SIGNATURE_AT:] != _SIGNATURE:
            return
        here, following, *_ = _entries(raw)
        yield lba, here, following
        if not following[2] or not 0 < following[4] < container.size_bytes // SECTOR:
            return
        lba = start + following[4]


def _resize(place: int, entry: _Entry, sectors: int) -> Iterator[tuple[int, bytes]]:
    if entry[5] != sectors:
        yield place + _SECTORS_AT, _pack_sectors(sectors)


def _pack_sectors(sectors: int) -> bytes:
    return sectors.to_bytes(4, "little")


def _encode_chain(table: Table) -> Iterator[tuple[int, bytes]]:
    container = next((each for each in table.partitions if each.extended), None)
    logical = sorted(
        (each for each in table.partitions if each.number >= FIRST_LOGICAL),
        key=lambda each: each.number,
    )
    if container is None:
        if logical:
            raise ImageError(f"partition {logical[0].number} is logical without an extended one")
        return
    start = container.start_bytes // SECTOR
    places = _record_places(container, logical)
    if not logical:
        yield start, _record(_NO_ENTRY, _NO_ENTRY)
    for index, each in enumerate(logical):
        following = _NO_ENTRY
        if index + 1 < len(logical):
            following = _encode_link(start, places[index + 1], logical[index + 1])
        yield places[index], _record(_encode(each, base=places[index]), following)


def _record_places(container: Partition, logical: list[Partition]) -> list[int]:
    """Choose the sector of each record: the container's first, then in front of its partition."""
    places, free = [], container.start_bytes
    for index, each in enumerate(logical):
        place = container.start_bytes if index == 0 else max(free, each.start_bytes - ALIGNMENT)
        if not free <= place < each.start_bytes or each.end_bytes > container.end_bytes:
            raise ImageError(f"logical partition {each.number} leaves no room for its record")
        places.append(place // SECTOR)
        free = each.end_bytes
    return places


def _encode_link(start: int, place: int, each: Partition) -> bytes:
    end = each.end_bytes // SECTOR
    return _ENTRY.pack(0, _NO_CHS, 0x05, _NO_CHS, place - start, end - place)


def _record(here: bytes, following: bytes) -> bytes:
    return bytes(_ENTRIES_AT) + here + following + _NO_ENTRY * 2 + _SIGNATURE


def _encode(each: Partition, *, base: int) -> bytes:
    first, sectors = each.start_bytes // SECTOR - base, each.size_bytes // SECTOR
    if first + base > 0xFFFFFFFF or sectors > 0xFFFFFFFF:
        raise ImageError(f"partition {each.number} is beyond the 2 TiB that an MBR can describe")
    return _ENTRY.pack(each.attributes & 0x80, _NO_CHS, int(each.type, 16), _NO_CHS, first, sectors)
