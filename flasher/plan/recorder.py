# SPDX-License-Identifier: Apache-2.0
"""Files that partition tables are read from and written to where there is no medium yet."""

import io

from flasher.patch import Patch
from flasher.source import Image, open_image


class ImageFile(io.RawIOBase):
    """An image as a file to read a few sectors from; what lies in its head costs nothing."""

    def __init__(self, image: Image) -> None:
        super().__init__()
        self._image, self._at = image, 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to `offset`."""
        self._at = _place(offset, whence, self._at, self._image.size_bytes)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, unpacking the image that far when it must be."""
        left = max(0, self._image.size_bytes - self._at)
        wanted = left if size < 0 else min(size, left)
        data = bytearray(self._image.head[self._at : self._at + wanted])
        if len(data) < wanted:
            data = bytearray(wanted)
            with open_image(self._image) as reader:
                reader.read_at(self._at, memoryview(data))
        self._at += wanted
        return bytes(data)


class Recorder(io.RawIOBase):
    """A file as large as the medium of which only the head exists; it notes other writes."""

    def __init__(self, head: bytes, size_bytes: int) -> None:
        super().__init__()
        self.head = bytearray(head)
        self.patches: tuple[Patch, ...] = ()
        self.size_bytes, self._at = size_bytes, 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to `offset`."""
        self._at = _place(offset, whence, self._at, self.size_bytes)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return what the head has here."""
        end = len(self.head) if size < 0 else self._at + size
        data = bytes(self.head[self._at : end])
        self._at += len(data)
        return data

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Change the head, and note what lies behind it."""
        inside = bytes(data[: max(0, len(self.head) - self._at)])
        self.head[self._at : self._at + len(inside)] = inside
        if behind := bytes(data[len(inside) :]):
            self.patches = (*self.patches, Patch(self._at + len(inside), behind))
        self._at += len(data)
        return len(data)


def _place(offset: int, whence: int, at: int, size_bytes: int) -> int:
    return offset + {io.SEEK_SET: 0, io.SEEK_CUR: at, io.SEEK_END: size_bytes}[whence]
