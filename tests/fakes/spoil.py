# SPDX-License-Identifier: Apache-2.0
"""Ways to spoil an image of a board in one place, and to see whether a check finds it."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from flasher.table import read_table, write_table
from flasher.verify import CHECKS, Finding, verify_image
from tests.fakes.board_image import Parts, assemble, describe, make_parts

Change = Callable[[Parts], object]
Damage = Callable[[Path], object]


@dataclass(frozen=True)
class Fault:
    """One thing done to an image before or after it is put together, and what must be said."""

    check: str
    says: str
    before: Change | None = None
    after: Damage | None = None
    board: str = "rpi4"


def put(name: str, content: bytes) -> Change:
    return lambda parts: parts.efi.update({name: content})


def drop(name: str) -> Change:
    return lambda parts: parts.efi.pop(name)


def root(name: str, content: bytes, mode: int = 0o644) -> Change:
    def change(parts: Parts) -> None:
        parts.root[name] = content
        parts.modes[name] = mode

    return change


def unroot(name: str) -> Change:
    return lambda parts: parts.root.pop(name)


def config(old: str, new: str) -> Change:
    def change(parts: Parts) -> None:
        text = parts.efi["config.txt"].decode()
        assert old in text
        parts.efi["config.txt"] = text.replace(old, new).encode()

    return change


def menu(old: str, new: str) -> Change:
    def change(parts: Parts) -> None:
        assert old in parts.boot_config
        parts.boot_config = parts.boot_config.replace(old, new)

    return change


def initramfs(old: bytes, new: bytes) -> Change:
    def edit(content: bytes) -> bytes:
        assert old in content
        assert len(old) == len(new)
        return content.replace(old, new)

    return lambda parts: setattr(parts, "edit_initramfs", edit)


def identity(key: str, value: object) -> Change:
    return lambda parts: parts.identity.update({key: value})


def setting(name: str, value: object) -> Change:
    return lambda parts: setattr(parts, name, value)


def poke(offset: int, content: bytes) -> Damage:
    """Return what overwrites bytes of an image; from its end if `offset` is negative."""

    def change(image: Path) -> None:
        with image.open("r+b") as file:
            file.seek(offset, 0 if offset >= 0 else 2)
            file.write(content)

    return change


def in_partition(number: int, offset: int, content: bytes) -> Damage:
    def change(image: Path) -> None:
        with image.open("r+b") as file:
            table = read_table(file)
            assert table is not None
            part = table.by_number(number)
            assert part is not None
            file.seek(part.start_bytes + offset)
            file.write(content)

    return change


def retype(number: int, kind: str) -> Damage:
    """Return what gives a partition another type, in a table that is sound otherwise."""

    def change(image: Path) -> None:
        with image.open("r+b") as file:
            table = read_table(file)
            assert table is not None
            parts = tuple(
                replace(each, type=kind) if each.number == number else each
                for each in table.partitions
            )
            write_table(file, replace(table, partitions=parts))

    return change


def shift_first(sectors: int) -> Damage:
    """Return what moves the start of the first partition in an MBR."""

    def change(image: Path) -> None:
        with image.open("r+b") as file:
            file.seek(446 + 8)
            start, count = struct.unpack("<II", file.read(8))
            file.seek(446 + 8)
            file.write(struct.pack("<II", start + sectors, count - sectors))

    return change


def merged(tree: bytes, says: str = "") -> Change:
    """Return what says that disable-bt was merged into a tree, which is on the image."""
    record = {
        "tree": "bcm2711-rpi-4-b.dtb",
        "base_sha256": "0" * 64,
        "overlays": [{"name": "disable-bt", "sha256": "0" * 64, "parameters": {}}],
        "sha256": says or sha256(tree).hexdigest(),
    }

    def change(parts: Parts) -> None:
        parts.efi["bcm2711-rpi-4-b.dtb"] = tree
        parts.identity["device_trees"] = [record]

    return change


def find(folder: Path, fault: Fault) -> Finding:
    """Return what the check says of an image that has this fault."""
    parts = make_parts(fault.board)
    if fault.before is not None:
        fault.before(parts)
    image = assemble(parts, folder)
    describe(image, parts)
    if fault.after is not None:
        fault.after(image)
    only = [check for check in CHECKS if check.name == fault.check]
    (finding,) = verify_image(image, parts.profile, checks=only).findings
    return finding
