# SPDX-License-Identifier: Apache-2.0
"""The listening server: ports, TLS, and which services are registered.

In maintenance mode TLS proves only the server; afterwards both sides. Certificates are handed
out by a fetcher, so a renewed one takes effect for new connections without a restart.
"""

from collections.abc import Callable, Mapping, Sequence
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
from edge.errors import NodeError
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
from edge.node.api.stat import StatCalls
from edge.node.api.state import StateService
from edge.node.api.storage import DiskService
from edge.node.api.transport import Credentials, bind, dynamic_credentials
from edge.node.apply import Applier
from edge.node.machine import Machine

API_PORT = 50000
MAINTENANCE_PORT = 50001
MESSAGE_LIMIT = 32 * 1024 * 1024
METADATA_LIMIT = 256 * 1024
STOP_GRACE_S = 2.0
MOST_STREAMS = 1024
"""Calls at a time on one connection; more of them wait at the client."""
MOST_CALLS = 16384
"""Calls at a time on all connections, and as many that wait; more of them are refused."""

_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    # Answers are measured before they are sent, with a message that says what is wrong.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_concurrent_streams", MOST_STREAMS),
    # Fewer by default, and of them some are refused at random, in a burst of many clients.
    ("grpc.server.max_pending_requests", MOST_CALLS),
    ("grpc.server.max_pending_requests_hard_limit", MOST_CALLS),
    # What every connection costs, which a board with little memory has for thousands.
    ("grpc.tsi.max_frame_size", 4096),
    ("grpc.enable_channelz", 0),
    # The names of many nodes are metadata, too.
    ("grpc.max_metadata_size", METADATA_LIMIT),
    ("grpc.absolute_max_metadata_size", METADATA_LIMIT),
    # Whoever connects and says nothing, and whoever went away without hanging up.
    ("grpc.server_handshake_timeout_ms", 20_000),
    ("grpc.max_connection_idle_ms", 1_800_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
]


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


class ApiServer:
    """One running server."""

    def __init__(
        self,
        machine: Machine,
        applier: Applier,
        fetch: Callable[[], Credentials],
        *,
        maintenance: bool,
    ) -> None:
        self.maintenance = maintenance
        self._fetch = fetch
        self._router = Router(
            Identities(machine),
            Pool(port=API_PORT, message_limit=MESSAGE_LIMIT),
            message_limit=MESSAGE_LIMIT,
        )
        self._guard = Guard(
            machine, self._router, maintenance=maintenance, message_limit=MESSAGE_LIMIT
        )
        self._server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=MOST_CALLS)
        guarded: Any = _Guarded(self._guard)
        _register(guarded, machine, applier)
        self._server.add_generic_rpc_handlers((self._guard,))

    async def start(self, address: str, ports: tuple[int, ...]) -> None:
        """Bind and serve.

        Raises:
            NodeError: when a port is taken; nothing is bound then.
            TrustError: when clients are to be verified and there is no authority to do it by.
        """
        try:
            for port in ports:
                # Each port is told once which certificate is new, so each has its own.
                verified = not self.maintenance
                credentials = dynamic_credentials(self._fetch, verify_clients=verified)
                bind(self._server, address, port, credentials)
        except NodeError:
            await self._server.stop(None)
            raise
        await self._server.start()

    async def stop(self) -> None:
        """Let calls have their answers, let streams end for a moment, and close.

        The answers come first because some clients drop a call when told that the server goes:
        whoever applied a configuration, or asked for a restart, would not know that it worked.
        """
        await self._guard.replies.settled(STOP_GRACE_S)
        await self._server.stop(STOP_GRACE_S)
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
