# SPDX-License-Identifier: Apache-2.0
"""The initramfs: the root file system, the modules to mount it, and the loader that does so."""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from boards.profile import Arch
from flasher.image.cpio import CpioWriter
from flasher.image.loader import Call, Flag, Text, TextList, write_loader

INIT_COMMAND = ("/usr/bin/python3.13", "-I", "-m", "edge.node.start")
_ENVIRONMENT = ("PATH=/usr/sbin:/usr/bin", "HOME=/", "LANG=C.UTF-8", "TERM=linux")

_AT_FDCWD = -100
_O_CLOEXEC = 0x80000
_LOOP_SET_FD = 0x4C00
_LOOP_FD, _IMAGE_FD = 100, 101
_MS_RDONLY, _MS_NOSUID, _MS_MOVE = 1, 2, 8192
_ROOT = "/root"
_ROOT_IMAGE = "/root.squashfs"
_LOOP_DEVICE = "/loop0"
_MICROCODE = "/kernel/x86/microcode/GenuineIntel.bin"


def write_initramfs(
    output: Path,
    *,
    arch: Arch,
    modules: Sequence[tuple[str, bytes]],
    root_image: Path,
    microcode: bytes = b"",
    init_command: Sequence[str] = INIT_COMMAND,
) -> None:
    """Write an initramfs that mounts `root_image` and executes `init_command` in it.

    `modules` are loaded in the order given. The archive is not compressed: the root image is, and
    the kernel finds `microcode` only in a plain one.
    """
    loader = write_loader(arch, list(_boot_calls([name for name, _ in modules], init_command)))
    with output.open("wb") as file, CpioWriter(file) as archive:
        if microcode:
            for folder in ("kernel", "kernel/x86", "kernel/x86/microcode"):
                archive.directory(folder)
            archive.file(_MICROCODE[1:], microcode)
        for folder in ("dev", "modules", _ROOT[1:]):
            archive.directory(folder)
        # The kernel opens it as standard input, output and error of the loader.
        archive.device("dev/console", kind=stat.S_IFCHR, major=5, minor=1)
        archive.device("dev/null", kind=stat.S_IFCHR, major=1, minor=3)
        archive.device(_LOOP_DEVICE[1:], kind=stat.S_IFBLK, major=7, minor=0)
        archive.file("init", loader, mode=0o755)
        for name, content in modules:
            archive.file(f"modules/{name}", content)
        archive.file_from(_ROOT_IMAGE[1:], root_image)


def _boot_calls(modules: Sequence[str], init_command: Sequence[str]) -> Iterator[Call]:
    yield _print("edge: loader\n")
    for name in modules:
        yield from _load_module(f"/modules/{name}")
    yield from _mount_root_image()
    for path in ("/init", _MICROCODE, _ROOT_IMAGE, *(f"/modules/{name}" for name in modules)):
        # Names only: the loop device keeps the root image's pages.
        yield Call(name="unlinkat", arguments=(_AT_FDCWD, Text(path), 0))
    yield _fatal("mount devtmpfs", "mount", *_mount("devtmpfs", f"{_ROOT}/dev", _MS_NOSUID))
    yield _print("edge: root mounted\n")
    yield _fatal("enter the root", "chdir", Text(_ROOT))
    yield _fatal("move the root", "mount", Text("."), Text("/"), 0, _MS_MOVE, 0)
    yield _fatal("change the root", "chroot", Text("."))
    yield _fatal("enter the new root", "chdir", Text("/"))
    yield _fatal(
        f"execute {init_command[0]}",
        "execve",
        Text(init_command[0]),
        TextList(tuple(init_command)),
        TextList(_ENVIRONMENT),
    )


def _load_module(path: str) -> Iterator[Call]:
    # A module that is built in or refused is no reason to stop; what needs it says so.
    yield _open(path)
    yield Call(name="finit_module", arguments=(0, Text(""), 0), flags=Flag.USE_SAVED)
    yield Call(name="close", flags=Flag.USE_SAVED)


def _mount_root_image() -> Iterator[Call]:
    yield from _open_as(_LOOP_FD, _LOOP_DEVICE)
    yield from _open_as(_IMAGE_FD, _ROOT_IMAGE)
    yield _fatal("attach the root image", "ioctl", _LOOP_FD, _LOOP_SET_FD, _IMAGE_FD)
    yield _fatal(
        "mount the root image",
        "mount",
        *_mount(_LOOP_DEVICE, _ROOT, _MS_RDONLY, kind="squashfs"),
    )


def _open(path: str) -> Call:
    return Call(
        name="openat",
        arguments=(_AT_FDCWD, Text(path), _O_CLOEXEC),
        flags=Flag.FATAL | Flag.SAVE,
        message=f"open {path}",
    )


def _open_as(number: int, path: str) -> Iterator[Call]:
    """Open `path` under a known descriptor, because only one result can be kept."""
    yield _open(path)
    yield Call(
        name="dup3",
        arguments=(0, number, _O_CLOEXEC),
        flags=Flag.FATAL | Flag.USE_SAVED,
        message=f"duplicate {path}",
    )
    yield Call(name="close", flags=Flag.USE_SAVED)


def _print(text: str) -> Call:
    return Call(name="write", arguments=(1, Text(text), len(text)))


def _fatal(message: str, name: str, *arguments: int | Text | TextList) -> Call:
    return Call(name=name, arguments=arguments, flags=Flag.FATAL, message=message)


def _mount(
    source: str, target: str, flags: int, *, kind: str = ""
) -> tuple[Text, Text, Text, int, int]:
    return Text(source), Text(target), Text(kind or source), flags, 0
