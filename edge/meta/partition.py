# SPDX-License-Identifier: Apache-2.0
"""META on a partition, or at an offset of a disk or image file, safe against power cuts.

A change is written to the first copy, flushed, then to the second and flushed. Whenever the
power goes, one copy is whole: the old values or the new ones, never a mixture.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_SH, flock
from pathlib import Path

from edge.errors import ImageError
from edge.meta.adv import BLOCK_BYTES, STORE_BYTES, is_valid, parse_store, render


class MetaPartition:
    """The META store that begins `offset` bytes into `path`."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = offset

    def read(self) -> dict[int, bytes]:
        """Return every value by key; a blank partition holds none.

        Raises:
            ImageError: when the store cannot be read or neither copy is valid.
        """
        with self._open(os.O_RDONLY) as file:
            return parse_store(self._load(file))

    def write(self, values: Mapping[int, bytes]) -> None:
        """Replace the whole store by `values`."""
        with self._open(os.O_RDWR) as file:
            self._replace(file, render(values))

    def set(self, key: int, value: bytes) -> None:
        """Store `value` under `key`."""
        with self._open(os.O_RDWR) as file:
            values = parse_store(self._load(file)) | {key: value}
            self._replace(file, render(values))

    def delete(self, key: int) -> bool:
        """Remove `key` and say whether it was there."""
        with self._open(os.O_RDWR) as file:
            values = parse_store(self._load(file))
            if key not in values:
                return False
            del values[key]
            self._replace(file, render(values))
        return True

    @contextmanager
    def _open(self, flags: int) -> Iterator[int]:
        # PID 1 and machined both keep values here, hence the lock around read and write.
        try:
            file = os.open(self.path, flags | os.O_CLOEXEC)
            try:
                flock(file, LOCK_SH if flags == os.O_RDONLY else LOCK_EX)
                yield file
            finally:
                os.close(file)
        except OSError as error:
            raise ImageError(f"meta on {self.path}: {error.strerror}") from error

    def _load(self, file: int) -> bytes:
        store = os.pread(file, STORE_BYTES, self.offset)
        if len(store) < STORE_BYTES:
            raise ImageError(f"meta on {self.path}: {len(store)} bytes, {STORE_BYTES} expected")
        return store

    def _replace(self, file: int, block: bytes) -> None:
        store = self._load(file)
        first, second = store[:BLOCK_BYTES], store[BLOCK_BYTES:]
        if is_valid(first) and first != second:
            # The last change was cut off after its first copy: without this repair, a second
            # cut during the write below would leave no whole copy at all.
            self._write_block(file, 1, first)
        self._write_block(file, 0, block)
        self._write_block(file, 1, block)

    def _write_block(self, file: int, copy: int, block: bytes) -> None:
        start, done = self.offset + copy * BLOCK_BYTES, 0
        while done < len(block):
            done += os.pwrite(file, block[done:], start + done)
        os.fsync(file)
