# SPDX-License-Identifier: Apache-2.0
"""Reads back what a block map says is mapped, past the cache, and checks its digests.

    python -m tests.benchmarks.tool.read_back MAP DEVICE

This is the read-back that bmaptool itself does not do.
"""

import hashlib
import mmap
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET

_STEP = 1024 * 1024


def main() -> int:
    """Compare every mapped range with its digest; 1 is a difference."""
    bmap, device = (Path(word) for word in sys.argv[1:])
    root = ET.parse(bmap).getroot()
    block = int((root.findtext("BlockSize") or "").strip())
    size = int((root.findtext("ImageSize") or "").strip())
    fd = os.open(device, os.O_RDONLY | os.O_DIRECT)
    for one in root.iter("Range"):
        first, _, last = (one.text or "").strip().partition("-")
        end = min((int(last or first) + 1) * block, size)
        if _digest(fd, int(first) * block, end) != one.get("chksum"):
            print(f"{device}: blocks {one.text} differ", file=sys.stderr)
            return 1
    return 0


def _digest(fd: int, start: int, end: int) -> str:
    """Read on while the last piece is hashed."""
    hashed, pieces = hashlib.sha256(), [mmap.mmap(-1, _STEP), mmap.mmap(-1, _STEP)]
    with ThreadPoolExecutor(1) as pool:
        hashing = pool.submit(hashed.update, b"")
        for turn, at in enumerate(range(start, end, _STEP)):
            piece, wanted = pieces[turn % 2], min(_STEP, end - at)
            if os.preadv(fd, [memoryview(piece)[: -(-wanted // 4096) * 4096]], at) < wanted:
                return "short"
            hashing.result()
            hashing = pool.submit(hashed.update, memoryview(piece)[:wanted])
        hashing.result()
    return hashed.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
