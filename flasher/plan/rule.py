# SPDX-License-Identifier: Apache-2.0
"""The rules about which disks may be written, whatever the image. Each can be read by itself."""

from dataclasses import dataclass

from edge.units import format_size
from flasher.device import Device, DeviceKind, Volume
from flasher.plan.request import FlashOptions
from flasher.table import SECTOR

_MEMBERS = {
    "LVM2_member": "an LVM volume group",
    "linux_raid_member": "a RAID array",
    "crypto_LUKS": "an encrypted (LUKS) volume",
    "zfs_member": "a ZFS pool",
    "bcache": "a bcache set",
    "BitLocker": "an encrypted (BitLocker) volume",
    "ddf_raid_member": "a RAID array",
    "isw_raid_member": "a RAID array",
    "drbd": "a DRBD device",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a disk may not be written, and what would permit it; nothing does without `option`."""

    reason: str
    option: str = ""
    hint: str = ""


def refuse_device(device: Device, options: FlashOptions) -> tuple[Refusal, ...]:
    """Return every reason not to write `device`, whatever the image, the gravest first."""
    rules = (
        _refuse_protected,
        _refuse_kind,
        _refuse_system,
        _refuse_use,
        _refuse_members,
        _refuse_state,
        _refuse_sort,
        _refuse_port,
    )
    return tuple(found for rule in rules for found in rule(device, options))


_Refusals = list[Refusal]


def _refuse_protected(device: Device, _options: FlashOptions) -> _Refusals:
    if not device.protection:
        return []
    return [
        Refusal(
            reason=f"is protected: {device.protection}",
            hint="no option permits this; take that line out if the disk may be written",
        )
    ]


def _refuse_port(device: Device, options: FlashOptions) -> _Refusals:
    if not device.wrong_port or options.any_port:
        return []
    return [
        Refusal(
            reason=f"is in a port that is not for cards: {device.wrong_port}", option="--any-port"
        )
    ]


def _refuse_kind(device: Device, _options: FlashOptions) -> _Refusals:
    if device.kind is DeviceKind.PARTITION:
        return [
            Refusal(
                reason=f"is a partition of {device.parent}",
                hint=f"a card is written whole: --to {device.parent}",
            )
        ]
    kinds = {
        DeviceKind.MAPPED: "is a mapped device (LVM, RAID or encryption), not a card",
        DeviceKind.HARDWARE_PARTITION: "is a hardware partition of a soldered eMMC",
        DeviceKind.OTHER: "is no disk that a board could boot from",
    }
    return [Refusal(reason=kinds[device.kind])] if device.kind in kinds else []


def _refuse_system(device: Device, _options: FlashOptions) -> _Refusals:
    if not device.system_uses:
        return []
    uses = ", ".join(device.system_uses)
    return [Refusal(reason=f"holds this running system ({uses})")]


def _refuse_use(device: Device, _options: FlashOptions) -> _Refusals:
    found = []
    if device.mounts and not device.system_uses:
        places = ", ".join(device.mounts)
        commands = "; ".join(f"umount {place}" for place in device.mounts)
        found.append(Refusal(reason=f"is mounted at {places}", hint=f"unmount it: {commands}"))
    for volume in device.volumes:
        if volume.is_swap:
            found.append(Refusal(reason="is in use as swap", hint=f"swapoff {volume.path}"))
        if volume.holders:
            holders = ", ".join(volume.holders)
            found.append(
                Refusal(
                    reason=f"carries {holders} on {volume.path}",
                    hint="take those mapped devices down first",
                )
            )
    if device.loop_path:
        found.append(
            Refusal(
                reason=f"is attached as {device.loop_path}",
                hint=f"losetup -d {device.loop_path}, or write to {device.loop_path}",
            )
        )
    return found


def _refuse_members(device: Device, _options: FlashOptions) -> _Refusals:
    return [_member(volume) for volume in device.volumes if volume.fs_type in _MEMBERS]


def _member(volume: Volume) -> Refusal:
    return Refusal(
        reason=f"is part of {_MEMBERS[volume.fs_type or '']} on {volume.path}",
        hint=f"if nobody needs that any more: wipefs --all {volume.path}",
    )


def _refuse_state(device: Device, options: FlashOptions) -> _Refusals:
    found = []
    if device.is_read_only:
        found.append(Refusal(reason="is read-only", hint="look for the lock slider on the card"))
    if device.kind is not DeviceKind.FILE and device.size_bytes == 0:
        found.append(Refusal(reason="is empty: there is no card in it", hint="insert a card"))
    if device.logical_block_bytes != SECTOR:
        found.append(
            Refusal(reason=f"has blocks of {device.logical_block_bytes} bytes, images have 512")
        )
    is_shrinking = (options.size_bytes or device.size_bytes) < device.size_bytes
    if device.kind is DeviceKind.FILE and is_shrinking:
        found.append(
            Refusal(reason="is larger than --size", hint="remove the file, or leave --size away")
        )
    return found


def _refuse_sort(device: Device, options: FlashOptions) -> _Refusals:
    if device.kind is not DeviceKind.DISK:
        return []
    found = []
    if not device.is_card and not options.allow_fixed:
        sort = "soldered eMMC" if device.card == "MMC" else "a fixed disk, not a card"
        found.append(Refusal(reason=f"is {sort}", option="--allow-fixed"))
    if device.size_bytes > options.largest_bytes and not options.allow_large:
        most = format_size(options.largest_bytes)
        found.append(Refusal(reason=f"is larger than a card ({most})", option="--allow-large"))
    return found
