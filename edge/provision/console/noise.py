# SPDX-License-Identifier: Apache-2.0
"""Tell noise from text: a console read at the wrong speed is mostly bytes that no text has."""

from typing import Final

WINDOW_BYTES: Final = 512

_TEXT: Final = bytes(range(0x20, 0x7F)) + b"\t\n\r\x07\x08\x1b"


class NoiseMeter:
    """Judges the bytes of a console by the half KiB."""

    def __init__(self) -> None:
        self._seen = 0
        self._odd = 0

    def feed(self, data: bytes) -> bool:
        """Say whether the half KiB that ends in `data` was noise, most of it."""
        self._seen += len(data)
        self._odd += len(data.translate(None, _TEXT))
        if self._seen < WINDOW_BYTES:
            return False
        is_noise = self._odd * 2 > self._seen
        self._seen = self._odd = 0
        return is_noise
