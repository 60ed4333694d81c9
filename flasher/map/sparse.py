# SPDX-License-Identifier: Apache-2.0
"""What a sparse file really holds."""

import errno
import os
from collections.abc import Iterator

from flasher.ranges import Range


def data_ranges(fd: int, size_bytes: int) -> Iterator[Range]:
    """Yield what the file has stored; a file system that knows no holes yields all of it."""
    position = 0
    while position < size_bytes:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        if start >= size_bytes:
            return
        position = min(os.lseek(fd, start, os.SEEK_HOLE), size_bytes)
        yield Range(start, position)
