# SPDX-License-Identifier: Apache-2.0
"""Storage: publishes disks, volumes and mounts, and which disk is the system's."""

from pathlib import Path
from typing import Any

from edge.node.control.controller import Controller
from edge.node.disk import EPHEMERAL, META, STATE, SystemDisk
from edge.node.resource import kind
from edge.units import format_size

_OWNER = "block.VolumeManagerController"
_BLOCK = Path("/sys/class/block")
_SECTOR = 512


class StorageController(Controller):
    """Looks at disks and volumes every now and then."""

    name = "block.DisksController"
    inputs = (kind.DIAGNOSTIC, kind.MACHINE_CONFIG)
    period_s = 30.0

    async def reconcile(self) -> None:
        """Publish what there is."""
        volumes = self.machine.volumes
        if volumes.disk:
            self._publish_disk(volumes.disk)
        statuses = {
            label: self._volume(label)
            for label in (META, STATE, EPHEMERAL)
            if volumes.disk or label in volumes.faults
        }
        self.store.publish(kind.VOLUME_STATUS, statuses, owner=_OWNER)
        mounts = {label: self._mount(label, path) for label, path in volumes.mounted.items()}
        self.store.publish(kind.MOUNT_STATUS, mounts, owner=_OWNER)

    def _publish_disk(self, disk: SystemDisk) -> None:
        name = disk.path.name
        spec = {"diskID": name, "devPath": str(disk.path)}
        self.store.put(kind.SYSTEM_DISK, "system-disk", spec, owner=_OWNER)
        self.store.publish(kind.DISK, {name: _describe(disk)}, owner=_OWNER)
        found = {
            disk.device(partition).name: {
                "dev_path": str(disk.device(partition)),
                "type": "partition",
                "parent": name,
                "size": partition.size_bytes,
                "pretty_size": format_size(partition.size_bytes),
                "offset": partition.start_bytes,
                "partition_uuid": partition.uuid,
                "partition_type": partition.type,
                "partition_label": partition.label,
                "partition_index": partition.number,
            }
            for partition in disk.table.partitions
        }
        self.store.publish(kind.DISCOVERED_VOLUME, found, owner=_OWNER)

    def _volume(self, label: str) -> dict[str, Any]:
        volumes = self.machine.volumes
        partition = volumes.disk.partition(label) if volumes.disk else None
        ready = label in volumes.mounted or (label == META and volumes.meta is not None)
        size_bytes = partition.size_bytes if partition else 0
        spec = {
            "phase": "ready" if ready else "failed",
            "type": "partition",
            "location": str(volumes.disk.device(partition)) if volumes.disk and partition else "",
            "partitionIndex": partition.number if partition else 0,
            "size": size_bytes,
            "prettySize": format_size(size_bytes),
            "filesystem": "none" if label == META else "ext4",
        }
        return spec | ({"errorMessage": volumes.faults[label]} if label in volumes.faults else {})

    def _mount(self, label: str, path: Path) -> dict[str, Any]:
        disk = self.machine.volumes.disk
        partition = disk.partition(label) if disk else None
        return {
            "spec": {"volumeID": label},
            "source": str(disk.device(partition)) if disk and partition else "",
            "target": str(path),
            "filesystem": "ext4",
            "readOnly": False,
        }


def _describe(disk: SystemDisk) -> dict[str, Any]:
    folder = _BLOCK / disk.path.name
    size_bytes = disk.table.size_bytes
    return {
        "dev_path": str(disk.path),
        "size": size_bytes,
        "pretty_size": format_size(size_bytes),
        "io_size": _number(folder / "queue/optimal_io_size") or _SECTOR,
        "sector_size": _number(folder / "queue/logical_block_size") or _SECTOR,
        "readonly": _number(folder / "ro") == 1,
        "cdrom": False,
        "model": _text(folder / "device/model") or _text(folder / "device/name"),
        "serial": _text(folder / "device/serial") or _text(folder / "serial"),
        "transport": _transport(folder),
        "rotational": _number(folder / "queue/rotational") == 1,
    }


def _transport(folder: Path) -> str:
    target = str(folder.resolve())
    kinds = ("nvme", "usb", "mmc", "virtio", "ata")
    return next((kind_ for kind_ in kinds if f"/{kind_}" in target), "")


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _number(path: Path) -> int:
    text = _text(path)
    return int(text) if text.isdigit() else 0
