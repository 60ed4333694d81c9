# SPDX-License-Identifier: Apache-2.0
"""A real image, spoilt with other people's tools: the checks that this concerns fail, no others."""

import subprocess
import time
from pathlib import Path

import pytest

from flasher.verify import verify_image
from tests.integration.image.conftest import GetImage

pytestmark = pytest.mark.image

EFI_AT = "1048576"
VERIFY_LIMIT_S = 30.0


@pytest.fixture
def image(built: GetImage, tmp_path: Path) -> Path:
    """Return a copy of a real image of a Raspberry Pi 4, without its description."""
    copy = tmp_path / "rpi4.img"
    run("cp", "--sparse=always", built("rpi4").path, copy)
    return copy


def test_verifying_takes_little_time(image: Path) -> None:
    """The builder can afford it after every image."""
    started = time.monotonic()
    assert failures(image) == set()
    assert time.monotonic() - started < VERIFY_LIMIT_S


def test_a_file_deleted_by_mtools_is_missed(image: Path) -> None:
    """The firmware's second half is asked for by the EEPROM and promised by the profile."""
    run("mdel", "-i", f"{image}@@{EFI_AT}", "::/fixup4.dat")
    assert failures(image) == {"boot-files", "profile-files"}


def test_firmware_of_an_earlier_year_is_told(image: Path, tmp_path: Path) -> None:
    """Only the date in the real file is changed."""
    old = tmp_path / "start4.elf"
    run("mcopy", "-i", f"{image}@@{EFI_AT}", "::/start4.elf", old)
    content = old.read_bytes()
    at = content.index(b"VC_BUILD_ID_TIME: ", content.index(b"VC_BUILD_ID_TIME: ") + 1)
    year = content.index(b"\0", at) - 4
    old.write_bytes(content[:year] + b"2022" + content[year + 4 :])
    run("mcopy", "-o", "-i", f"{image}@@{EFI_AT}", old, "::/start4.elf")
    assert failures(image) == {"firmware-age"}


def test_a_partition_retyped_by_sgdisk_is_told(image: Path) -> None:
    """GRUB still finds BOOT; the node would not know it."""
    run("sgdisk", "--typecode=2:8200", image)
    assert failures(image) == {"partition-types"}


def test_a_kernel_removed_by_debugfs_is_missed(image: Path) -> None:
    """All that reads the kernel fails with what reads its name."""
    start = 1048576 + 256 * 1048576
    run("debugfs", "-w", "-R", "rm /A/vmlinuz", f"{image}?offset={start}")
    found = failures(image)
    assert {"slot-files", "grub-paths", "kernel-image"} <= found
    assert not found & {"boot-files", "root-programs", "tree-names", "config-rules"}


def test_a_line_that_users_write_is_told(image: Path, tmp_path: Path) -> None:
    """Spaces round the equals sign, which read well and are part of the value."""
    config = tmp_path / "config.txt"
    run("mcopy", "-i", f"{image}@@{EFI_AT}", "::/config.txt", config)
    config.write_text(config.read_text() + "dtoverlay = disable-bt\n")
    run("mcopy", "-o", "-i", f"{image}@@{EFI_AT}", config, "::/config.txt")
    assert failures(image) == {"config-lines"}


def failures(image: Path) -> set[str]:
    return {finding.check for finding in verify_image(image).failures}


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)
