# SPDX-License-Identifier: Apache-2.0
"""Lists the disks of this machine and everything that is on them, without changing any.

Facts come from sysfs, names and file systems from udev's database where udevd runs, and
otherwise from the disk's own bytes. Without the right to read a disk, those stay unknown.
"""

import os
import re
import stat
from dataclasses import replace
from pathlib import Path

from edge.errors import DeviceError
from flasher.device.facts import Device, DeviceKind, Volume
from flasher.device.glance import Glance, glance
from flasher.device.host import THIS_HOST, Host
from flasher.device.policy import apply_policy, load_policy
from flasher.device.port import derive_port
from flasher.device.udev import Properties, read_udev
from flasher.device.usage import Usage, name_of_number, read_usage
from flasher.table import Table

_SECTOR_BYTES = 512  # sysfs counts in these whatever the disk's own blocks are
_NOT_DISKS = re.compile(r"(ram|zram|fd|sr|nbd|mtdblock|ubiblock|rbd|drbd)\d+.*")
_MAPPED = re.compile(r"(dm-|md|bcache|zd)\d+.*")
_HARDWARE_PARTITION = re.compile(r"mmcblk\d+(boot\d+|rpmb|gp\d+)")


def find_devices(host: Host = THIS_HOST, *, with_all: bool = False) -> list[Device]:
    """Return the disks of this machine by name; `with_all` adds empty and mapped ones.

    Raises:
        ConfigError: when the configuration that protects disks cannot be used.
    """
    usage, policy = read_usage(host), load_policy(host)
    # A hidden disk is one path of several to a disk that is listed as well.
    names = [
        node.name for node in host.children(host.sys / "block") if host.read(node / "hidden") != "1"
    ]
    devices = [apply_policy(_read_device(host, usage, name), policy) for name in names]
    shown = (DeviceKind.DISK, DeviceKind.LOOP)
    return [device for device in devices if with_all or _is_shown(device, shown)]


def inspect(path: Path, host: Host = THIS_HOST) -> Device:
    """Return the facts about the block device or regular file that `path` leads to.

    Raises:
        DeviceError: when there is nothing, or nothing that could ever be written as a card.
        ConfigError: when the configuration that protects disks cannot be used.
    """
    return apply_policy(_look_at(path, host), load_policy(host))


def _look_at(path: Path, host: Host) -> Device:
    real = path.resolve()
    try:
        status = real.stat()
    except FileNotFoundError:
        return _new_file(path, real, host)
    except OSError as error:
        raise DeviceError(f"cannot look at {path}: {error.strerror}") from error
    if stat.S_ISBLK(status.st_mode):
        return _inspect_block(real, status.st_rdev, host)
    if stat.S_ISREG(status.st_mode):
        return _inspect_file(real, status, host)
    raise DeviceError(
        f"{path} is neither a disk nor a file", hint="`edgectl devices` lists the disks"
    )


def _is_shown(device: Device, kinds: tuple[DeviceKind, ...]) -> bool:
    if device.kind not in kinds:
        return False
    return device.kind is not DeviceKind.LOOP or device.backing_file is not None


def _new_file(path: Path, real: Path, host: Host) -> Device:
    if real.is_relative_to(host.dev) and not real.is_relative_to(host.dev / "shm"):
        raise DeviceError(f"there is no device {path}", hint="`edgectl devices` lists the disks")
    if not real.parent.is_dir():
        raise DeviceError(
            f"cannot create {path}: there is no folder {real.parent}",
            hint=f"mkdir -p {real.parent}",
        )
    return Device(path=real, kind=DeviceKind.FILE, size_bytes=0, transport="file", is_new=True)


def _inspect_block(real: Path, rdev: int, host: Host) -> Device:
    name = name_of_number(host, (os.major(rdev), os.minor(rdev)))
    if name is None:
        raise DeviceError(f"the kernel knows no block device behind {real}")
    return _read_device(host, read_usage(host), name)


def _inspect_file(real: Path, status: os.stat_result, host: Host) -> Device:
    content = glance(real, status.st_size)
    whole = Volume(
        path=real,
        size_bytes=status.st_size,
        fs_type=content.fs_type,
        fs_label=content.fs_label,
        history=content.history,
    )
    return Device(
        path=real,
        kind=DeviceKind.FILE,
        size_bytes=status.st_size,
        number=(status.st_dev, status.st_ino),
        transport="file",
        is_denied=not os.access(real, os.W_OK),
        table=content.table,
        layout=content.layout,
        volumes=(whole,) if content.fs_type and not content.table else (),
        loop_path=_loop_of(host, status),
    )


def _loop_of(host: Host, status: os.stat_result) -> Path | None:
    """Return the loop device that is attached to a file, found by the file and not its name."""
    for backing in (host.sys / "block").glob("loop*/loop/backing_file"):
        try:
            other = Path(host.read(backing)).stat()
        except OSError:
            continue
        if os.path.samestat(status, other):
            return host.dev / backing.parent.parent.name
    return None


