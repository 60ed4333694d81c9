# SPDX-License-Identifier: Apache-2.0
"""What an image is and how its bytes are read, whatever it is packed in."""

from flasher.source.image import (
    HEAD_BYTES,
    Image,
    ImageReader,
    RangeCheck,
    Stamp,
    open_image,
    read_stamp,
    scan_image,
)

__all__ = [
    "HEAD_BYTES",
    "Image",
    "ImageReader",
    "RangeCheck",
    "Stamp",
    "open_image",
    "read_stamp",
    "scan_image",
]
