# SPDX-License-Identifier: Apache-2.0
"""Faults of the partition table and of the file systems, and the checks that find them."""

from mmap import mmap
from pathlib import Path

import pytest

from flasher.verify import Verdict
from tests.fakes.spoil import Fault, find, in_partition, poke, retype, setting, shift_first


def _self_holding(image: Path) -> None:
    """Let the folder EFI/BOOT be the folder EFI."""
    with image.open("r+b") as file, mmap(file.fileno(), 0) as content:
        inner, outer = (content.find(name.ljust(11) + b"\x10") for name in (b"BOOT", b"EFI"))
        content[inner + 26 : inner + 28] = content[outer + 26 : outer + 28]


FAULTS = (
    # the table
    Fault("table-kind", "reads nothing but an MBR", board="rpi3", before=setting("kind", "gpt")),
    Fault("table-copies", "first copy of the GPT is damaged", after=poke(512 + 60, b"\xff")),
    Fault("table-copies", "no intact backup", after=poke(-512, bytes(512))),
    Fault("table-copies", "does not cover", after=poke(446 + 12, b"\1\0\0\0")),
    Fault("table-copies", "there is a GPT too", board="rpi3", after=poke(512, b"EFI PART")),
    Fault("table-layout", "overlap", board="rpi3", after=poke(446 + 12, b"\xff\xff\x02\0")),
    Fault("table-layout", "off a MiB's border", board="rpi3", after=shift_first(8)),
    Fault("table-layout", "in front of", board="rpi3", after=shift_first(-64)),
    Fault("partition-types", "is of type 07", board="rpi3", after=retype(1, "07")),
    Fault(
        "partition-types",
        "which Raspberry Pi 4 passes",
        after=retype(1, "0fc63daf-8483-4772-8e79-3d69d8477de4"),
    ),
    Fault(
        "partition-types",
        "(META) is of type",
        after=retype(3, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
    ),
    Fault("raw-areas", "holds no U-Boot", board="rock-5b", after=poke(64 * 512, bytes(4096))),
    Fault("raw-areas", "no loader that the boot ROM", board="rock-5b", after=poke(64 * 512, b"XX")),
    # file systems
    Fault("fat-kind", "takes it for FAT16", after=in_partition(1, 13, b"\x08")),
    Fault("boot-files", "BOOT on the EFI partition is another one too", after=_self_holding),
    Fault("fat-kind", "its label is 'NO'", before=setting("label", "NO")),
    Fault(
        "fat-clean", "fsck.vfat says", after=in_partition(1, 512 * 32, b"\xf8\xff\xff\x0f\0\0\0\0")
    ),
    Fault(
        "ext4-kind", "features that GRUB does not read", after=in_partition(2, 1024 + 98, b"\xff")
    ),
    Fault("ext4-kind", "holds no ext4", after=in_partition(2, 1024 + 56, b"\0\0")),
    Fault("ext4-kind", "its label is", after=in_partition(2, 1024 + 120, b"SHOE")),
    Fault("ext4-clean", "e2fsck says", after=in_partition(2, 4096 + 14, b"\1\0")),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.check}-{fault.says[:28]}")
def test_the_check_names_what_is_wrong(tmp_path: Path, fault: Fault) -> None:
    """Of an image in which one thing is wrong, its check fails and says so."""
    finding = find(tmp_path, fault)
    assert (finding.verdict, finding.check) == (Verdict.FAILED, fault.check), finding.text
    assert fault.says in finding.text
