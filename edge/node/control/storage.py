# SPDX-License-Identifier: Apache-2.0
"""Storage: publishes disks, volumes and mounts, and which disk is the system's."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.node.control.block import (
    Specs,
    describe_disk,
    discover_volumes,
    list_devices,
    list_disks,
    list_swaps,
    read_text,
)
from edge.node.control.controller import Controller
from edge.node.disk import EPHEMERAL, META, STATE
from edge.node.resource import kind
from edge.node.resource.definition import Kind
from edge.units import format_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one look at the machine's disks found."""

    disks: Specs
    volumes: Specs
    devices: Specs
    swaps: Specs


class StorageController(Controller):
    """Looks at disks and volumes every now and then."""

    name = "block.DisksController"
    inputs = (kind.DIAGNOSTIC, kind.MACHINE_CONFIG)
    outputs = (
        kind.SYSTEM_DISK,
        kind.DISK,
        kind.BLOCK_DEVICE,
        kind.DISCOVERED_VOLUME,
        kind.DISCOVERED_VOLUMES_STATUS,
        kind.SWAP_STATUS,
        kind.VOLUME_STATUS,
        kind.MOUNT_STATUS,
        kind.MOUNT,
    )
    period_s = 30.0

    async def reconcile(self) -> None:
        """Publish what there is."""
        found = await asyncio.to_thread(self._look)
        self._publish(kind.DISK, found.disks)
        self._publish(kind.BLOCK_DEVICE, found.devices)
        self._publish(kind.DISCOVERED_VOLUME, found.volumes)
        self._publish(kind.SWAP_STATUS, found.swaps)
        ready = {"discovered-volumes-status": {"ready": True}}
        self._publish(kind.DISCOVERED_VOLUMES_STATUS, ready)
        self._publish_volumes()

    def _publish(self, kind_: Kind, specs: Specs) -> None:
        self.store.publish(kind_, specs, owner=self.name)

    def _look(self) -> Found:
        metal = self.machine.platform.mode == "metal"
        disks = list_disks(self.machine.volumes.disk, metal=metal)
        volumes: Specs = {}
        for disk in disks:
            volumes |= discover_volumes(disk)
        return Found(
            disks={disk.path.name: describe_disk(disk) for disk in disks},
            volumes=volumes,
            devices=list_devices(disks),
            swaps=list_swaps(read_text(Path("/proc/swaps"))) if metal else {},
        )

    def _publish_volumes(self) -> None:
        volumes = self.machine.volumes
        if disk := volumes.disk:
            spec = {"diskID": disk.path.name, "devPath": str(disk.path)}
            self._publish(kind.SYSTEM_DISK, {"system-disk": spec})
        statuses = {
            label: self._volume(label)
            for label in (META, STATE, EPHEMERAL)
            if volumes.disk or label in volumes.faults
        }
        self._publish(kind.VOLUME_STATUS, statuses)
        mounts = {label: self._mount(label, path) for label, path in volumes.mounted.items()}
        self._publish(kind.MOUNT_STATUS, mounts)
        self._publish(
            kind.MOUNT, {label: self._old_mount(mount) for label, mount in mounts.items()}
        )

    def _volume(self, label: str) -> dict[str, Any]:
        volumes = self.machine.volumes
        partition = volumes.disk.partition(label) if volumes.disk else None
        ready = label in volumes.mounted or (label == META and volumes.meta is not None)
        size_bytes = partition.size_bytes if partition else 0
        location = self._location(label)
        spec = {
            "phase": "ready" if ready else "failed",
            "type": "partition",
            "location": location,
            "mountLocation": location,
            "partitionIndex": partition.number if partition else 0,
            "parentLocation": str(volumes.disk.path) if volumes.disk and partition else "",
            "uuid": self._content(location).get("uuid", ""),
            "partitionUUID": partition.uuid if partition else "",
            "size": size_bytes,
            "prettySize": format_size(size_bytes),
            "filesystem": "none" if label == META else "ext4",
        }
        return spec | ({"errorMessage": volumes.faults[label]} if label in volumes.faults else {})

    def _location(self, label: str) -> str:
        disk = self.machine.volumes.disk
        partition = disk.partition(label) if disk else None
        return str(disk.device(partition)) if disk and partition else ""

    def _content(self, location: str) -> Any:
        return self.store.spec(kind.DISCOVERED_VOLUME, Path(location).name) if location else {}

    def _mount(self, label: str, path: Path) -> dict[str, Any]:
        return {
            "spec": {"volumeID": label},
            "source": self._location(label),
            "target": str(path),
            "filesystem": "ext4",
            "readOnly": False,
        }

    def _old_mount(self, mount: dict[str, Any]) -> dict[str, Any]:
        """Return a mount in the form that older clients know."""
        metal = self.machine.platform.mode == "metal"
        return {
            "source": mount["source"],
            "target": mount["target"],
            "filesystemType": mount["filesystem"],
            "options": ["nosuid", "nodev", "noatime"] if metal else [],
            "encrypted": False,
        }
