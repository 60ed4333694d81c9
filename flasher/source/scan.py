# SPDX-License-Identifier: Apache-2.0
"""Reads an image to its end before anything is destroyed: its hashes, and where it is zero."""

import hashlib
import io
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edge.events import Listener, Progressed
from edge.units import MIB
from flasher.map import Bmap, MapObserver, Mapping, data_ranges
from flasher.source.fault import explained
from flasher.source.stream import fill

_READ_BYTES = 4 * MIB
_ZEROS = bytes(_READ_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What one pass over an image found."""

    mapping: Mapping
    digests: dict[str, str]
    """As hex, by algorithm."""
    head: bytes

    @property
    def sha256(self) -> str:
        """Of all of it, as hex."""
        return self.digests["sha256"]


def scan_stream(
    stream: io.RawIOBase,
    name: Path,
    listener: Listener,
    *,
    algorithms: Sequence[str] = ("sha256",),
    likely_bytes: int = 0,
    block_map: Bmap | None = None,
) -> Scan:
    """Read `stream` to its end; `likely_bytes` is how much there is, for the progress."""
    with explained(name), _Pass(listener, algorithms, likely_bytes, block_map) as one:
        if isinstance(stream, io.FileIO):
            one.read_sparse(stream)
        else:
            one.read_to(stream, sys.maxsize)
        return one.result()


class _Pass:
    """A pass that hashes one buffer in a thread while the next is being filled."""

    def __init__(
        self,
        listener: Listener,
        algorithms: Sequence[str],
        likely_bytes: int,
        block_map: Bmap | None,
    ) -> None:
        self._listener, self._likely_bytes = listener, likely_bytes
        self._digests = {name: hashlib.new(name) for name in algorithms}
        self._at = 0
        self._observer = MapObserver(block_map)
        self._buffers = [memoryview(bytearray(_READ_BYTES)) for _ in range(2)]
        self._hasher = ThreadPoolExecutor(1)
        self._hashing: Future[None] | None = None

    def __enter__(self) -> "_Pass":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._hasher.shutdown()

    def result(self) -> Scan:
        self._wait()
        return Scan(
            mapping=self._observer.finish(self._at),
            digests={name: one.hexdigest() for name, one in self._digests.items()},
            head=bytes(self._observer.head),
        )

    def read_sparse(self, file: io.FileIO) -> None:
        size_bytes = os.fstat(file.fileno()).st_size
        for data in data_ranges(file.fileno(), size_bytes):
            self._skip_to(data.start)
            file.seek(data.start)
            self.read_to(file, data.end)
        self._skip_to(size_bytes)

    def read_to(self, stream: io.RawIOBase, end: int) -> None:
        while self._at < end:
            self._buffers.reverse()
            view = self._buffers[0]
            count = fill(stream, view[: min(_READ_BYTES, end - self._at)])
            if not count:
                return
            self._observer.feed(self._at, view[:count])
            self._add(view[:count])

    def _skip_to(self, offset: int) -> None:
        while self._at < offset:
            self._add(memoryview(_ZEROS)[: min(_READ_BYTES, offset - self._at)])

    def _add(self, view: memoryview) -> None:
        self._at += len(view)
        self._wait()
        self._hashing = self._hasher.submit(self._hash, view)
        self._listener(
            Progressed(
                step="read image",
                done_bytes=self._at,
                total_bytes=max(self._at, self._likely_bytes),
            )
        )

    def _hash(self, view: memoryview) -> None:
        for one in self._digests.values():
            one.update(view)

    def _wait(self) -> None:
        if self._hashing is not None:
            self._hashing.result()
