# SPDX-License-Identifier: Apache-2.0
"""What is unusual about a disk that may be written: worth having its name typed.

A card that ran one of our nodes is the most usual thing to flash, however busy it was.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from flasher.device import Device, DeviceKind, History, Volume
from flasher.device.age import tell_age
from flasher.table import Table
from flasher.table.mbr import MBR_DISK_ID

MOST_PARTITIONS = 8
RECENTLY = timedelta(days=7)
JUST_NOW = timedelta(days=1)
_FOREIGN = ("ntfs", "xfs", "btrfs", "apfs", "hfsplus")
_PASSING_PLACES = ("/media/", "/mnt/", "/run/media/")
_BOARD_PLACES = ("/", "/boot", "/boot/firmware", "/boot/efi")


def find_oddities(device: Device, largest_bytes: int, now: datetime) -> tuple[str, ...]:
    """Return what is unusual about `device`, one short line each."""
    rules = (_sort(device, largest_bytes), _content(device), _life(device, now))
    return tuple(found for rule in rules for found in rule)


def is_node_card(layout: Table | None) -> bool:
    """Return whether a table is that of a card that our image was written to."""
    if layout is None:
        return False
    if layout.kind == "mbr":
        return layout.disk_id == MBR_DISK_ID
    # Boards whose firmware loads kernels itself have no BOOT.
    return layout.by_label("META") is not None and layout.by_label("EFI") is not None


def _sort(device: Device, largest_bytes: int) -> Iterator[str]:
    if device.kind is not DeviceKind.DISK:
        return
    if not device.is_card:
        yield "it is not removable"
    elif device.transport == "usb" and not device.is_removable and device.card != "SD":
        yield "it calls itself a fixed disk, as USB drives for backups do"
    if device.size_bytes > largest_bytes:
        yield "it is larger than cards are"


def _content(device: Device) -> Iterator[str]:
    if any(volume.fs_type in _FOREIGN for volume in device.volumes):
        yield "it holds file systems that no board image has"
    count = len(device.layout.partitions) if device.layout else len(device.volumes)
    if count > MOST_PARTITIONS:
        yield f"it has {count} partitions"
    if device.kind is DeviceKind.FILE and not device.is_new and not device.table:
        yield "it is an existing file, but not a disk image"


def _life(device: Device, now: datetime) -> Iterator[str]:
    """Yield what says that somebody uses what is on it, one line a volume."""
    if is_node_card(device.layout):
        return
    for volume in device.volumes:
        if use := _use(volume.history, now):
            yield f"{_name(volume)} {use}"


def _name(volume: Volume) -> str:
    return f"{volume.path.name} ({volume.label})" if volume.label else volume.path.name


def _use(history: History, now: datetime) -> str:
    place, mounted = history.last_mounted_at, history.mounted
    # The place alone counts only when somebody chose it: readers and boards mount anywhere.
    is_own_place = bool(place) and not (place.startswith(_PASSING_PLACES) or place in _BOARD_PLACES)
    if is_own_place or _is_within(mounted, RECENTLY, now):
        where = f" at {place}" if place else ""
        return f"was mounted{where} {tell_age(mounted, now)}".rstrip()
    if _is_within(history.written, JUST_NOW, now):
        return f"was written to {tell_age(history.written, now)}"
    return ""


def _is_within(time: datetime | None, span: timedelta, now: datetime) -> bool:
    """Return whether `time` is at most `span` ago; a wrong clock counts as recent."""
    return time is not None and now - time <= span
