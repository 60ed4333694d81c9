# SPDX-License-Identifier: Apache-2.0
"""Nodes that answer as a test says, in bytes, and a node that forwards to them."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import grpc

from edge.api import machine_pb2
from edge.node.api.guard import Guard
from edge.node.api.pool import Identity, Pool
from edge.node.api.route import Router
from edge.node.machine import Machine
from edge.pki.certificate import KeyPair, issue_client, issue_server
from edge.pki.key import new_key
from edge.pki.role import Role

SERVICE = "/machine.MachineService"
RELAY = "127.0.0.1"
NOW = datetime.now(UTC)

Behaviour = Callable[[AsyncIterator[bytes], Any], Awaitable[None]]
Deserialize = machine_pb2.Hostname.FromString


async def say_hello(requests: AsyncIterator[bytes], context: Any) -> None:
    """Answer with one message."""
    async for _ in requests:
        pass
    await context.write(hello("hello"))


def hello(*names: str) -> bytes:
    """Return an answer with these messages."""
    messages = [machine_pb2.Hostname(hostname=name) for name in names]
    return machine_pb2.HostnameResponse(messages=messages).SerializeToString()


@dataclass
class Backend(grpc.GenericRpcHandler):
    """A node; `seen` is the metadata of its calls, `methods` which ones they were of."""

    behaviour: Behaviour = say_hello
    seen: list[dict[str, list[str]]] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    peers: set[str] = field(default_factory=set)
    ended: int = 0

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """Answer every method alike."""
        self.methods.append(str(details.method))
        return grpc.stream_stream_rpc_method_handler(self._handle)

    async def _handle(self, requests: AsyncIterator[bytes], context: Any) -> None:
        metadata: dict[str, list[str]] = {}
        for key, value in context.invocation_metadata():
            metadata.setdefault(key, []).append(value)
        self.seen.append(metadata)
        self.peers.add(context.peer())
        try:
            await self.behaviour(requests, context)
        finally:
            self.ended += 1


@dataclass
class Relay:
    """A node that forwards, and the nodes that it forwards to."""

    authority: KeyPair
    machine: Machine
    port: int
    pool: Pool
    identity: Identity | None
    stack: AsyncExitStack

    async def add(self, address: str, behaviour: Behaviour = say_hello) -> Backend:
        """Start a node."""
        backend = Backend(behaviour)
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((backend,))
        await self.serve(server, address)
        return backend

    async def serve(self, server: grpc.aio.Server, address: str) -> None:
        """Start a server that ends with the test."""
        key = new_key()
        certificate = issue_server(
            self.authority, key, common_name="n", addresses=[ip_address(address)], now=NOW
        )
        credentials = grpc.ssl_server_credentials(
            [(key, certificate)], self.authority.certificate, require_client_auth=True
        )
        assert server.add_secure_port(f"{address}:{self.port}", credentials) == self.port
        await server.start()
        self.stack.push_async_callback(server.stop, None)

    def new_identity(self) -> Identity:
        """Return what a control plane would issue itself."""
        pair = issue_client(self.authority, [Role.IMPERSONATOR], now=NOW)
        return Identity(
            certificate=pair.certificate, key=pair.key, authorities=self.authority.certificate
        )

    @asynccontextmanager
    async def channel(self, *roles: str) -> AsyncIterator[grpc.aio.Channel]:
        """Connect to the node that forwards."""
        pair = issue_client(self.authority, roles or [Role.ADMIN], now=NOW)
        credentials = grpc.ssl_channel_credentials(
            self.authority.certificate, pair.key, pair.certificate
        )
        async with grpc.aio.secure_channel(f"{RELAY}:{self.port}", credentials) as channel:
            yield channel


async def _one(requests: Any, context: Any) -> machine_pb2.HostnameResponse:
    name = requests.hostname
    if name == "abort":
        await context.abort(grpc.StatusCode.NOT_FOUND, "there is none")
    if name == "missing":
        raise NotImplementedError("this board has none of it")
    if name == "bug":
        raise KeyError("secret")
    message = machine_pb2.Hostname(hostname=name * 1000 if name == "large" else f"here {name}")
    return machine_pb2.HostnameResponse(messages=[message])


async def _stream(request: Any, _context: Any) -> AsyncIterator[machine_pb2.Hostname]:
    for number in range(3):
        name = request.hostname * 1000 if request.hostname == "large" else f"here {number}"
        yield machine_pb2.Hostname(hostname=name)
    if request.hostname == "missing":
        raise NotImplementedError("no more of it")


async def _gather(requests: Any, _context: Any) -> machine_pb2.HostnameResponse:
    names = [request.hostname async for request in requests]
    return machine_pb2.HostnameResponse(messages=[machine_pb2.Hostname(hostname=" ".join(names))])


async def _echo(requests: Any, _context: Any) -> AsyncIterator[machine_pb2.Hostname]:
    async for request in requests:
        yield request


def _encode(message: Any) -> bytes:
    return bytes(message.SerializeToString())


_LOCAL: dict[str, Any] = {
    "One": grpc.unary_unary_rpc_method_handler(_one, Deserialize, _encode),
    "Stream": grpc.unary_stream_rpc_method_handler(_stream, Deserialize, _encode),
    "Gather": grpc.stream_unary_rpc_method_handler(_gather, Deserialize, _encode),
    "Echo": grpc.stream_stream_rpc_method_handler(_echo, Deserialize, _encode),
}


@asynccontextmanager
async def relaying(
    machine: Machine, authority: KeyPair, *, message_limit: int = 4096, idle_s: float = 60.0
) -> AsyncIterator[Relay]:
    """Run a node that has a method of every shape, and forwards."""
    with socket.socket() as probe:
        probe.bind((RELAY, 0))
        port: int = probe.getsockname()[1]
    async with AsyncExitStack() as stack:
        pool = Pool(port=port, message_limit=1 << 24, idle_s=idle_s)
        relay = Relay(authority, machine, port, pool, None, stack)
        relay.identity = relay.new_identity()
        router = Router(lambda: relay.identity, pool, message_limit=message_limit)
        guard = Guard(machine, router, maintenance=False, message_limit=message_limit)
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        for name, handler in _LOCAL.items():
            guard.add(f"{SERVICE}/{name}", handler)
        server.add_generic_rpc_handlers((guard,))
        stack.push_async_callback(router.close)
        await relay.serve(server, RELAY)
        yield relay
