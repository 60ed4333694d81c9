# SPDX-License-Identifier: Apache-2.0
"""Images to render cards of."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flasher.ranges import Range, subtract
from flasher.source import Image, scan_image
from tests.fakes.boot_image import BOOT_AT, Kind, make_boot_image

MakeImage = Callable[..., Image]


@pytest.fixture
def make_image(tmp_path: Path) -> MakeImage:
    """What writes an image; `free` says what its map calls unread, within the boot partition."""

    def make(
        kind: Kind = "gpt", *, bits: int = 32, free: Range | None = None, has_meta: bool = True
    ) -> Image:
        path = make_boot_image(tmp_path / "disk.img", kind, bits=bits, has_meta=has_meta)
        image = replace(scan_image(path), unread=())
        if free is None:
            return image
        unread = Range(BOOT_AT + free.start, BOOT_AT + free.end)
        return replace(image, unread=(unread,), data=subtract(image.data, [unread]))

    return make
