# SPDX-License-Identifier: Apache-2.0
"""Checks of the partition table: the kind, both copies, the order, the types, what lies outside."""

from collections.abc import Iterator
from dataclasses import replace

from edge.units import MIB
from flasher.table import SECTOR, Partition, check_table
from flasher.table.gpt import BIOS_BOOT, LINUX_DATA, read_copy
from flasher.table.mbr import LINUX, NON_FILESYSTEM, is_protective
from flasher.verify.chain import chain_of
from flasher.verify.check import Check, Outcome, failed, judge, not_applicable
from flasher.verify.subject import Subject

_GPT_TYPES = {"BIOS": BIOS_BOOT, "BOOT": LINUX_DATA, "META": LINUX_DATA}
_MBR_TYPES = {"BIOS": NON_FILESYSTEM, "BOOT": LINUX, "META": NON_FILESYSTEM}
_GPT_HEAD_SECTORS = 34
_LOADER = "LOADER"
"""The partition that keeps others off a loader's sectors."""
# The headers that the boot ROM of Rockchip chips looks for, new and old (the latter scrambled).
_ROCKCHIP_MAGIC = (b"RKNS", b"\x3b\x8c\xdc\xfc")


def _check_kind(subject: Subject) -> Outcome:
    chain, kind = chain_of(subject.profile.soc), subject.table.kind
    wanted = subject.profile.partition_table.kind
    faults = []
    if kind not in chain.tables:
        faults.append(f"the table is {_name(kind)}, but {chain.table_text}")
    if kind != wanted:
        faults.append(f"the table is {_name(kind)} and the profile wants {_name(wanted)}")
    return judge(faults, f"{_name(kind)}: {chain.table_text}")


def _check_copies(subject: Subject) -> Outcome:
    if subject.table.kind == "mbr":
        subject.file.seek(SECTOR)
        if subject.file.read(8) == b"EFI PART":
            return failed("behind the MBR there is a GPT too, and readers differ in which counts")
        return not_applicable("an MBR has one copy")
    last = subject.size_bytes // SECTOR - 1
    first, backup = (read_copy(subject.file, lba) for lba in (1, last))
    faults = []
    if first is None:
        faults.append("the first copy of the GPT is damaged")
    if backup is None:
        faults.append(f"there is no intact backup of the GPT in the last sector ({last})")
    if first is not None and backup is not None and first != backup:
        faults.append("the two copies of the GPT differ")
    if not _protects_all(subject, last):
        faults.append("the protective MBR does not cover the disk")
    return judge(faults, f"both copies agree, the backup is in sector {last}")


def _check_layout(subject: Subject) -> Outcome:
    table = replace(subject.table, size_bytes=subject.size_bytes)
    check_table(table)
    inner = _own(subject)
    first = min(each.start_bytes for each in inner)
    wanted = subject.profile.partition_table.first_mib * MIB
    faults = []
    if first < wanted:
        faults.append(f"the first partition begins at byte {first}, in front of {wanted}")
    faults += [
        f"partition {each.number} begins at byte {each.start_bytes}, off a MiB's border"
        for each in inner
        if each.start_bytes % MIB
    ]
    return judge(
        faults, f"{len(table.partitions)} partitions apart from each other, from byte {first} on"
    )


def _check_roles(subject: Subject) -> Outcome:
    roles, parts = subject.roles(), _own(subject)
    found = {role: subject.partition(role) for role in roles}
    faults = list(_role_faults(subject, found))
    if len(parts) != len(roles):
        faults.append(f"there are {len(parts)} partitions where {', '.join(roles)} are expected")
    return judge(faults, ", ".join(f"{role} is {found[role].number}" for role in roles))


def _check_raw(subject: Subject) -> Outcome:
    pieces = [piece for piece in subject.profile.pieces if piece.at_sector is not None]
    if not pieces:
        return not_applicable("nothing lies outside of partitions on this board")
    first = min(each.start_bytes for each in _own(subject))
    faults, told = [], []
    for piece in pieces:
        sector = piece.at_sector or 0
        subject.file.seek(sector * SECTOR)
        head = subject.file.read(SECTOR)
        if sector < _GPT_HEAD_SECTORS or sector * SECTOR >= first:
            faults.append(f"sector {sector} is no room between the table and the partitions")
        elif not any(head):
            told.append(f"sector {sector} is empty: the board starts from its own flash")
            if piece.required:
                faults.append(f"sector {sector} holds no {piece.title}")
        elif not head.startswith(_ROCKCHIP_MAGIC):
            faults.append(f"what is in sector {sector} is no loader that the boot ROM starts")
        else:
            told.append(f"sector {sector} holds a loader, partitions begin behind it")
    return judge(faults, "; ".join(told))


CHECKS = (
    Check(
        name="table-kind",
        rule="the kind of partition table is one that the boot ROM or firmware reads",
        evidence="documentation",
        run=_check_kind,
    ),
    Check(
        name="table-copies",
        rule="a GPT is whole in both its places, behind a protective MBR, and an MBR is alone",
        evidence="source",
        run=_check_copies,
    ),
    Check(
        name="table-layout",
        rule="partitions do not overlap, lie on the disk and leave the room in front to loaders",
        evidence="source",
        run=_check_layout,
    ),
    Check(
        name="partition-types",
        rule="every partition is there, in order, of the type by which its reader finds it",
        evidence="documentation",
        run=_check_roles,
    ),
    Check(
        name="raw-areas",
        rule="a loader that the boot ROM reads from a fixed sector lies there",
        evidence="source",
        run=_check_raw,
    ),
)


def _own(subject: Subject) -> list[Partition]:
    """Return the partitions that are no cover for a loader in fixed sectors."""
    parts = subject.table.partitions
    if subject.table.kind == "gpt":
        return [each for each in parts if each.label != _LOADER]
    covered = {piece.at_sector for piece in subject.profile.pieces}
    return [each for each in parts if each.start_bytes // SECTOR not in covered]


def _role_faults(subject: Subject, found: dict[str, Partition]) -> Iterator[str]:
    types = _GPT_TYPES if subject.table.kind == "gpt" else _MBR_TYPES
    chain = chain_of(subject.profile.soc)
    for role, part in found.items():
        if role == "EFI":
            if part.type not in chain.efi_types:
                yield f"partition {part.number} is of type {part.type}, which {chain.name} passes"
        elif part.type != types[role]:
            yield f"partition {part.number} ({role}) is of type {part.type}, not {types[role]}"
    starts = [part.start_bytes for part in found.values()]
    if starts != sorted(starts):
        yield f"{', '.join(found)} do not lie in this order"


def _protects_all(subject: Subject, last: int) -> bool:
    subject.file.seek(446)
    entry = subject.file.read(16)
    start, count = (int.from_bytes(entry[at : at + 4], "little") for at in (8, 12))
    return is_protective(subject.file) and start == 1 and count >= min(last, 0xFFFFFFFF)


def _name(kind: str) -> str:
    return "a GPT" if kind == "gpt" else "an MBR"
