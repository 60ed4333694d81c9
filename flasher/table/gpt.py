# SPDX-License-Identifier: Apache-2.0
"""GUID partition tables: two copies, each with a header and an entry array under a CRC."""

import struct
from typing import BinaryIO
from uuid import UUID
from zlib import crc32

from edge.errors import ImageError
from flasher.table.model import SECTOR, Partition, Table, settle

EFI_SYSTEM = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
BIOS_BOOT = "21686148-6449-6e6f-744e-656564454649"
LINUX_DATA = "0fc63daf-8483-4772-8e79-3d69d8477de4"
LINUX_RESERVED = "8da63339-0007-60c0-c436-083ac8230908"

# signature, revision, header size, header CRC, reserved, own LBA, other LBA, first usable,
# last usable, disk GUID, entries LBA, entry count, entry size, entries CRC
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
# type GUID, own GUID, first LBA, last LBA, attributes, name in UTF-16
_ENTRY = struct.Struct("<16s16sQQQ72s")
_SIGNATURE = b"EFI PART"
_REVISION = 0x10000
_ENTRIES = 128
_ENTRY_SECTORS = _ENTRIES * _ENTRY.size // SECTOR
_NAME_UNITS = 36
_MAX_ENTRY_BYTES = 4 * 1024 * 1024
_PROTECTIVE = struct.Struct("<B3sB3sII")


def read_gpt(file: BinaryIO, size_bytes: int) -> Table | None:
    """Return the GPT of `file` from whichever copy is intact, the first one preferred."""
    for lba in (1, size_bytes // SECTOR - 1):
        if lba > 0 and (table := read_copy(file, lba)) is not None:
            return table
    return None


def read_copy(file: BinaryIO, lba: int) -> Table | None:
    """Return the copy of a GPT whose header is in sector `lba`, if it is intact."""
    file.seek(lba * SECTOR)
    raw = file.read(SECTOR)
    if len(raw) < SECTOR or not raw.startswith(_SIGNATURE):
        return None
    fields = _HEADER.unpack_from(raw)
    _, _, header_size, header_crc, _, own, other, _, _, disk, at, count, each, entries_crc = fields
    if not _HEADER.size <= header_size <= SECTOR or own != lba:
        return None
    if crc32(raw[:16] + b"\0\0\0\0" + raw[20:header_size]) != header_crc:
        return None
    if each < _ENTRY.size or count * each > _MAX_ENTRY_BYTES:
        return None
    entries = _read_sectors(file, at, count * each)
    if len(entries) < count * each or crc32(entries) != entries_crc:
        return None
    return Table(
        kind="gpt",
        disk_id=str(UUID(bytes_le=disk)),
        size_bytes=(max(own, other) + 1) * SECTOR,
        partitions=tuple(_decode_entries(entries, each)),
    )


def write_gpt(file: BinaryIO, table: Table) -> None:
    """Write both copies and the protective MBR, keeping any boot code in front of it.

    The backup is complete before the first copy is touched, so an interrupted write leaves one
    of the two intact.
    """
    entries = _encode_entries(table)
    last = table.size_bytes // SECTOR - 1
    file.seek((last - _ENTRY_SECTORS) * SECTOR)
    file.write(entries + _sector(_encode_header(table, entries, own=last, other=1)))
    settle(file)
    file.seek(0)
    boot_code = file.read(SECTOR)[:440].ljust(440, b"\0")
    first = _sector(_encode_header(table, entries, own=1, other=last))
    file.seek(0)
    file.write(boot_code + _protective_mbr(last) + first + entries)
    settle(file)


def _read_sectors(file: BinaryIO, lba: int, size_bytes: int) -> bytes:
    file.seek(lba * SECTOR)
    return file.read(-(-size_bytes // SECTOR) * SECTOR)[:size_bytes]


def _decode_entries(entries: bytes, each: int) -> list[Partition]:
    found = []
    for index in range(len(entries) // each):
        kind, own, first, last, attributes, name = _ENTRY.unpack_from(entries, index * each)
        if kind == bytes(16):
            continue
        found.append(
            Partition(
                number=index + 1,
                start_bytes=first * SECTOR,
                size_bytes=(last - first + 1) * SECTOR,
                type=str(UUID(bytes_le=kind)),
                label=name.decode("utf-16-le", "replace").split("\0")[0],
                uuid=str(UUID(bytes_le=own)),
                attributes=attributes,
            )
        )
    return found


def _encode_entries(table: Table) -> bytes:
    entries = bytearray(_ENTRIES * _ENTRY.size)
    for each in table.partitions:
        name = each.label.encode("utf-16-le")
        if len(name) > _NAME_UNITS * 2 or each.number > _ENTRIES:
            raise ImageError(
                f"partition {each.number} ({each.label!r}) does not fit in a GPT entry"
            )
        _ENTRY.pack_into(
            entries,
            (each.number - 1) * _ENTRY.size,
            UUID(each.type).bytes_le,
            UUID(each.uuid).bytes_le,
            each.start_bytes // SECTOR,
            each.end_bytes // SECTOR - 1,
            each.attributes,
            name,
        )
    return bytes(entries)


def _encode_header(table: Table, entries: bytes, *, own: int, other: int) -> bytes:
    def pack(header_crc: int) -> bytes:
        return _HEADER.pack(
            _SIGNATURE,
            _REVISION,
            _HEADER.size,
            header_crc,
            0,
            own,
            other,
            2 + _ENTRY_SECTORS,
            max(own, other) - _ENTRY_SECTORS - 1,
            UUID(table.disk_id).bytes_le,
            2 if own == 1 else own - _ENTRY_SECTORS,
            _ENTRIES,
            _ENTRY.size,
            crc32(entries),
        )

    return pack(crc32(pack(0)))


def _sector(data: bytes) -> bytes:
    return data.ljust(SECTOR, b"\0")


def _protective_mbr(last_lba: int) -> bytes:
    """Return bytes 440 to 511 of the first sector: one 0xEE partition over the whole disk."""
    entry = _PROTECTIVE.pack(
        0, b"\x00\x02\x00", 0xEE, b"\xff\xff\xff", 1, min(last_lba, 0xFFFFFFFF)
    )
    return bytes(6) + entry + bytes(48) + b"\x55\xaa"
