# SPDX-License-Identifier: Apache-2.0
"""Decides whether a disk may be written: facts in, a frozen plan or a refusal out.

Nothing here touches a disk, so every rule can be read, and tested, without one.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from edge.errors import DeviceError
from edge.units import GIB, format_size
from flasher.card import CardSpec
from flasher.device import Device, DeviceKind, Volume
from flasher.source import Image
from flasher.table import SECTOR, Table
from flasher.write.content import read_image_table
from flasher.write.oddity import find_oddities
from flasher.write.saved import choose_saved, find_conflicts, object_to_saving

LARGEST_CARD_BYTES = 260 * 10**9
"""Cards are sold up to "256 GB"; what is larger is more likely somebody's disk."""
SMALLEST_FILE_BYTES = 8 * GIB
"""The size of a new image file: a small card, and a power of two as emulators want it."""

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
class FlashOptions:
    """What the operator said about the target, beyond its path."""

    size_bytes: int | None = None
    """How large a regular file shall be."""
    allow_fixed: bool = False
    """Write disks that are not removable."""
    allow_large: bool = False
    """Write disks larger than `largest_bytes`."""
    any_port: bool = False
    """Write disks in ports that the configuration does not list."""
    largest_bytes: int = LARGEST_CARD_BYTES
    smallest_bytes: int = 0
    """What the board needs besides the image, for its state and its data."""
    grow_last: bool = False
    """Have the image's last partition reach to the end of the medium, in the table alone."""
    save_labels: tuple[str, ...] = ()
    """Which partitions stay as they are: patterns of labels, also several with commas."""
    probe: bool = True
    """Find out, before the image is written, whether the card is as large as it says."""
    eject: bool = True
    """Have the card given out when it is finished."""
    resume: bool = False
    """Go on where an interrupted run left the card."""
    enrolment: bool = True
    """Have the node take its first configuration only from whoever flashed its card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashRequest:
    """What shall be written, and how freely."""

    image: Image
    options: FlashOptions = FlashOptions()
    image_disks: frozenset[Path] = frozenset()
    """The whole disks that the image itself lies on."""
    board: str = ""
    version: str = ""
    card: CardSpec | None = None
    """What is wanted of this card beyond the image."""
    meta: dict[int, bytes] = field(default_factory=dict)
    """Values to put into META besides key and enrolment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a disk may not be written, and what would permit it; nothing does without `option`."""

    reason: str
    option: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashPlan:
    """A write that was found safe: exactly this image to exactly this disk."""

    device: Device
    request: FlashRequest
    size_bytes: int
    """The size of the medium; for a regular file, what it will be."""
    oddities: tuple[str, ...]
    """What is unusual about the target, and worth a second look."""
    saved: Table | None = None
    """The target's present table with nothing but the partitions that stay."""


def plan_flash(device: Device, request: FlashRequest, *, now: datetime | None = None) -> FlashPlan:
    """Return the plan to write `request.image` to `device`.

    Raises:
        DeviceError: naming device, model, size, every reason, and what permits it.
    """
    options = request.options
    refusals = (
        *refuse_device(device, options),
        *_refuse_image(device, request),
        *_refuse_saving(device, request),
        *_refuse_access(device),
    )
    if refusals:
        raise _refused(device, refusals)
    return FlashPlan(
        device=device,
        request=request,
        size_bytes=medium_bytes(device, options, request.image),
        oddities=find_oddities(device, options.largest_bytes, now or datetime.now(UTC)),
        saved=_saved(device, options),
    )


def check_device(device: Device, options: FlashOptions) -> None:
    """See whether `device` may be written at all, before there is an image.

    Raises:
        DeviceError: as `plan_flash` does.
    """
    if refusals := (*refuse_device(device, options), *_refuse_access(device)):
        raise _refused(device, refusals)


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


def medium_bytes(device: Device, options: FlashOptions, image: Image) -> int:
    """Return how large the medium is, or will be when it is a regular file."""
    if device.kind is not DeviceKind.FILE:
        return device.size_bytes
    if device.is_new:
        return options.size_bytes or _next_power_of_two(image.size_bytes, SMALLEST_FILE_BYTES)
    return options.size_bytes or device.size_bytes


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


def _refuse_image(device: Device, request: FlashRequest) -> _Refusals:
    image, found = request.image, []
    own_file = image.path in (device.path, device.backing_file)
    if own_file or device.path in request.image_disks:
        found.append(Refusal(reason=f"holds the image {image.path} itself"))
    size_bytes = medium_bytes(device, request.options, image)
    needed, who = max(
        (image.size_bytes, "the image needs"), (request.options.smallest_bytes, "the board needs")
    )
    is_sized = size_bytes > 0 or device.kind is DeviceKind.FILE
    if is_sized and size_bytes < needed:
        hint = "give a larger --size" if device.kind is DeviceKind.FILE else "take a larger card"
        found.append(
            Refusal(
                reason=f"has {format_size(size_bytes)}, {who} {format_size(needed)}",
                hint=hint,
            )
        )
    return found


def _refuse_saving(device: Device, request: FlashRequest) -> _Refusals:
    labels = request.options.save_labels
    if not labels:
        return _refuse_forgetting(device, request)
    reasons = object_to_saving(device.layout, labels)
    if not reasons and (saved := _saved(device, request.options)):
        size_bytes = medium_bytes(device, request.options, request.image)
        reasons = find_conflicts(saved, read_image_table(request.image), size_bytes)
    hint = "leave --save-partlabel away, and everything on it will be lost"
    return [Refusal(reason=reason, hint=hint) for reason in reasons]


def _refuse_forgetting(device: Device, request: FlashRequest) -> _Refusals:
    """Go on with an interrupted run as it began: what it kept must not be lost now."""
    layout = device.layout
    if not request.options.resume or layout is None or layout.kind != "gpt":
        return []
    end = max(each.end_bytes for each in read_image_table(request.image).partitions)
    if not layout.partitions or any(each.start_bytes < end for each in layout.partitions):
        return []  # the table of a finished card: nothing that a run kept
    kept = ",".join(each.label for each in layout.partitions)
    return [
        Refusal(
            reason=f"has nothing but what the interrupted run kept ({kept})",
            hint=f"add --save-partlabel {kept}, or leave --resume away to lose it",
        )
    ]


def _saved(device: Device, options: FlashOptions) -> Table | None:
    if not options.save_labels or device.layout is None:
        return None
    return choose_saved(device.layout, options.save_labels)


def _refuse_access(device: Device) -> _Refusals:
    if not device.is_denied:
        return []
    return [Refusal(reason="may not be written by you", hint="repeat the command with sudo")]


def _refused(device: Device, refusals: tuple[Refusal, ...]) -> DeviceError:
    final = [refusal for refusal in refusals if not refusal.option]
    reasons = " and ".join(refusal.reason for refusal in final or refusals)
    if not final:
        options = " ".join(refusal.option for refusal in refusals)
        hint = f"add {options} if you are sure"
    else:
        hint = final[0].hint or "nothing permits this; `edgectl devices` lists what may be written"
    return DeviceError(f"{device.path} ({device.name}) {reasons}", hint=hint)


def _next_power_of_two(size_bytes: int, least: int) -> int:
    size = least
    while size < size_bytes:
        size *= 2
    return size
