# SPDX-License-Identifier: Apache-2.0
"""What an ELF file says to the dynamic loader: machine, interpreter, libraries it needs.

ELF header ──► program headers ──► PT_INTERP   path of the loader
                              └──► PT_DYNAMIC  DT_NEEDED, DT_SONAME, DT_RUNPATH …
The dynamic section points into the string table by address, PT_LOAD says where that lies.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from boards.profile import Arch

MACHINES: dict[int, Arch] = {62: "amd64", 183: "arm64"}

_MAGIC = b"\x7fELF"
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")  # type, flags, offset, address, -, size in file, -, -
_ENTRY = struct.Struct("<qQ")
_LOAD, _DYNAMIC, _INTERP = 1, 2, 3
_NEEDED, _STRTAB, _SONAME, _RPATH, _RUNPATH = 1, 5, 14, 15, 29


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """What matters of an ELF file; `arch` is nothing for a machine that no board has."""

    arch: Arch | None
    interpreter: str
    needed: tuple[str, ...]
    soname: str
    runpath: tuple[str, ...]


def is_elf(path: Path) -> bool:
    """Say whether the file begins as ELF files do."""
    with path.open("rb") as file:
        return file.read(4) == _MAGIC


def read_elf(path: Path) -> Elf:
    """Return what the ELF file says.

    Raises:
        ValueError: when it is not an ELF file, or a damaged one.
    """
    return parse_elf(path.read_bytes())


def parse_elf(content: bytes) -> Elf:
    """Return what an ELF file with these bytes says; one of 32 bits has an unknown machine.

    Raises:
        ValueError: when it is not an ELF file, or a damaged one.
    """
    if content[:4] != _MAGIC:
        raise ValueError("not an ELF file")
    if content[4:6] != b"\x02\x01":
        return Elf(arch=None, interpreter="", needed=(), soname="", runpath=())
    try:
        return _parse(content)
    except (struct.error, IndexError, ValueError) as error:
        raise ValueError("a damaged ELF file") from error


def _parse(content: bytes) -> Elf:
    header = _HEADER.unpack_from(content)
    machine, segments_at, size, count = header[2], header[5], header[9], header[10]
    segments = [_SEGMENT.unpack_from(content, segments_at + index * size) for index in range(count)]
    interpreter, entries = "", list[tuple[int, int]]()
    for segment in segments:
        part = content[segment[2] : segment[2] + segment[5]]
        if segment[0] == _INTERP:
            interpreter = part.rstrip(b"\0").decode(errors="replace")
        elif segment[0] == _DYNAMIC:
            entries = list(_entries(part))
    strings = _strings_at(segments, dict(entries).get(_STRTAB, 0))

    def texts(tag: int) -> tuple[str, ...]:
        return tuple(_text(content, strings + value) for key, value in entries if key == tag)

    paths = ":".join((*texts(_RPATH), *texts(_RUNPATH)))
    return Elf(
        arch=MACHINES.get(machine),
        interpreter=interpreter,
        needed=texts(_NEEDED),
        soname=next(iter(texts(_SONAME)), ""),
        runpath=tuple(each for each in paths.split(":") if each),
    )


def _entries(section: bytes) -> Iterator[tuple[int, int]]:
    for tag, value in _ENTRY.iter_unpack(section[: len(section) // 16 * 16]):
        if tag == 0:
            return
        yield tag, value


def _strings_at(segments: list[tuple[int, ...]], address: int) -> int:
    for segment in segments:
        if segment[0] == _LOAD and segment[3] <= address < segment[3] + segment[5]:
            return address - segment[3] + segment[2]
    return 0


def _text(content: bytes, at: int) -> str:
    return content[at : content.index(0, at)].decode(errors="replace")
