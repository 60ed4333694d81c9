# SPDX-License-Identifier: Apache-2.0
"""What the inventory makes of the kernel's view of various machines."""

from pathlib import Path

import pytest

from edge.errors import DeviceError
from flasher.device import Device, DeviceKind, find_devices, inspect
from flasher.device.udev import from_properties
from flasher.device.usage import disks_of_path, read_usage
from tests.fakes.host import GIB, FakeHost
from tests.fakes.image import make_image


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path / "host")


def _only(fake: FakeHost) -> Device:
    (device,) = find_devices(fake.host)
    return device


def test_usb_card_reader_is_a_card(fake: FakeHost) -> None:
    """A removable disk behind USB has its model, size and transport."""
    fake.disk(
        "sdb",
        "pci/usb1/1-2/host6",
        removable="1",
        device__vendor="Generic",
        device__model="MassStorageClass",
        diskseq="12",
    )
    device = _only(fake)
    assert (device.transport, device.is_removable, device.is_card) == ("usb", True, True)
    assert device.name == "Generic MassStorageClass, 32.0 GiB"
    assert device.diskseq == 12


def test_sd_slot_is_a_card_and_emmc_is_not(fake: FakeHost) -> None:
    """Both are mmcblk; the card itself says which it is, and its CID is its serial."""
    fake.disk("mmcblk0", "platform/mmc_host/mmc0", device__type="MMC", device__name="BJTD4R")
    fake.disk("mmcblk1", "platform/mmc_host/mmc1", device__type="SD", device__cid="0353445342")
    emmc, card = find_devices(fake.host)
    assert (emmc.is_card, emmc.model) == (False, "BJTD4R")
    assert (card.is_card, card.serial, card.transport) == (True, "0353445342", "mmc")
    assert (card.cid, card.identity.cid, emmc.cid) == ("0353445342", "0353445342", "")


@pytest.mark.parametrize("name", ["mmcblk0boot0", "mmcblk0rpmb"])
def test_emmc_hardware_partitions_are_no_disks(fake: FakeHost, name: str) -> None:
    """Boot partitions of an eMMC look like disks of their own."""
    fake.disk(name, "platform/mmc_host/mmc0")
    assert find_devices(fake.host) == []
    (device,) = find_devices(fake.host, with_all=True)
    assert device.kind is DeviceKind.HARDWARE_PARTITION


def test_partitions_carry_their_mounts(fake: FakeHost) -> None:
    """Partitions are listed in order with where they are mounted, blanks and all."""
    fake.disk("sdb", "pci/usb1/host6")
    fake.partition("sdb", "sdb1")
    fake.partition("sdb", "sdb2")
    fake.mount("sdb2", "/media/me/my card")
    device = _only(fake)
    assert [volume.path.name for volume in device.volumes] == ["sdb1", "sdb2"]
    assert device.mounts == ("/media/me/my card",)
    assert device.system_uses == ()


def test_system_is_found_through_mapped_devices(fake: FakeHost) -> None:
    """A root file system on LVM on LUKS on a partition belongs to the disk below."""
    fake.disk("nvme0n1", "pci/nvme/nvme0")
    fake.partition("nvme0n1", "nvme0n1p3")
    fake.mapped("dm-0", "crypt", "nvme0n1p3")
    fake.mapped("dm-1", "vg-root", "dm-0")
    fake.mount("dm-1", "/")
    device = _only(fake)
    assert "/" in device.system_uses
    assert device.volumes[0].holders == ("crypt",)


def test_system_is_found_on_btrfs(fake: FakeHost) -> None:
    """Where the mount's device number is anonymous, its source tells."""
    fake.disk("sda")
    fake.partition("sda", "sda2")
    fake.mount_anonymous("/dev/sda2", "/boot/efi")
    assert _only(fake).system_uses == ("/boot/efi",)


def test_every_disk_of_a_btrfs_is_in_use(fake: FakeHost) -> None:
    """The mount table names one of them; the others are as mounted."""
    fake.disk("sda")
    fake.disk("sdb")
    fake.mount_anonymous("/dev/sda", "/srv")
    devices = fake.root / "sys/fs/btrfs/0d1f/devices"
    devices.mkdir(parents=True)
    for name in ("sda", "sdb"):
        (devices / name).touch()
    first, second = find_devices(fake.host)
    assert first.mounts == ("/srv",)
    assert second.mounts == ("/srv",)


def test_swap_makes_a_system_disk(fake: FakeHost) -> None:
    """Swap on a partition is in use, and the running system needs the disk."""
    fake.disk("sda")
    fake.partition("sda", "sda1")
    fake.swap("/dev/sda1")
    device = _only(fake)
    assert device.volumes[0].is_swap
    assert device.system_uses == ("swap",)


