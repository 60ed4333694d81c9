# SPDX-License-Identifier: Apache-2.0
"""What an image is and how its bytes are read, whatever it is packed in."""

from flasher.map import RangeCheck
from flasher.source.image import HEAD_BYTES, Image, Stamp, read_stamp
from flasher.source.load import load_image, scan_image
from flasher.source.reader import ImageReader, open_image
from flasher.source.verify import Verification

__all__ = [
    "HEAD_BYTES",
    "Image",
    "ImageReader",
    "RangeCheck",
    "Stamp",
    "Verification",
    "load_image",
    "open_image",
    "read_stamp",
    "scan_image",
]
