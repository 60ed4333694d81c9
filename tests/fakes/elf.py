# SPDX-License-Identifier: Apache-2.0
"""ELF files with nothing in them but what the dynamic loader reads."""

import struct
from collections.abc import Sequence

MACHINES = {"amd64": 62, "arm64": 183, "riscv64": 243}
LOADERS = {"amd64": "/lib64/ld-linux-x86-64.so.2", "arm64": "/lib/ld-linux-aarch64.so.1"}
_BASE = 0x400000


def make_elf(
    arch: str,
    *,
    needed: Sequence[str] = (),
    soname: str = "",
    runpath: str = "",
    interpreter: str = "",
    extra: bytes = b"",
) -> bytes:
    """Return an ELF file that declares these things; `extra` is appended to its strings."""
    strings, offsets = b"\0", {}
    for text in (*needed, soname, runpath):
        offsets[text] = len(strings)
        strings += text.encode() + b"\0"
    interp = interpreter.encode() + b"\0" if interpreter else b""
    count = 2 + bool(interp)
    strings_at = 64 + count * 56
    interp_at = strings_at + len(strings)
    dynamic_at = interp_at + len(interp) + len(extra)
    entries = [(1, offsets[name]) for name in needed]
    entries += [(14, offsets[soname])] if soname else []
    entries += [(29, offsets[runpath])] if runpath else []
    entries += [(5, _BASE + strings_at), (0, 0)]
    dynamic = b"".join(struct.pack("<qQ", *entry) for entry in entries)
    total = dynamic_at + len(dynamic)
    segments = [_segment(1, 0, total), _segment(2, dynamic_at, len(dynamic))]
    segments += [_segment(3, interp_at, len(interp))] if interp else []
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = identity + struct.pack(
        "<HHIQQQIHHHHHH", 3, MACHINES[arch], 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0
    )
    return b"".join((header, *segments, strings, interp, extra, dynamic))


def _segment(kind: int, at: int, size: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, 4, at, _BASE + at, _BASE + at, size, size, 8)
