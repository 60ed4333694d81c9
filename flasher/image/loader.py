# SPDX-License-Identifier: Apache-2.0
"""The loader: the first program of the system, an ELF file that this module writes.

It takes the place of a shell in the initramfs. The program is a table of system calls computed at
build time and a small interpreter for it (`loader_code.py`): mount this, load that module, execute
Python. A call that may not fail and does prints its message with the error number and ends the
program, upon which the kernel panics and, told so on its command line, restarts.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag

from boards.profile import Arch
from flasher.image.loader_code import AMD64, ARM64, Listing

LOAD_ADDRESS = 0x400000
_CODE_AT = 0x80
# call number, flags, six arguments, message address, message length
_ENTRY = struct.Struct("<QQQQQQQQQQ")
_ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_READ_WRITE_EXECUTE = 7


class Flag(IntFlag):
    """What the interpreter does around one call."""

    NONE = 0
    FATAL = 1
    """Failure prints the message and ends the program."""
    SAVE = 2
    """The result is kept for later calls."""
    USE_SAVED = 4
    """The kept result is the first argument."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string argument, passed as the address of its NUL-terminated bytes."""

    text: str


@dataclass(frozen=True, slots=True)
class TextList:
    """A list of strings, passed as the address of a NULL-terminated array of addresses."""

    texts: tuple[str, ...]


Argument = int | Text | TextList


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One system call by name; `message` says what failed and gains the error number."""

    name: str
    arguments: tuple[Argument, ...] = ()
    flags: Flag = Flag.NONE
    message: str = ""


@dataclass(frozen=True, slots=True)
class _Machine:
    elf_number: int
    code: Listing
    calls: dict[str, int]


_MACHINES: dict[Arch, _Machine] = {
    "arm64": _Machine(
        183,
        ARM64,
        {
            "ioctl": 29,
            "dup3": 24,
            "mkdirat": 34,
            "unlinkat": 35,
            "mount": 40,
            "chdir": 49,
            "chroot": 51,
            "openat": 56,
            "close": 57,
            "write": 64,
            "exit_group": 94,
            "execve": 221,
            "finit_module": 273,
        },
    ),
    "amd64": _Machine(
        62,
        AMD64,
        {
            "write": 1,
            "close": 3,
            "ioctl": 16,
            "execve": 59,
            "chdir": 80,
            "chroot": 161,
            "mount": 165,
            "exit_group": 231,
            "openat": 257,
            "mkdirat": 258,
            "unlinkat": 263,
            "dup3": 292,
            "finit_module": 313,
        },
    ),
}


def write_loader(arch: Arch, calls: Sequence[Call]) -> bytes:
    """Return an executable for `arch` that makes `calls` in order.

    The last call must not return: nothing but data follows it.
    """
    machine = _MACHINES[arch]
    code = b"".join(bytes.fromhex(encoding) for encoding, _ in machine.code)
    data = _Data(LOAD_ADDRESS + _CODE_AT + len(code) + _ENTRY.size * len(calls))
    table = b"".join(_encode(call, machine, data) for call in calls)
    body = code + table + bytes(data.content)
    return _headers(machine, len(body)).ljust(_CODE_AT, b"\0") + body


class _Data:
    """Strings behind the table, each stored once, at known addresses."""

    def __init__(self, address: int) -> None:
        self._address = address
        self.content = bytearray()
        self._known: dict[bytes, int] = {}

    def place(self, content: bytes) -> int:
        """Return the address of `content`."""
        if content not in self._known:
            self._known[content] = self._address + len(self.content)
            self.content += content.ljust(-(-len(content) // 8) * 8, b"\0")
        return self._known[content]

    def argument(self, argument: Argument) -> int:
        """Return the register value that stands for `argument`."""
        match argument:
            case Text(text):
                return self.place(text.encode() + b"\0")
            case TextList(texts):
                addresses = [self.place(text.encode() + b"\0") for text in texts]
                return self.place(struct.pack(f"<{len(addresses) + 1}Q", *addresses, 0))
            case number:
                return number % 2**64


def _encode(call: Call, machine: _Machine, data: _Data) -> bytes:
    arguments = [data.argument(each) for each in call.arguments]
    arguments += [0] * (6 - len(arguments))
    message = f"edge: loader: {call.message}: error 000\n".encode() if call.message else b""
    number = machine.calls[call.name]
    return _ENTRY.pack(number, call.flags, *arguments, data.place(message), len(message))


def _headers(machine: _Machine, body_size: int) -> bytes:
    magic = b"\x7fELF" + bytes([2, 1, 1])  # 64 bits, little endian, version 1
    size = _CODE_AT + body_size
    elf = _ELF_HEADER.pack(
        magic,
        2,  # an executable at a fixed address
        machine.elf_number,
        1,
        LOAD_ADDRESS + _CODE_AT,
        _ELF_HEADER.size,
        0,
        0,
        _ELF_HEADER.size,
        _PROGRAM_HEADER.size,
        1,
        0,
        0,
        0,
    )
    address = LOAD_ADDRESS
    return elf + _PROGRAM_HEADER.pack(
        1, _READ_WRITE_EXECUTE, 0, address, address, size, size, 0x10000
    )
