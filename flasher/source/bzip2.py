# SPDX-License-Identifier: Apache-2.0
"""Looks for the mark at the end of a .bz2 file, which need not begin at a whole byte."""

import os

_END_MARK = 0x177245385090
_MARK_BITS, _CHECK_BITS = 48, 32
_TAIL_BYTES = 11  # mark, checksum and up to seven bits to fill the last byte


def check_bz2(fd: int) -> None:
    """Check that the .bz2 file open as `fd` ends as a stream does.

    Raises:
        EOFError: when it does not.
    """
    size_bytes = os.fstat(fd).st_size
    tail = os.pread(fd, _TAIL_BYTES, max(0, size_bytes - _TAIL_BYTES))
    bits = int.from_bytes(tail, "big")
    marks = ((bits >> fill + _CHECK_BITS) & (1 << _MARK_BITS) - 1 for fill in range(8))
    if _END_MARK not in marks:
        raise EOFError("the end of the last stream is not there")
