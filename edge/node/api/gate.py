# SPDX-License-Identifier: Apache-2.0
"""Everything behind the API's ports: the guard, and the services that it lets calls through to."""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc

from edge.api import (
    cluster_pb2_grpc,
    inspect_pb2_grpc,
    machine_pb2_grpc,
    resource_pb2_grpc,
    storage_pb2_grpc,
    time_pb2_grpc,
)
from edge.node.api.absent import SERVICES, AbsentCalls, absent_service
from edge.node.api.capture import CaptureCalls
from edge.node.api.client_config import ClientConfigCalls
from edge.node.api.container import ContainerCalls
from edge.node.api.file import FileCalls
from edge.node.api.guard import Guard
from edge.node.api.health import HealthService
from edge.node.api.image import ImageCalls, ImageService
from edge.node.api.inspect import InspectService
from edge.node.api.life import LifeCalls
from edge.node.api.log import LogCalls
from edge.node.api.mount import FileSystemService, MountCalls
from edge.node.api.netstat import NetstatCalls
from edge.node.api.other import ClockService
from edge.node.api.pool import Identities, Pool
from edge.node.api.process import ProcessCalls
from edge.node.api.route import Router
from edge.node.api.server import API_PORT, MESSAGE_LIMIT
from edge.node.api.stat import StatCalls
from edge.node.api.state import StateService
from edge.node.api.storage import DiskService
from edge.node.apply import Applier
from edge.node.machine import Machine


class MachineService(
    LifeCalls,
    LogCalls,
    StatCalls,
    FileCalls,
    ClientConfigCalls,
    ContainerCalls,
    ImageCalls,
    MountCalls,
    NetstatCalls,
    ProcessCalls,
    CaptureCalls,
    AbsentCalls,
    machine_pb2_grpc.MachineServiceServicer,
):
    """Every machine call: most are implemented, the others say why they are not."""

    def __init__(self, machine: Machine, applier: Applier) -> None:
        self.machine = machine
        self.applier = applier


class Gate:
    """The handlers of one server."""

    def __init__(self, machine: Machine, applier: Applier, *, maintenance: bool) -> None:
        self._router = Router(
            Identities(machine),
            Pool(port=API_PORT, message_limit=MESSAGE_LIMIT),
            message_limit=MESSAGE_LIMIT,
        )
        self.guard = Guard(
            machine, self._router, maintenance=maintenance, message_limit=MESSAGE_LIMIT
        )
        guarded: Any = _Guarded(self.guard)
        _register(guarded, machine, applier)

    async def settled(self, timeout_s: float) -> None:
        """Wait until every call that is owed one answer has it, or for `timeout_s`."""
        await self.guard.replies.settled(timeout_s)

    async def close(self) -> None:
        """Let go of connections to other nodes."""
        await self._router.close()


class _Guarded:
    """What services are registered with: the guard, which looks them up by method."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def add_generic_rpc_handlers(self, _handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Do nothing: the generated code registers its methods by name as well."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Register the methods of one service."""
        # Not with the server: that waits for a call of each of its methods, all at once and
        # again after every call, which takes longer than most calls.
        for method, handler in handlers.items():
            self._guard.add(f"/{service}/{method}", handler)


def _register(server: grpc.aio.Server, machine: Machine, applier: Applier) -> None:
    machine_pb2_grpc.add_MachineServiceServicer_to_server(MachineService(machine, applier), server)
    machine_pb2_grpc.add_ImageServiceServicer_to_server(ImageService(machine), server)
    resource_pb2_grpc.add_StateServicer_to_server(StateService(machine.store), server)
    storage_pb2_grpc.add_StorageServiceServicer_to_server(DiskService(machine), server)
    time_pb2_grpc.add_TimeServiceServicer_to_server(ClockService(machine), server)
    cluster_pb2_grpc.add_ClusterServiceServicer_to_server(
        HealthService(machine, Identities(machine)), server
    )
    inspect_pb2_grpc.add_InspectServiceServicer_to_server(InspectService(machine.store), server)
    machine_pb2_grpc.add_StorageServiceServicer_to_server(FileSystemService(machine), server)
    # Registered so that their methods are authorised before they answer Unimplemented.
    for name in SERVICES:
        add = getattr(machine_pb2_grpc, f"add_{name}Servicer_to_server")
        add(absent_service(name), server)
