# SPDX-License-Identifier: Apache-2.0
"""Calls that change the machine: configuration, restart, power-off, reset, META."""

import asyncio
import time
from typing import Any

import grpc

from edge import __version__
from edge.api import machine_pb2, storage_pb2
from edge.errors import ConfigError, NodeError, TrustError
from edge.meta import keys
from edge.meta.partition import MetaPartition
from edge.node.api.enrolment import check_enrolment
from edge.node.api.guard import Context
from edge.node.api.wipe import Target, check
from edge.node.api.wipe import wipe as wipe_disk
from edge.node.apply import Applier, Mode
from edge.node.boot.supervisor import Request
from edge.node.ending import Work
from edge.node.log import logger
from edge.node.machine import DISK, Machine, Stage
from edge.node.resource import kind
from edge.node.volume import LABELS

META_VALUE_BYTES = 64 * 1024
_ED25519 = (
    "a client whose key is Ed25519, as talosctl gen config makes it, cannot connect from now on"
    " and only sees Unavailable; edgectl gen config --with-secrets FILE -t talosconfig makes a"
    " key that works from the same secrets"
)
_log = logger("machined")


class LifeCalls:
    """The part of MachineService that configures and ends the machine."""

    machine: Machine
    applier: Applier

    async def Version(self, _request: Any, _context: Context) -> machine_pb2.VersionResponse:
        """Say what runs here."""
        image = self.machine.platform.image
        built = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(image.build_time))
        version = machine_pb2.Version(
            version=machine_pb2.VersionInfo(
                tag=f"v{__version__}", built=built, os="linux", arch=image.arch
            ),
            platform=machine_pb2.PlatformInfo(name=image.board, mode=self.machine.platform.mode),
            features=machine_pb2.FeaturesInfo(rbac=True),
        )
        return machine_pb2.VersionResponse(messages=[version])

    async def ApplyConfiguration(
        self, request: machine_pb2.ApplyConfigurationRequest, context: Context
    ) -> machine_pb2.ApplyConfigurationResponse:
        """Apply a machine configuration."""
        check_enrolment(self.machine, context)
        is_first = self.machine.in_maintenance
        applied = await self.applier.apply(
            request.data,
            _mode(request.mode),
            dry_run=request.dry_run,
            try_timeout_s=request.try_mode_timeout.ToNanoseconds() / 1e9,
        )
        return machine_pb2.ApplyConfigurationResponse(
            messages=[
                machine_pb2.ApplyConfiguration(
                    warnings=applied.warnings + (_key_warnings(context) if is_first else ()),
                    mode=applied.mode.name,
                    mode_details=applied.details,
                )
            ]
        )

    async def Reboot(
        self, request: machine_pb2.RebootRequest, _context: Context
    ) -> machine_pb2.RebootResponse:
        """Restart the machine through its firmware; FORCE stops nothing first."""
        is_forced = request.mode == machine_pb2.RebootRequest.FORCE
        actor = self.machine.end(Request.REBOOT, Stage.REBOOTING, "reboot", is_forced=is_forced)
        return machine_pb2.RebootResponse(messages=[machine_pb2.Reboot(actor_id=actor)])

    async def Shutdown(
        self, request: machine_pb2.ShutdownRequest, _context: Context
    ) -> machine_pb2.ShutdownResponse:
        """Power the machine off; a forced one stops nothing first."""
        actor = self.machine.end(
            Request.POWER_OFF, Stage.SHUTTING_DOWN, "shutdown", is_forced=request.force
        )
        return machine_pb2.ShutdownResponse(messages=[machine_pb2.Shutdown(actor_id=actor)])

    async def Reset(
        self, request: machine_pb2.ResetRequest, _context: Context
    ) -> machine_pb2.ResetResponse:
        """Wipe volumes, the whole system disk or other disks, and restart or power off."""
        wipe, disks = _what_to_wipe(request), self._user_disks(request)
        end = Request.REBOOT if request.reboot else Request.POWER_OFF
        first = _wiping(disks) if disks else None
        actor = self.machine.end(end, Stage.RESETTING, "reset", wipe=wipe, first=first)
        names = [*(f"/dev/{each.name}" for each in disks), *wipe]
        _log.warning("resetting: %s", ", ".join(names))
        return machine_pb2.ResetResponse(messages=[machine_pb2.Reset(actor_id=actor)])

    def _user_disks(self, request: machine_pb2.ResetRequest) -> list[Target]:
        return [
            check(self.machine, storage_pb2.BlockDeviceWipeDescriptor(device=disk))
            for disk in request.user_disks_to_wipe
        ]

    async def MetaWrite(
        self, request: machine_pb2.MetaWriteRequest, context: Context
    ) -> machine_pb2.MetaWriteResponse:
        """Store a value in META."""
        _check_meta_key(request.key)
        if len(request.value) > META_VALUE_BYTES:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the value is too large")
        await asyncio.to_thread(self._meta().set, request.key, request.value)
        self.machine.publish_meta(request.key, request.value)
        return machine_pb2.MetaWriteResponse(messages=[machine_pb2.MetaWrite()])

    async def MetaDelete(
        self, request: machine_pb2.MetaDeleteRequest, context: Context
    ) -> machine_pb2.MetaDeleteResponse:
        """Remove a value from META."""
        _check_meta_key(request.key)
        name = keys.key_name(request.key)
        if not await asyncio.to_thread(self._meta().delete, request.key):
            await context.abort(grpc.StatusCode.NOT_FOUND, f"META has no key {name}")
        self.machine.store.remove(kind.META_KEY, name)
        return machine_pb2.MetaDeleteResponse(messages=[machine_pb2.MetaDelete()])

    def _meta(self) -> MetaPartition:
        if self.machine.volumes.meta is None:
            raise NodeError("this node has no META partition")
        return self.machine.volumes.meta


