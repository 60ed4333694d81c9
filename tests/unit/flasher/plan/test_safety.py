# SPDX-License-Identifier: Apache-2.0
"""Every rule about which disk may be written, on facts alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.errors import DeviceError
from edge.units import GIB, MIB
from flasher.device import Device, DeviceKind, History, Volume, find_devices
from flasher.plan import (
    FlashOptions,
    FlashPlan,
    FlashRequest,
    check_device,
    plan_flash,
    refuse_device,
)
from flasher.plan.content import read_image_table
from flasher.plan.saved import choose_saved
from flasher.source import Image, Stamp, scan_image
from flasher.table import Partition, Table, add_partition, relocate_table
from flasher.table.gpt import LINUX_DATA
from tests.fakes.host import FakeHost
from tests.fakes.image import make_image

GOLDEN = Path(__file__).parents[3] / "golden/flash"
NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)

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
    return plan_flash(device, FlashRequest(image=IMAGE, options=options), now=NOW)


def _part(**changes: object) -> Device:
    return replace(CARD, volumes=(replace(CARD.volumes[0], **changes),))  # type: ignore[arg-type]


def test_card_in_a_reader_is_fine() -> None:
    """The ordinary case has nothing to remark."""
    plan = _plan(CARD)
    assert (plan.size_bytes, plan.oddities) == (32 * GIB, ())


REFUSED = {
    "protected": (
        replace(CARD, protection="'usb-*' in /etc/edgectl/flash.yaml:2"),
        "is protected: 'usb-*' in /etc/edgectl/flash.yaml:2",
        "no option permits this",
    ),
    "port": (
        replace(CARD, wrong_port="usb-0:2, not listed in /etc/edgectl/flash.yaml"),
        "is in a port that is not for cards: usb-0:2, not listed in",
        "add --any-port",
    ),
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


def test_refusals_are_worded_as_agreed() -> None:
    """Every refusal, whole, as an operator reads it."""
    lines = []
    for name, (device, _, _) in REFUSED.items():
        with pytest.raises(DeviceError) as caught:
            _plan(device)
        lines += [f"[{name}]", caught.value.message, f"  hint: {caught.value.hint}"]
    assert "\n".join([*lines, ""]) == (GOLDEN / "refusals.txt").read_text()


@pytest.mark.parametrize("name", REFUSED)
def test_options_permit_only_what_they_name(name: str) -> None:
    """All options together still refuse everything but fixed and large disks, and ports."""
    device, _, hint = REFUSED[name]
    options = FlashOptions(allow_fixed=True, allow_large=True, any_port=True)
    if hint.startswith("add --"):
        assert bool(_plan(device, options).oddities) == hint.startswith("add --allow")
    else:
        with pytest.raises(DeviceError):
            _plan(device, options)


def test_every_option_that_is_needed_is_named() -> None:
    """A large fixed disk asks for both options at once."""
    disk = replace(
        CARD, transport="sata", is_removable=False, size_bytes=2000 * GIB, wrong_port="ata-1"
    )
    with pytest.raises(DeviceError) as caught:
        _plan(disk)
    assert caught.value.hint == "add --allow-fixed --allow-large --any-port if you are sure"


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


def _lived(place: str = "", **times: float) -> Device:
    """Return a card whose only file system has a past, times as days before `NOW`."""
    moments = {key: NOW - timedelta(days=days) for key, days in times.items()}
    return _part(history=History(last_mounted_at=place, **moments))  # type: ignore[arg-type]


def _table(count: int, *, disk_id: str = "00000001") -> Table:
    parts = tuple(
        Partition(number=n, start_bytes=n * MIB, size_bytes=MIB, type="83", label=f"P{n}")
        for n in range(1, count + 1)
    )
    return Table(kind="mbr", disk_id=disk_id, size_bytes=GIB, partitions=parts)


ODD = {
    "fixed": (replace(CARD, is_removable=False), "it calls itself a fixed disk"),
    "foreign": (_part(fs_type="ntfs"), "it holds file systems that no board image has"),
    "file": (FILE, "it is an existing file, but not a disk image"),
    "partitions": (replace(CARD, layout=_table(9)), "it has 9 partitions"),
    "mounted": (_lived("/", mounted=2), "sdb1 (boot) was mounted at / 2 days ago"),
    "home": (_lived("/home/eva", mounted=900), "sdb1 (boot) was mounted at /home/eva on 2024-01"),
    "place": (_lived("/srv"), "sdb1 (boot) was mounted at /srv"),
    "future": (_lived("/", mounted=-30), "sdb1 (boot) was mounted at / on 2026-07-31"),
    "written": (_lived(written=0.2), "sdb1 (boot) was written to 4 hours ago"),
}


@pytest.mark.parametrize("name", ODD)
def test_oddities_ask_for_a_second_look(name: str) -> None:
    """What is permitted but unusual makes the confirmation stricter, each with one line."""
    device, oddity = ODD[name]
    (found,) = _plan(device).oddities
    assert found.startswith(oddity)


ORDINARY = {
    "old card of some board": _lived("/", mounted=30, written=30, made=400),
    "passed around": _lived("/media/eva/boot", mounted=30, written=2),
    "eight partitions": replace(CARD, layout=_table(8)),
    "our node": replace(
        _lived("/system/state", mounted=0.1, written=0.1), layout=_table(3, disk_id="65646765")
    ),
    "our node with labels": replace(
        _lived("/system/state", mounted=0.1),
        layout=Table(
            kind="gpt",
            disk_id="",
            size_bytes=GIB,
            partitions=tuple(
                Partition(number=n, start_bytes=MIB, size_bytes=1, type="", label=label)
                for n, label in enumerate(("EFI", "BOOT", "META"), start=1)
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_cards_take_a_yes(name: str) -> None:
    """Who has to type names all day types them without looking."""
    assert _plan(ORDINARY[name]).oddities == ()


def test_profile_says_what_is_large() -> None:
    """A disk beyond what the board expects stays odd once it is permitted."""
    options = FlashOptions(allow_large=True, largest_bytes=16 * GIB)
    assert _plan(CARD, options).oddities == ("it is larger than cards are",)


@pytest.mark.parametrize("name", ["mmcblk0boot0", "mmcblk0boot1", "mmcblk0rpmb", "mmcblk0gp0"])
def test_emmc_hardware_partitions_are_never_written(tmp_path: Path, name: str) -> None:
    """What permits the eMMC itself permits none of its small disks for firmware and secrets."""
    fake = FakeHost(tmp_path)
    for disk in ("mmcblk0", name):
        fake.disk(disk, "platform/fe340000.mmc/mmc_host/mmc0", device__type="MMC")
    found = {one.path.name: one for one in find_devices(fake.host, with_all=True)}
    options = FlashOptions(allow_fixed=True, allow_large=True, any_port=True)
    assert refuse_device(found["mmcblk0"], options) == ()
    (refusal,) = refuse_device(found[name], options)
    assert refusal.option == ""


def _node_card(tmp_path: Path) -> tuple[Device, Image]:
    """Return a card with a STATE behind the image's partitions, and the image."""
    image = scan_image(make_image(tmp_path / "node.img"))
    table = read_image_table(image)
    card = relocate_table(table, CARD.size_bytes)
    layout = add_partition(card, type=LINUX_DATA, size_bytes=GIB, label="STATE")
    return replace(CARD, table="gpt", layout=layout), image


