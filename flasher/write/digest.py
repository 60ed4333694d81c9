# SPDX-License-Identifier: Apache-2.0
"""Digests of what was read: fast ones for the way to a card, SHA-256 for what a map promises.

XXH3 is no defence against an attacker, who has no place between a buffer and its read-back; it
costs a fiftieth of SHA-256, which eight cards at once could not afford.
"""

import hashlib

import xxhash

from edge.errors import ImageError
from flasher.ranges import Range
from flasher.source import Image, RangeCheck


def digest(view: memoryview) -> bytes:
    """Return what tells these bytes from any others that a bad card would give."""
    return xxhash.xxh3_128_digest(view)


class RangeChecker:
    """Compares an image's bytes, as they pass in order, with the checksums of its block map."""

    def __init__(self, image: Image) -> None:
        self._path = image.path
        self._waiting = list(reversed(image.checks))
        self._hash = hashlib.sha256()
        self._position = 0

    def feed(self, at: Range, view: memoryview) -> None:
        """Take the bytes at `at`; what was passed over before makes its ranges unchecked.

        Raises:
            ImageError: when a range that is complete now has another checksum.
        """
        while self._waiting and self._waiting[-1].range.start < at.end:
            check = self._waiting[-1]
            start = max(check.range.start, self._position, at.start)
            if start >= at.end:
                return
            if start == check.range.start:
                self._hash = hashlib.new(check.algorithm)
            elif start != self._position:
                self._waiting.pop()  # its beginning was not read
                continue
            end = min(check.range.end, at.end)
            self._hash.update(view[start - at.start : end - at.start])
            self._position = end
            if end < check.range.end:
                return
            self._conclude(self._waiting.pop())

    def _conclude(self, check: RangeCheck) -> None:
        if self._hash.hexdigest() != check.digest:
            raise ImageError(
                f"{self._path} does not match its block map: bytes {check.range.start}"
                f" to {check.range.end} have another checksum",
                hint="download image and block map again; they belong together",
            )
