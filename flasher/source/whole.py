# SPDX-License-Identifier: Apache-2.0
"""Checks that an image is as long as its own partition table says."""

import io

from edge.errors import ImageError
from flasher.source.fault import AGAIN, WrongImageError
from flasher.source.image import Image
from flasher.table import SECTOR, read_table

_GPT_MAGIC = b"EFI PART"
_BACKUP_AT = SECTOR + 32
_REPAIR = f"{AGAIN}; if it was made so, unpack it and run: sgdisk -e IMAGE"


def check_whole(image: Image) -> None:
    """Check that partitions and backup table lie inside the image.

    Raises:
        ImageError: when it was cut short, or its table cannot be read.
    """
    table = read_table(io.BytesIO(image.head))
    if table is None or not table.partitions:
        raise ImageError(f"{image.path} has no partition table that can be read")
    end = max(partition.end_bytes for partition in table.partitions)
    if end > image.size_bytes:
        raise _cut(image, "its partitions need", end, AGAIN)
    if image.head[SECTOR : SECTOR + len(_GPT_MAGIC)] == _GPT_MAGIC:
        backup = int.from_bytes(image.head[_BACKUP_AT : _BACKUP_AT + 8], "little")
        if (end := (backup + 1) * SECTOR) > image.size_bytes:
            raise _cut(image, "with its backup partition table it needs", end, _REPAIR)


def _cut(image: Image, needs: str, end: int, hint: str) -> ImageError:
    return WrongImageError(
        f"{image.path} is truncated: it has {image.size_bytes} bytes, {needs} {end}", hint=hint
    )
