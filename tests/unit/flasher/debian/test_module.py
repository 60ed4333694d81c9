# SPDX-License-Identifier: Apache-2.0
"""The closure of kernel modules, on modules made for the purpose."""

import lzma
import struct
from pathlib import Path

import pytest

from edge.errors import ImageError
from flasher.debian.module import ModuleTree, alias_index, dependency_index, parse_module


def elf(*declarations: str) -> bytes:
    """Return an ELF file with nothing in it but a `.modinfo` section."""
    names = b"\0.shstrtab\0.modinfo\0"
    info = b"".join(each.encode() + b"\0" for each in declarations)
    body = names + info
    table_at = 64 + len(body)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 1, 183, 1, 0, 0, table_at, 0, 64, 0, 0, 64, 3, 1
    )
    section = struct.Struct("<IIQQQQIIQQ")
    sections = (
        section.pack(0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        section.pack(1, 3, 0, 0, 64, len(names), 0, 0, 1, 0),
        section.pack(11, 1, 0, 0, 64 + len(names), len(info), 0, 0, 1, 0),
    )
    return header + body + b"".join(sections)


@pytest.fixture
def tree(tmp_path: Path) -> ModuleTree:
    folder = tmp_path / "6.1-test"
    modules = {
        "fs/disk.ko": elf("depends=cache-lib,journal", "softdep=pre: sum", "alias=fs-disk"),
        "fs/journal.ko": elf("depends=cache-lib"),
        "lib/cache-lib.ko": elf("depends="),
        "lib/sum.ko": elf("depends=", "softdep=post: disk"),
        "net/card.ko": elf("depends=builtin-bus", "alias=pci:v1*", "firmware=card.bin"),
        "net/broken.ko": elf("depends=absent"),
    }
    for name, content in modules.items():
        path = folder / "kernel" / f"{name}.xz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lzma.compress(content))
    (folder / "modules.builtin").write_text("kernel/bus/builtin-bus.ko\n")
    return ModuleTree(folder)


def test_modules_come_after_what_they_need(tree: ModuleTree) -> None:
    """Hard and soft dependencies load first, even where soft ones point in a circle."""
    order = [each.name for each in tree.load_order(["disk"])]
    assert sorted(order) == ["cache_lib", "disk", "journal", "sum"]
    assert order.index("cache_lib") < order.index("journal") < order.index("disk")
    assert order.index("sum") < order.index("disk")


def test_built_in_modules_are_neither_loaded_nor_missed(tree: ModuleTree) -> None:
    """What is part of the kernel already needs no file."""
    assert [each.name for each in tree.load_order(["card", "builtin_bus"])] == ["card"]


def test_every_missing_module_is_named_with_who_wants_it(tree: ModuleTree) -> None:
    """A profile with two wrong names and a broken package takes one round to mend."""
    with pytest.raises(ImageError) as caught:
        tree.load_order(["nothing", "broken", "nowhere"])
    assert "nothing, wanted by the board profile" in caught.value.message
    assert "absent, wanted by broken" in caught.value.message
    assert "nowhere" in caught.value.message


def test_the_indices_are_in_the_format_of_depmod(tree: ModuleTree) -> None:
    """The node finds files, needs and aliases in two plain text files."""
    modules = tree.load_order(["disk", "card"])
    assert dependency_index(modules).splitlines() == [
        "kernel/fs/disk.ko: kernel/lib/sum.ko kernel/fs/journal.ko kernel/lib/cache-lib.ko",
        "kernel/fs/journal.ko: kernel/lib/cache-lib.ko",
        "kernel/lib/cache-lib.ko:",
        "kernel/lib/sum.ko:",
        "kernel/net/card.ko:",
    ]
    assert alias_index(modules) == "alias pci:v1* card\nalias fs-disk disk\n"


def test_declarations_are_read(tree: ModuleTree) -> None:
    """Firmware that a driver will ask for is known at build time."""
    assert tree.load_order(["card"])[0].firmware == ("card.bin",)


@pytest.mark.parametrize("content", [b"", b"\x7fELF\x01\x01", b"#!/bin/true"])
def test_what_is_no_module_is_refused(content: bytes) -> None:
    """A truncated or foreign file is a plain error."""
    with pytest.raises(ImageError, match="not a 64-bit ELF file"):
        parse_module("x", "x.ko", content)