def test_saved_partitions_are_part_of_the_plan(tmp_path: Path) -> None:
    """The plan has the table of what stays, and nothing when nothing was asked for."""
    device, image = _node_card(tmp_path)
    options = FlashOptions(save_labels=("STATE",))
    plan = plan_flash(device, FlashRequest(image=image, options=options), now=NOW)
    assert plan.saved is not None
    assert [each.label for each in plan.saved.partitions] == ["STATE"]
    assert plan_flash(device, FlashRequest(image=image), now=NOW).saved is None


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (("STATE", "MISSING"), "has no partition labelled 'MISSING' to save"),
        (("META",), "cannot keep META (3): it overlaps partition META (3) of the image"),
    ],
)
def test_saving_is_refused_before_anything_is_lost(
    tmp_path: Path, labels: tuple[str, ...], reason: str
) -> None:
    """Rather nothing is written than what should have stayed."""
    device, image = _node_card(tmp_path)
    options = FlashOptions(save_labels=labels)
    with pytest.raises(DeviceError) as caught:
        plan_flash(device, FlashRequest(image=image, options=options), now=NOW)
    assert reason in caught.value.message
    assert "leave --save-partlabel away" in (caught.value.hint or "")


def test_going_on_does_not_forget_what_was_kept(tmp_path: Path) -> None:
    """An interrupted run that kept STATE is continued with the same option, or not at all."""
    device, image = _node_card(tmp_path)
    assert device.layout is not None
    resume = FlashOptions(resume=True)
    assert plan_flash(device, FlashRequest(image=image, options=resume), now=NOW).saved is None
    interim = replace(device, layout=choose_saved(device.layout, ("STATE",)))
    with pytest.raises(DeviceError, match=r"what the interrupted run kept \(STATE\)") as caught:
        plan_flash(interim, FlashRequest(image=image, options=resume), now=NOW)
    assert "add --save-partlabel STATE" in (caught.value.hint or "")
    keeping = replace(resume, save_labels=("STATE",))
    assert plan_flash(interim, FlashRequest(image=image, options=keeping), now=NOW).saved
    assert plan_flash(interim, FlashRequest(image=image), now=NOW).saved is None


def test_card_without_labels_keeps_nothing() -> None:
    """An MBR has no labels to save by."""
    with pytest.raises(DeviceError, match="has an MBR, whose partitions have no labels"):
        _plan(replace(CARD, layout=_table(3)), FlashOptions(save_labels=("STATE",)))


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
