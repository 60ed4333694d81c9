# SPDX-License-Identifier: Apache-2.0
"""What a build refuses before it has begun."""

import os
from pathlib import Path

import pytest

from boards.catalog import load_profile
from edge.errors import InputError
from flasher.image.build import build_image


def test_a_device_is_not_replaced_by_an_image(tmp_path: Path) -> None:
    """Naming a device as output is refused with the command that writes to devices."""
    os.mkfifo(tmp_path / "sdb")
    with pytest.raises(InputError, match="not a regular file") as caught:
        build_image(load_profile("qemu-arm64"), tmp_path / "sdb", cache=tmp_path / "cache")
    assert caught.value.hint
    assert "edgectl flash" in caught.value.hint
    assert (tmp_path / "sdb").is_fifo()


def test_a_file_that_is_no_image_is_not_replaced(tmp_path: Path) -> None:
    """A schematic named as the output by mistake is still there afterwards."""
    (tmp_path / "rack.yaml").write_text("board: rpi4\n")
    with pytest.raises(InputError, match="is there and no disk image"):
        build_image(load_profile("qemu-arm64"), tmp_path / "rack.yaml", cache=tmp_path / "cache")
    assert (tmp_path / "rack.yaml").read_text() == "board: rpi4\n"
