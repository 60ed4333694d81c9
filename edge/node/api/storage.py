# SPDX-License-Identifier: Apache-2.0
"""The older of the two storage services: disks as a list, and wiping them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from edge.api import storage_pb2, storage_pb2_grpc
from edge.node.api.enrolment import check_enrolment
from edge.node.api.guard import Context
from edge.node.api.wipe import Cancelled, Target, check, wipe
from edge.node.log import logger
from edge.node.machine import Machine
from edge.node.resource import kind

_TYPES = {
    "": storage_pb2.Disk.UNKNOWN,
    "nvme": storage_pb2.Disk.NVME,
    "mmc": storage_pb2.Disk.SD,
}
_log = logger("machined")
# Of its own: a disk can take hours to be overwritten.
_pool = ThreadPoolExecutor(2, "wipe")


class DiskService(storage_pb2_grpc.StorageServiceServicer):
    """Disks as the resources describe them."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def Disks(self, _request: Any, _context: Context) -> storage_pb2.DisksResponse:
        """List the disks."""
        store = self._machine.store
        system = store.spec(kind.SYSTEM_DISK, "system-disk").get("diskID")
        disks = [
            _describe(disk.id, disk.spec, is_system=disk.id == system)
            for disk in store.of_kind(kind.DISK)
        ]
        return storage_pb2.DisksResponse(messages=[storage_pb2.Disks(disks=disks)])

    async def BlockDeviceWipe(
        self, request: storage_pb2.BlockDeviceWipeRequest, context: Context
    ) -> storage_pb2.BlockDeviceWipeResponse:
        """Wipe disks or partitions, once all of them may be."""
        check_enrolment(self._machine, context)
        targets = [check(self._machine, each) for each in request.devices]
        gone = Event()
        work = asyncio.get_running_loop().run_in_executor(_pool, _wipe, targets, gone)
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            gone.set()
            raise
        return storage_pb2.BlockDeviceWipeResponse(messages=[storage_pb2.BlockDeviceWipe()])


def _wipe(targets: list[Target], gone: Event) -> None:
    for target in targets:
        _log.warning("wiping %s: %s", target.name, "zeroes" if target.zeroes else "signatures")
        try:
            wipe(target, gone.is_set)
        except Cancelled:
            _log.warning("wiping %s was given up: its caller has gone", target.name)
            return
        _log.info("wiped %s", target.name)


def _describe(name: str, spec: dict[str, Any], *, is_system: bool) -> storage_pb2.Disk:
    return storage_pb2.Disk(
        size=spec.get("size", 0),
        model=spec.get("model", ""),
        device_name=spec.get("dev_path", ""),
        name=name,
        serial=spec.get("serial", ""),
        modalias=spec.get("modalias", ""),
        uuid=spec.get("uuid", ""),
        wwid=spec.get("wwid", ""),
        type=_type(spec),
        bus_path=spec.get("bus_path", ""),
        subsystem=spec.get("sub_system", ""),
        system_disk=is_system,
        readonly=spec.get("readonly", False),
    )


def _type(spec: dict[str, Any]) -> storage_pb2.Disk.DiskType:
    if spec.get("cdrom"):
        return storage_pb2.Disk.CD
    if (transport := spec.get("transport", "")) in _TYPES:
        return _TYPES[transport]
    return storage_pb2.Disk.HDD if spec.get("rotational") else storage_pb2.Disk.SSD