def test_swap_file_makes_a_system_disk(fake: FakeHost) -> None:
    """A swap file counts for the disk that its file system is on."""
    fake.disk("sda")
    fake.mount("sda", "/srv")
    fake.swap("/srv/swapfile")
    assert _only(fake).system_uses == ("swap",)


def test_working_directory_makes_a_system_disk(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody wants the disk he stands on wiped."""
    monkeypatch.chdir(tmp_path)
    fake.disk("sda")
    fake.mount("sda", str(tmp_path))
    assert _only(fake).system_uses == ("the current directory",)


def test_disk_of_a_file_is_that_of_the_deepest_mount(fake: FakeHost) -> None:
    """The image's own disk is found by the mount that covers its path."""
    fake.disk("sda")
    fake.disk("sdb")
    fake.mount("sda", "/")
    fake.mount("sdb", "/data")
    assert disks_of_path(fake.host, Path("/data/images/a.img")) == {"sdb"}
    assert disks_of_path(fake.host, Path("/database")) == {"sda"}


def test_partition_names_its_disk(fake: FakeHost) -> None:
    """Looking at a partition tells which disk it is part of."""
    fake.disk("sdb")
    fake.partition("sdb", "sdb1", size=GIB)
    usage = read_usage(fake.host)
    assert usage.mounts == {}
    (disk,) = find_devices(fake.host)
    assert disk.volumes[0].size_bytes == GIB


def test_image_on_a_disk_is_recognised(fake: FakeHost) -> None:
    """Without udev, table and labels come from the disk's own bytes."""
    fake.disk("sdb", "pci/usb1/host6")
    make_image(fake.host.dev / "sdb")
    device = _only(fake)
    assert device.table == "gpt"
    assert device.layout is not None
    assert [each.label for each in device.layout.partitions] == ["EFI", "BOOT", "META"]


def test_partitions_have_labels_without_udev(fake: FakeHost) -> None:
    """The table that names them is read anyway."""
    fake.disk("sdb", "pci/usb1/host6")
    for number in (1, 2, 3):
        fake.partition("sdb", f"sdb{number}")
    make_image(fake.host.dev / "sdb")
    assert [volume.label for volume in _only(fake).volumes] == ["EFI", "BOOT", "META"]


def test_loop_without_a_file_is_hidden(fake: FakeHost) -> None:
    """Only loop devices with something in them are worth showing."""
    fake.disk("loop0", "virtual", size=0)
    fake.disk("loop1", "virtual", loop__backing_file="/srv/card.img")
    assert [device.path.name for device in find_devices(fake.host)] == ["loop1"]


def test_regular_file_is_a_target(tmp_path: Path, fake: FakeHost) -> None:
    """An image file has a size, a table, and the loop device that uses it."""
    path = make_image(tmp_path / "card.img")
    fake.disk("loop1", "virtual", loop__backing_file=str(path))
    device = inspect(path, fake.host)
    assert (device.kind, device.table, device.size_bytes) == (DeviceKind.FILE, "gpt", 16 << 20)
    assert device.loop_path == fake.host.dev / "loop1"


def test_new_file_is_a_target(tmp_path: Path, fake: FakeHost) -> None:
    """A path that does not exist yet can become a card image."""
    assert inspect(tmp_path / "new.img", fake.host).is_new


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("host/dev/sdz", "there is no device"),
        ("nowhere/card.img", "there is no folder"),
        (".", "neither a disk nor a file"),
    ],
)
def test_impossible_targets_are_named(
    tmp_path: Path, fake: FakeHost, path: str, match: str
) -> None:
    """A typing error never becomes a file in /dev or a new folder."""
    with pytest.raises(DeviceError, match=match):
        inspect(tmp_path / path, fake.host)


def test_udev_answers_are_translated() -> None:
    """Names, links and labels are taken from the properties that udev sets."""
    found = from_properties(
        {
            "ID_MODEL": "SD_Card_Reader",
            "ID_VENDOR": "Kingston",
            "ID_SERIAL_SHORT": "0000001",
            "ID_SERIAL": "Kingston_SD_Card_Reader_0000001-0:0",
            "ID_BUS": "usb",
            "ID_PATH": "pci-0000:00:14.0-usb-0:2:1.0-scsi-0:0:0:0",
            "ID_PART_TABLE_TYPE": "dos",
            "ID_FS_LABEL": "boot",
        },
        ["/dev/disk/by-path/x", "/dev/disk/by-id/usb-Kingston-0:0"],
    )
    assert found.by_id == (Path("/dev/disk/by-id/usb-Kingston-0:0"),)
    assert (found.model, found.vendor, found.serial) == ("SD Card Reader", "Kingston", "0000001")
    assert found.port == "pci-0000:00:14.0-usb-0:2:1.0-scsi-0:0:0:0"
    assert (found.transport, found.table, found.fs_label) == ("usb", "mbr", "boot")
