# SPDX-License-Identifier: Apache-2.0
"""Every rule about which disk may be written, on facts alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import DeviceError
from flasher.device import Device, DeviceKind, Volume
from flasher.source import Image, Stamp
from flasher.write import FlashOptions, FlashPlan, FlashRequest, check_device, plan_flash

GIB = 1024**3

CARD = Device(
    path=Path("/dev/sdb"),
    kind=DeviceKind.DISK,
    size_bytes=32 * GIB,
    vendor="Generic",
    model="Reader",
    serial="0001",
    transport="usb",
    is_removable=True,
    table="mbr",
    volumes=(Volume(path=Path("/dev/sdb1"), size_bytes=GIB, fs_type="vfat", fs_label="boot"),),
)
IMAGE = Image(
    path=Path("/home/me/node.img"),
    format="raw",
    size_bytes=GIB,
    sha256="0" * 64,
    data=(),
    head=b"",
    stamp=Stamp(device=1, inode=2, size_bytes=GIB, changed_ns=3),
)
FILE = Device(path=Path("/tmp/card.img"), kind=DeviceKind.FILE, size_bytes=8 * GIB)


def _plan(device: Device, options: FlashOptions = FlashOptions()) -> FlashPlan:  # noqa: B008
    return plan_flash(device, FlashRequest(image=IMAGE, options=options))


def _part(**changes: object) -> Device:
    return replace(CARD, volumes=(replace(CARD.volumes[0], **changes),))  # type: ignore[arg-type]


def test_card_in_a_reader_is_fine() -> None:
    """The ordinary case has nothing to remark."""
    plan = _plan(CARD)
    assert (plan.size_bytes, plan.oddities) == (32 * GIB, ())


REFUSED = {
    "system": (
        replace(CARD, system_uses=("/", "/boot")),
        "holds this running system (/, /boot)",
        "nothing permits this",
    ),
    "mounted": (_part(mounts=("/media/boot",)), "is mounted at /media/boot", "umount /media/boot"),
    "swap": (_part(is_swap=True), "is in use as swap", "swapoff /dev/sdb1"),
    "holders": (_part(holders=("vg-data",)), "carries vg-data on /dev/sdb1", "mapped devices"),
    "lvm": (_part(fs_type="LVM2_member"), "part of an LVM volume group", "wipefs"),
    "raid": (_part(fs_type="linux_raid_member"), "part of a RAID array", "wipefs"),
    "luks": (_part(fs_type="crypto_LUKS"), "part of an encrypted (LUKS) volume", "wipefs"),
    "zfs": (_part(fs_type="zfs_member"), "part of a ZFS pool", "wipefs"),
    "read-only": (replace(CARD, is_read_only=True), "is read-only", "lock slider"),
    "denied": (replace(CARD, is_denied=True), "may not be written by you", "with sudo"),
    "empty slot": (replace(CARD, size_bytes=0), "there is no card in it", "insert a card"),
    "too small": (replace(CARD, size_bytes=GIB // 2), "has 512.0 MiB, the image needs", "larger"),
    "sectors": (replace(CARD, logical_block_bytes=4096), "blocks of 4096 bytes", "nothing"),
    "partition": (
        replace(CARD, kind=DeviceKind.PARTITION, parent=Path("/dev/sdb")),
        "is a partition of /dev/sdb",
        "--to /dev/sdb",
    ),
    "mapped": (replace(CARD, kind=DeviceKind.MAPPED), "is a mapped device", "nothing"),
    "boot partition": (
        replace(CARD, kind=DeviceKind.HARDWARE_PARTITION),
        "hardware partition of a soldered eMMC",
        "nothing",
    ),
    "optical": (replace(CARD, kind=DeviceKind.OTHER), "no disk that a board", "nothing"),
    "emmc": (
        replace(CARD, card="MMC", transport="mmc", is_removable=False),
        "is soldered eMMC",
        "add --allow-fixed",
    ),
    "fixed": (
        replace(CARD, transport="sata", is_removable=False),
        "is a fixed disk",
        "add --allow-fixed",
    ),
    "large": (replace(CARD, size_bytes=2000 * GIB), "larger than a card", "add --allow-large"),
    "attached": (
        replace(FILE, loop_path=Path("/dev/loop3")),
        "is attached as /dev/loop3",
        "losetup -d /dev/loop3",
    ),
    "itself": (replace(FILE, path=IMAGE.path), "holds the image", "nothing"),
    "backing": (
        replace(CARD, kind=DeviceKind.LOOP, backing_file=IMAGE.path),
        "holds the image",
        "nothing",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_why_and_what_permits(name: str) -> None:
    """Each names the path, the model, the size, the reason and the remedy."""
    device, reason, hint = REFUSED[name]
    with pytest.raises(DeviceError) as caught:
        _plan(device)
    assert reason in caught.value.message
    assert caught.value.message.startswith(f"{device.path} ({device.name}) ")
    assert caught.value.hint is not None
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", REFUSED)
def test_options_permit_only_what_they_name(name: str) -> None:
    """Both options together still refuse everything but fixed and large disks."""
    device, _, hint = REFUSED[name]
    options = FlashOptions(allow_fixed=True, allow_large=True)
    if hint.startswith("add --allow"):
        assert _plan(device, options).oddities
    else:
        with pytest.raises(DeviceError):
            _plan(device, options)


def test_every_option_that_is_needed_is_named() -> None:
    """A large fixed disk asks for both options at once."""
    disk = replace(CARD, transport="sata", is_removable=False, size_bytes=2000 * GIB)
    with pytest.raises(DeviceError) as caught:
        _plan(disk)
    assert caught.value.hint == "add --allow-fixed --allow-large if you are sure"


def test_source_disk_is_refused() -> None:
    """The disk that the image lies on is not overwritten with it."""
    request = FlashRequest(image=IMAGE, image_disks=frozenset({CARD.path}))
    with pytest.raises(DeviceError, match="holds the image"):
        plan_flash(CARD, request)


def test_board_may_need_more_than_the_image() -> None:
    """The profile's smallest medium counts before the image's size does."""
    with pytest.raises(DeviceError, match=r"has 32\.0 GiB, the board needs 64\.0 GiB"):
        _plan(CARD, FlashOptions(smallest_bytes=64 * GIB))


def test_profile_moves_the_limit() -> None:
    """What a board expects decides what is too large for it."""
    with pytest.raises(DeviceError, match="larger than a card"):
        _plan(CARD, FlashOptions(largest_bytes=16 * GIB))


def test_device_is_refused_before_there_is_an_image() -> None:
    """A wrong target is told before an image is built for it."""
    check_device(CARD, FlashOptions())
    with pytest.raises(DeviceError, match="mounted"):
        check_device(_part(mounts=("/mnt",)), FlashOptions())


@pytest.mark.parametrize(
    ("device", "oddity"),
    [
        (replace(CARD, is_removable=False), "calls itself a fixed disk"),
        (_part(fs_type="ntfs"), "file systems that no board image has"),
        (FILE, "existing file, but not a disk image"),
    ],
)
def test_oddities_ask_for_a_second_look(device: Device, oddity: str) -> None:
    """What is permitted but unusual makes the confirmation stricter."""
    assert any(oddity in one for one in _plan(device).oddities)


def test_loop_device_needs_no_option() -> None:
    """Attached image files are neither fixed nor too large."""
    loop = replace(CARD, kind=DeviceKind.LOOP, transport="loop", is_removable=False)
    assert _plan(loop).oddities == ()


@pytest.mark.parametrize(
    ("device", "size", "expected"),
    [
        (replace(FILE, is_new=True, size_bytes=0), None, 8 * GIB),
        (replace(FILE, is_new=True, size_bytes=0), 4 * GIB, 4 * GIB),
        (FILE, None, 8 * GIB),
        (FILE, 16 * GIB, 16 * GIB),
        (CARD, None, 32 * GIB),
    ],
)
def test_size_of_the_medium(device: Device, size: int | None, expected: int) -> None:
    """Files are as large as asked, as they are, or as a small card; disks as they are."""
    assert _plan(device, FlashOptions(size_bytes=size)).size_bytes == expected


def test_file_is_not_shrunk() -> None:
    """A smaller --size would cut off what an existing file has."""
    with pytest.raises(DeviceError, match="is larger than --size"):
        _plan(FILE, FlashOptions(size_bytes=4 * GIB))
