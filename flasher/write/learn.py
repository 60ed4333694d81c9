# SPDX-License-Identifier: Apache-2.0
"""Learns an image's digest while it is written, where nobody had to read all of it before.

A packed image is unpacked to its end in any case, which also proves it whole before the first
card gets its head. Of a raw image only the data is read for the cards, so its digest is read on
the side, at low priority. Only records want it: a card waits for it a tenth of its own time.
"""

import hashlib
import os
from contextlib import suppress
from threading import Event, Thread, get_native_id

from edge.errors import EdgeError
from edge.units import MIB
from flasher.source import Image, ImageReader, open_image

_NICE = 10
_SMALL_BYTES = 256 * MIB
_DELAY_S = 2.0  # until then a fast target may be finished, and nothing shall slow it down
_PATIENCE_S = 10.0
_SHARE = 0.1


class HashingReader:
    """Reads all of an image in order, whatever is asked of it, and hashes it on the way."""

    def __init__(self, reader: ImageReader, size_bytes: int, stopping: Event) -> None:
        self._reader, self._size_bytes, self._stopping = reader, size_bytes, stopping
        self._digest, self._position = hashlib.sha256(), 0
        self._scratch = memoryview(bytearray(MIB))

    def read_at(self, offset: int, into: memoryview) -> None:
        """Fill `into` with the bytes at `offset`, after reading what lies before them."""
        self._read_up_to(offset)
        self._reader.read_at(offset, into)
        self._digest.update(into)
        self._position = offset + len(into)

    def finish(self) -> str:
        """Read to the end; return the digest as hex, or nothing when the run was stopped."""
        self._read_up_to(self._size_bytes)
        return "" if self._stopping.is_set() else self._digest.hexdigest()

    def _read_up_to(self, end: int) -> None:
        while self._position < end and not self._stopping.is_set():
            view = self._scratch[: min(len(self._scratch), end - self._position)]
            self._reader.read_at(self._position, view)
            self._digest.update(view)
            self._position += len(view)


class DigestLearner:
    """The SHA-256 of an unpacked image, known from the start or after a while."""

    def __init__(self, image: Image, stopping: Event) -> None:
        self._image, self._stopping = image, stopping
        self._sha256 = image.sha256
        self._is_known = Event()
        self._is_small = image.size_bytes <= _SMALL_BYTES
        self.listens = not image.sha256 and bool(image.layers)
        """Streams are to be read through `HashingReader` and to say what they `learnt`."""
        self._is_delayed = not self.listens and not self._is_small
        if image.sha256:
            self._is_known.set()
        elif not self.listens:
            Thread(target=self._run, name="image digest", daemon=True).start()

    def hashing(self, reader: ImageReader) -> HashingReader:
        """Return `reader` as one that hashes the whole image."""
        return HashingReader(reader, self._image.size_bytes, self._stopping)

    def learnt(self, sha256: str) -> None:
        """Take what somebody found out; nothing means that he did not get to the end."""
        self._sha256 = self._sha256 or sha256
        self._is_known.set()

    def wait(self, seconds: float) -> str:
        """Return the digest as hex, or nothing, for a card that took `seconds`."""
        if self._is_delayed:
            return self._sha256
        self._is_known.wait(_PATIENCE_S if self._is_small else _SHARE * seconds)
        return self._sha256

    def _run(self) -> None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICE)
        if not self._is_small and self._stopping.wait(_DELAY_S):
            return
        self._is_delayed = False
        # A fault is met by the cards as well, and they tell of it.
        with suppress(EdgeError), open_image(self._image) as reader:
            self.learnt(self.hashing(reader).finish())