def _read_device(host: Host, usage: Usage, name: str) -> Device:
    node = (host.sys / "class/block" / name).resolve()
    kind = _kind(node)
    properties = read_udev(host, name)
    size_bytes = host.read_number(node / "size") * _SECTOR_BYTES
    content = glance(host.dev / name, size_bytes)
    backing = host.read(node / "loop/backing_file")
    number = host.read(node / "dev").split(":")
    topology = f"/{node.relative_to(host.sys.resolve())}"
    return Device(
        path=host.dev / name,
        kind=kind,
        size_bytes=size_bytes,
        number=(int(number[0]), int(number[1])) if len(number) == 2 else (0, 0),
        by_id=properties.by_id,
        model=properties.model or _model(host, node),
        vendor=properties.vendor or _vendor(host, node),
        serial=properties.serial or _serial(host, node),
        transport=properties.transport or _transport(node),
        cid=_cid(host, node),
        port=properties.port or derive_port(topology),
        topology=topology,
        card=_card(host, node),
        is_removable=host.read(node / "removable") == "1",
        is_read_only=host.read(node / "ro") == "1",
        is_denied=not os.access(host.dev / name, os.R_OK | os.W_OK),
        logical_block_bytes=host.read_number(node / "queue/logical_block_size") or _SECTOR_BYTES,
        physical_block_bytes=host.read_number(node / "queue/physical_block_size") or _SECTOR_BYTES,
        diskseq=host.read_number(node / "diskseq") or None,
        table=properties.table or content.table,
        layout=content.layout,
        volumes=_volumes(host, usage, node, content, properties),
        system_uses=tuple(usage.system.get(name, ())),
        parent=host.dev / node.parent.name if kind is DeviceKind.PARTITION else None,
        backing_file=Path(backing) if backing else None,
    )


def _kind(node: Path) -> DeviceKind:
    if (node / "partition").exists():
        return DeviceKind.PARTITION
    if _HARDWARE_PARTITION.fullmatch(node.name):
        return DeviceKind.HARDWARE_PARTITION
    if node.name.startswith("loop"):
        return DeviceKind.LOOP
    if _MAPPED.fullmatch(node.name):
        return DeviceKind.MAPPED
    return DeviceKind.OTHER if _NOT_DISKS.fullmatch(node.name) else DeviceKind.DISK


def _model(host: Host, node: Path) -> str:
    return host.read(node / "device/model") or host.read(node / "device/name")


def _vendor(host: Host, node: Path) -> str:
    vendor = host.read(node / "device/vendor")
    return "" if vendor.startswith("0x") or vendor == "ATA" else vendor


def _serial(host: Host, node: Path) -> str:
    places = (node / "device/cid", node / "device/serial", node / "serial")
    return next((text for place in places if (text := host.read(place))), "")


def _card(host: Host, node: Path) -> str:
    if not node.name.startswith("mmcblk"):
        return ""
    return host.read(node / "device/type")


def _cid(host: Host, node: Path) -> str:
    return host.read(node / "device/cid") if node.name.startswith("mmcblk") else ""


def _transport(node: Path) -> str:
    """Return how the disk is attached, read off its place in the device tree."""
    where = str(node)
    for part, transport in (
        ("/usb", "usb"),
        ("/mmc_host/", "mmc"),
        ("/nvme/", "nvme"),
        ("/virtio", "virtio"),
        ("/ata", "sata"),
        ("/virtual/block/loop", "loop"),
    ):
        if part in where:
            return transport
    return ""


def _volumes(
    host: Host, usage: Usage, node: Path, content: Glance, properties: Properties
) -> tuple[Volume, ...]:
    """Return the partitions and, when something uses it or lies on it, the bare disk."""
    parts = [entry for entry in host.children(node) if (entry / "partition").exists()]
    parts.sort(key=lambda part: host.read_number(part / "partition"))
    volumes = [_partition(host, usage, part, content.layout) for part in parts]
    bare = _volume(host, usage, node, content, properties)
    in_use = bool(bare.mounts or bare.holders or bare.is_swap)
    if in_use or (bare.fs_type and not volumes):
        volumes.insert(0, bare)
    return tuple(volumes)


def _partition(host: Host, usage: Usage, node: Path, layout: Table | None) -> Volume:
    size_bytes = host.read_number(node / "size") * _SECTOR_BYTES
    content = glance(host.dev / node.name, size_bytes)
    volume = _volume(host, usage, node, content, read_udev(host, node.name))
    entry = layout.by_number(host.read_number(node / "partition")) if layout else None
    return replace(volume, part_label=volume.part_label or (entry.label or None if entry else None))


def _volume(
    host: Host, usage: Usage, node: Path, content: Glance, properties: Properties
) -> Volume:
    return Volume(
        path=host.dev / node.name,
        size_bytes=host.read_number(node / "size") * _SECTOR_BYTES,
        part_label=properties.part_label or None,
        fs_type=properties.fs_type or content.fs_type,
        fs_label=properties.fs_label or content.fs_label,
        mounts=tuple(usage.mounts.get(node.name, ())),
        is_swap=node.name in usage.swaps,
        holders=_holders(host, node),
        history=content.history,
    )


def _holders(host: Host, node: Path) -> tuple[str, ...]:
    names = [holder.name for holder in host.children(node / "holders")]
    return tuple(host.read(host.sys / "block" / name / "dm/name") or name for name in names)
