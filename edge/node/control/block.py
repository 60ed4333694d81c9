# SPDX-License-Identifier: Apache-2.0
"""Disks and partitions as the kernel, their tables and their first bytes describe them.

A lab node has no disk of the kernel's: it describes the image file that is its own.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.errors import ImageError
from edge.node.control.superblock import recognise
from edge.node.disk import SystemDisk, whole_disks
from edge.units import format_size
from flasher.table import Partition, Table, read_table

BLOCK = Path("/sys/class/block")
_SECTOR = 512
_TRANSPORTS = ("nvme", "usb", "mmc", "virtio", "ata")

Specs = dict[str, dict[str, Any]]


def list_disks(system: SystemDisk | None, *, metal: bool) -> list[SystemDisk]:
    """Return every disk of the machine with its table; what cannot be read has an empty one."""
    if not metal:
        return [system] if system else []
    found = [SystemDisk(path, _read_table(path)) for path in whole_disks()]
    # What machined wrote to the table of its own disk it knows best.
    return [system if system and each.path == system.path else each for each in found]


def describe_disk(disk: SystemDisk) -> dict[str, Any]:
    """Return the specification of a disk."""
    folder = BLOCK / disk.path.name
    size_bytes = disk.table.size_bytes
    return {
        "dev_path": str(disk.path),
        "size": size_bytes,
        "pretty_size": format_size(size_bytes),
        "io_size": read_number(folder / "queue/optimal_io_size") or _SECTOR,
        "sector_size": read_number(folder / "queue/logical_block_size") or _SECTOR,
        "readonly": read_number(folder / "ro") == 1,
        "cdrom": False,
        "model": read_text(folder / "device/model") or read_text(folder / "device/name"),
        "firmware_version": read_text(folder / "device/firmware_rev"),
        "serial": read_text(folder / "device/serial") or read_text(folder / "serial"),
        "modalias": read_text(folder / "device/modalias"),
        "wwid": read_text(folder / "wwid") or read_text(folder / "device/wwid"),
        "bus_path": _bus_path(folder),
        "sub_system": "/sys/class/block" if folder.exists() else "",
        "transport": _transport(folder),
        "rotational": read_number(folder / "queue/rotational") == 1,
        "secondary_disks": _names(folder / "slaves"),
    }


def discover_volumes(disk: SystemDisk) -> Specs:
    """Return what is on a disk and its partitions, by the kernel's names."""
    size_bytes = disk.table.size_bytes
    whole = {
        "dev_path": str(disk.path),
        "type": "disk",
        "device_path": _device_path(disk.path.name),
        "size": size_bytes,
        "pretty_size": format_size(size_bytes),
        "sector_size": _SECTOR,
        "io_size": _SECTOR,
    }
    if disk.table.partitions:
        content = {"name": {"mbr": "dos"}.get(disk.table.kind, disk.table.kind)}
        content["uuid"] = disk.table.disk_id
    else:
        content = _content(disk.path, 0, size_bytes)
    found = {disk.path.name: whole | content}
    for partition in disk.table.partitions:
        device = disk.device(partition)
        found[device.name] = _describe_partition(disk, partition, device)
    return found


def list_devices(disks: list[SystemDisk]) -> Specs:
    """Return the block devices of these disks, by the kernel's names."""
    found: Specs = {}
    for disk in disks:
        name = disk.path.name
        found[name] = {
            "type": "disk",
            **_numbers(name),
            "secondaries": _names(BLOCK / name / "slaves"),
        }
        for partition in disk.table.partitions:
            device = disk.device(partition)
            found[device.name] = {
                "type": "partition",
                **_numbers(device.name),
                "partitionName": partition.label,
                "partitionNumber": partition.number,
                "parent": name,
            }
    return found


def list_swaps(text: str) -> Specs:
    """Return the swap devices in the kernel's table /proc/swaps."""
    found: Specs = {}
    for line in text.splitlines()[1:]:
        device, type_, size_kib, used_kib, priority = line.split()
        size_bytes, used_bytes = int(size_kib) * 1024, int(used_kib) * 1024
        found[Path(device).name] = {
            "device": device,
            "type": type_,
            "size": size_bytes,
            "sizeHuman": format_size(size_bytes),
            "used": used_bytes,
            "usedHuman": format_size(used_bytes),
            "priority": int(priority),
        }
    return found


def read_text(path: Path) -> str:
    """Return the text of a file of the kernel's, or nothing when there is none."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def read_number(path: Path) -> int:
    """Return the number in a file of the kernel's, or nought."""
    text = read_text(path)
    return int(text) if text.isdigit() else 0


def _read_table(path: Path) -> Table:
    try:
        with path.open("rb") as file:
            if table := read_table(file):
                return table
            size_bytes = file.seek(0, os.SEEK_END)
    except (OSError, ImageError):
        size_bytes = read_number(BLOCK / path.name / "size") * _SECTOR
    return Table(kind="mbr", disk_id="", size_bytes=size_bytes)


def _describe_partition(disk: SystemDisk, partition: Partition, device: Path) -> dict[str, Any]:
    return {
        "dev_path": str(device),
        "type": "partition",
        "device_path": _device_path(device.name),
        "parent": disk.path.name,
        "parent_dev_path": str(disk.path),
        "offset": partition.start_bytes,
        "size": partition.size_bytes,
        "pretty_size": format_size(partition.size_bytes),
        "sector_size": _SECTOR,
        "io_size": _SECTOR,
        **_content(disk.path, partition.start_bytes, partition.size_bytes),
        "partition_uuid": partition.uuid,
        "partition_type": partition.type,
        "partition_label": partition.label,
        "partition_index": partition.number,
    }


def _content(path: Path, offset: int, size_bytes: int) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            found = recognise(file, offset, size_bytes)
    except OSError:
        return {}
    return {"name": found.name, "uuid": found.uuid, "label": found.label} if found else {}


def _numbers(name: str) -> dict[str, Any]:
    major, _, minor = read_text(BLOCK / name / "dev").partition(":")
    return {
        "major": int(major or 0),
        "minor": int(minor or 0),
        "devicePath": _device_path(name),
        "generation": 1,
    }


def _device_path(name: str) -> str:
    folder = BLOCK / name
    return str(folder.resolve()).removeprefix("/sys") if folder.exists() else ""


def _bus_path(folder: Path) -> str:
    device = folder / "device"
    return str(device.resolve()).removeprefix("/sys/devices") if device.exists() else ""


def _transport(folder: Path) -> str:
    target = str(folder.resolve())
    return next((name for name in _TRANSPORTS if f"/{name}" in target), "")


def _names(folder: Path) -> list[str]:
    with suppress(OSError):
        return sorted(entry.name for entry in folder.iterdir())
    return []