def _key_warnings(context: Context) -> tuple[str, ...]:
    """Warn those whose own key may keep them out as soon as the node verifies its callers."""
    agent = str(dict(context.invocation_metadata() or ()).get("user-agent", ""))
    return (_ED25519,) if agent.startswith("grpc-go") else ()


def _mode(number: int) -> Mode:
    try:
        return Mode(number)
    except ValueError as error:
        raise ConfigError(f"there is no apply mode {number}") from error


def _check_meta_key(key: int) -> None:
    if not 0 < key <= 255:
        raise ConfigError(f"META key {key} is not in 1 to 255")
    if key in keys.SECRET_KEYS | keys.OWN_KEYS:
        raise TrustError(f"META key {keys.key_name(key)} is not to be changed through the API")


def _wiping(disks: list[Target]) -> Work:
    async def do() -> None:
        for disk in disks:
            await asyncio.to_thread(wipe_disk, disk, lambda: False)

    return Work(phase="resetUserDisks", task="resetUserDisks", do=do)


def _what_to_wipe(request: machine_pb2.ResetRequest) -> tuple[str, ...]:
    """Return the volumes to destroy, `DISK` for all of them; nothing for other disks alone."""
    given, mode = request.system_partitions_to_wipe, request.mode
    labels = [each.label for each in given if each.wipe]
    if given and not labels:
        # Nobody who lists partitions means the whole disk.
        raise ConfigError("none of the listed partitions is to be wiped")
    if unknown := [label for label in labels if label not in LABELS]:
        raise ConfigError(f"volume {unknown[0]} cannot be wiped; known are {', '.join(LABELS)}")
    if mode == machine_pb2.ResetRequest.SYSTEM_DISK and request.user_disks_to_wipe:
        raise ConfigError("user disks are listed, but only the system disk is to be wiped")
    if mode != machine_pb2.ResetRequest.USER_DISKS:
        return tuple(labels) or (DISK,)
    if given:
        raise ConfigError("system partitions are listed, but only user disks are to be wiped")
    if not request.user_disks_to_wipe:
        raise ConfigError("no user disk is listed that is to be wiped")
    return ()
