# SPDX-License-Identifier: Apache-2.0
"""Extensions in folders, unpacked packages and the base of a root, all made on the spot."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from boards.profile import Arch
from flasher.extension.catalog import Extension, read_extension
from flasher.extension.compose import is_in
from flasher.extension.entry import Entry
from flasher.extension.gather import gather
from flasher.extension.library import PackageTree
from tests.fakes.elf import LOADERS, make_elf

ARCH: Arch = "arm64"
LIBRARIES = "usr/lib/aarch64-linux-gnu"

NewExtension = Callable[..., Extension]
Gather = Callable[[Extension], dict[str, Entry]]


def write_tree(folder: Path, files: Mapping[str, bytes | str]) -> None:
    """Write files; a text is the target of a link, and what lies in bin or sbin a program."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.symlink_to(content)
        else:
            path.write_bytes(content)
            path.chmod(0o755 if path.parent.name in {"bin", "sbin"} else 0o644)


def program(*needed: str, arch: str = ARCH, **fields: Any) -> bytes:
    return make_elf(arch, needed=needed, interpreter=LOADERS[arch], **fields)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """The base of a root: a loader, the C library, Python."""
    folder = tmp_path / "base"
    write_tree(
        folder,
        {
            f"{LIBRARIES}/libc.so.6": make_elf(ARCH, soname="libc.so.6"),
            "usr/lib/ld-linux-aarch64.so.1": make_elf(ARCH),
            "usr/bin/python3.13": program("libc.so.6"),
            "lib": "usr/lib",
            "bin": "usr/bin",
            "etc/hosts": b"127.0.0.1 localhost\n",
            "etc/base.conf": b"",
        },
    )
    return folder


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder with an unpacked package in every folder below it."""
    folder = tmp_path / "packages"
    write_tree(
        folder / "kit",
        {
            "usr/sbin/kit": program("libkit.so.1", "libc.so.6"),
            "usr/sbin/kit-helper": b"#!/bin/sh\necho no\n",
            "etc/kit/kit.conf": b"a = 1\n",
            "etc/kit/more.conf": b"b = 1\n",
        },
    )
    write_tree(
        folder / "libkit1",
        {
            f"{LIBRARIES}/libkit.so.1": "libkit.so.1.2.3",
            f"{LIBRARIES}/libkit.so.1.2.3": make_elf(
                ARCH, soname="libkit.so.1", needed=("libdeep.so.0", "libc.so.6")
            ),
        },
    )
    # As packages were before everything moved below /usr.
    write_tree(
        folder / "libdeep0",
        {"lib/aarch64-linux-gnu/libdeep.so.0": make_elf(ARCH, needed=("libc.so.6",))},
    )
    write_tree(
        folder / "firmware-kit",
        {
            "usr/lib/firmware/kit/chip with, odd name.bin": b"\x7fELF firmware",
            "usr/lib/firmware/kit/other.bin": "chip with, odd name.bin",
        },
    )
    return folder


@pytest.fixture
def new_extension(tmp_path: Path) -> NewExtension:
    """What writes an extension into a folder and reads it."""

    def make(*, tree: Mapping[str, bytes | str] | None = None, **fields: Any) -> Extension:
        document = {"title": "Kit", "summary": "A kit.", "arch": [ARCH], **fields}
        name = document.setdefault("name", "kit")
        folder = tmp_path / f"extension-{name}"
        folder.mkdir()
        (folder / "extension.yaml").write_text(yaml.safe_dump(document))
        write_tree(folder / "rootfs", tree or {})
        return read_extension(folder)

    return make


@pytest.fixture
def gathered(base: Path, packages: Path) -> Gather:
    """What finds out the files of an extension."""

    def find(extension: Extension) -> dict[str, Entry]:
        tree = PackageTree({each.name: each for each in packages.iterdir()})
        return gather(extension, ARCH, tree, lambda path: is_in(base, path))

    return find
