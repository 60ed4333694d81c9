# SPDX-License-Identifier: Apache-2.0
"""Learns an image's digest beside the writing, where nobody had to read all of it before.

Only records want it, so it is read at low priority, and no card waits for it before it is done.
"""

import hashlib
import os
from contextlib import suppress
from threading import Event, Thread, get_native_id

from edge.errors import EdgeError
from edge.units import MIB
from flasher.source import Image, open_image

_NICE = 10


class DigestLearner:
    """The SHA-256 of an unpacked image, known from the start or after a while."""

    def __init__(self, image: Image, stopping: Event) -> None:
        self._image, self._stopping = image, stopping
        self._sha256 = image.sha256
        self._is_known = Event()
        if image.sha256:
            self._is_known.set()
        else:
            Thread(target=self._run, name="image digest", daemon=True).start()

    def wait(self) -> str:
        """Return the digest as hex; nothing when the image cannot be read any more."""
        self._is_known.wait()
        return self._sha256

    def _run(self) -> None:
        try:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICE)
            with suppress(EdgeError):  # the cards meet the same fault and tell of it
                self._sha256 = self._read()
        finally:  # whatever happens: a finished card waits for it
            self._is_known.set()

    def _read(self) -> str:
        digest, buffer = hashlib.sha256(), memoryview(bytearray(MIB))
        with open_image(self._image) as reader:
            for start in range(0, self._image.size_bytes, MIB):
                if self._stopping.is_set():
                    return ""
                view = buffer[: min(MIB, self._image.size_bytes - start)]
                reader.read_at(start, view)
                digest.update(view)
        return digest.hexdigest()
