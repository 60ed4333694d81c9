# SPDX-License-Identifier: Apache-2.0
"""Reads the unpacked bytes of an image, forwards, straight into the buffers of whoever asks."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from edge.errors import ImageError
from flasher.source.fault import AGAIN, explained
from flasher.source.format import Kind
from flasher.source.image import Image, Layer
from flasher.source.stream import fill, open_layers, skip
from flasher.source.structure import count_blocks


class ImageReader(Protocol):
    """An open image; offsets must not go backwards."""

    def read_at(self, offset: int, into: memoryview) -> None:
        """Fill `into` with the unpacked bytes at `offset`.

        Raises:
            ImageError: when they cannot be read or are not all there.
        """
        ...


@contextmanager
def open_image(image: Image) -> Iterator[ImageReader]:
    """Open `image` for reading once more from its start; programs it needs end with it."""
    with ExitStack() as stack:
        base = _plain_base(image.layers)
        if base is None:
            reader = _StreamReader(image)
            stack.callback(reader.close)
            yield reader
        else:
            with explained(image.path):
                file = stack.enter_context(image.path.open("rb", buffering=0))
            yield _FileReader(image.path, file.fileno(), base)


def _plain_base(layers: tuple[Layer, ...]) -> int | None:
    """Return where in the file the image lies as it is, if it does."""
    if not layers:
        return 0
    member = layers[0].member
    if len(layers) == 1 and member is not None and member.is_plain:
        return member.start
    return None


class _FileReader:
    """An image that lies in a file as it is."""

    def __init__(self, path: Path, fd: int, base: int) -> None:
        self._path, self._fd, self._base = path, fd, base
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(fd, base, 0, os.POSIX_FADV_SEQUENTIAL)

    def read_at(self, offset: int, into: memoryview) -> None:
        done = 0
        with explained(self._path):
            while done < len(into):
                count = os.preadv(self._fd, [into[done:]], self._base + offset + done)
                if not count:
                    raise _ended(self._path, offset + done)
                done += count


class _StreamReader:
    """An image that is decoded from its start, skipping what nobody asks for."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._open()

    def read_at(self, offset: int, into: memoryview) -> None:
        if offset < self._at:
            self.close()
            self._open()
        with explained(self._image.path):
            self._at += skip(self._stream, offset - self._at)
            count = fill(self._stream, into) if self._at == offset else 0
        self._at += count
        if count != len(into):
            raise _ended(self._image.path, self._at)

    def close(self) -> None:
        self._stream.close()

    def _open(self) -> None:
        path, layers = self._image.path, self._image.layers
        with explained(path):
            blocks = count_blocks(path) if layers[0].kind is Kind.XZ else 1
            self._stream = open_layers(path, layers, blocks=blocks)
        self._at = 0


def _ended(path: Path, offset: int) -> ImageError:
    return ImageError(f"{path} ended early at byte {offset}", hint=AGAIN)
