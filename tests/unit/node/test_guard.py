# SPDX-License-Identifier: Apache-2.0
"""Who may call what: every method of every service, with a certificate of every role."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from edge.api import (
    cluster_pb2,
    inspect_pb2,
    machine_pb2,
    resource_pb2,
    storage_pb2,
    time_pb2,
)
from edge.config.generate import Generated, generate
from edge.node.api.gate import Gate
from edge.node.api.server import ApiServer
from edge.node.api.transport import Credentials
from edge.node.apply import Applier
from edge.node.configuration import parse_configuration
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.pki.certificate import KeyPair, issue_client, issue_server, self_signed_server
from edge.pki.key import new_key
from edge.pki.role import MAINTENANCE_METHODS, METHOD_ROLES, Role
from edge.pki.secrets import SecretsBundle, new_secrets

NewMachine = Callable[[], Machine]
ADDRESS = "127.0.0.1"
NOW = datetime.now(UTC)

METHODS: dict[str, MethodDescriptor] = {
    f"/{service.full_name}/{method.name}": method
    for file in (cluster_pb2, inspect_pb2, machine_pb2, resource_pb2, storage_pb2, time_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
# These end the machine or wait for somebody else's clock.
ENDING = {"/machine.MachineService/Reboot", "/machine.MachineService/Shutdown"}


@dataclass
class Served:
    """A running server and how to reach it."""

    machine: Machine
    port: int
    root: bytes
    authority: KeyPair

    def channel(self, roles: Sequence[str] = (), *, pair: KeyPair | None = None) -> Any:
        """Open a channel with a certificate for `roles`."""
        pair = pair or issue_client(self.authority, roles, now=NOW)
        credentials = grpc.ssl_channel_credentials(self.root, pair.key, pair.certificate)
        return grpc.aio.secure_channel(f"{ADDRESS}:{self.port}", credentials)

    def stranger(self) -> Any:
        """Open a channel without a certificate."""
        credentials = grpc.ssl_channel_credentials(self.root)
        return grpc.aio.secure_channel(f"{ADDRESS}:{self.port}", credentials)


@pytest.fixture
async def served(
    new_machine: NewMachine, generated: Generated, bundle: SecretsBundle
) -> AsyncIterator[Served]:
    """A configured node's API on the loopback."""
    machine = new_machine()
    await machine.boot()
    machine.activate(parse_configuration(generated.worker.encode()))
    key = new_key()
    certificate = issue_server(
        bundle.os, key, common_name="node", addresses=[ip_address(ADDRESS)], now=NOW
    )
    credentials = Credentials(key=key, certificate=certificate, client_cas=bundle.os.certificate)
    async for each in _serve(machine, credentials, bundle.os, maintenance=False):
        yield each


@pytest.fixture
async def maintained(new_machine: NewMachine, bundle: SecretsBundle) -> AsyncIterator[Served]:
    """A maintenance API on the loopback."""
    machine = new_machine()
    await machine.boot()
    key = new_key()
    certificate = self_signed_server(
        key, common_name="node", addresses=[ip_address(ADDRESS)], now=NOW
    )
    credentials = Credentials(key=key, certificate=certificate)
    async for each in _serve(machine, credentials, bundle.os, maintenance=True):
        yield each


async def _serve(
    machine: Machine, credentials: Credentials, authority: KeyPair, *, maintenance: bool
) -> AsyncIterator[Served]:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
    gate = partial(Gate, machine, Applier(machine), maintenance=maintenance)
    server = ApiServer(gate, lambda: credentials, maintenance=maintenance)
    await server.start(ADDRESS, (port,))
    root = credentials.certificate if maintenance else authority.certificate
    yield Served(machine, port, root, authority)
    await server.stop()


async def _call(channel: Any, path: str, **more: Any) -> tuple[grpc.StatusCode, str]:
    """Call with an empty request; return status and details."""
    # A stream of one message is what a unary call looks like on the wire.
    call = channel.stream_stream(path)(iter([b""]), timeout=60, **more)
    try:
        async for _answer in call:
            call.cancel()
            return grpc.StatusCode.OK, ""
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


def _may(path: str, role: Role) -> bool:
    roles = METHOD_ROLES.get(path, frozenset({Role.ADMIN}))
    return role in (roles - {Role.READER} if path in MAINTENANCE_METHODS else roles)


async def test_every_method_admits_exactly_its_roles(served: Served) -> None:
    """Refused are all others, before anything is said about the method itself."""
    wrong = []
    for role in Role:
        async with served.channel([role]) as channel:
            for path in METHODS.keys() - ENDING:
                code, details = await _call(channel, path)
                refused = details == "not authorized"
                if refused is _may(path, role):
                    wrong.append((role, path, code, details))
                elif not refused:
                    assert code is not grpc.StatusCode.UNKNOWN, (path, details)
                    assert details != "Method not implemented!", path
    assert not wrong


@pytest.mark.parametrize("roles", [(), ("os:nonsense",), ("os:impersonator",)])
async def test_without_a_known_role_nothing_is_allowed(
    served: Served, roles: tuple[str, ...]
) -> None:
    """The certificate is valid, and gives no rights."""
    async with served.channel(roles) as channel:
        for path in METHODS:
            assert (await _call(channel, path))[1] == "not authorized", path


async def test_an_unknown_method_is_for_administrators(served: Served) -> None:
    """What is not in the table is not told to others."""
    path = "/machine.MachineService/NoSuchCall"
    async with served.channel([Role.OPERATOR]) as channel:
        assert (await _call(channel, path))[0] is grpc.StatusCode.PERMISSION_DENIED
    async with served.channel([Role.ADMIN]) as channel:
        assert (await _call(channel, path))[0] is grpc.StatusCode.UNIMPLEMENTED


async def test_roles_add_up(served: Served) -> None:
    """Two organizations, the rights of both."""
    async with served.channel([Role.READER, Role.META_WRITER]) as channel:
        assert (await _call(channel, "/machine.MachineService/Version"))[0] is grpc.StatusCode.OK
        code, _ = await _call(channel, "/machine.MachineService/MetaWrite")
        assert code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("method", ["machine.MachineService/Version", "cosi.resource.State/List"])
async def test_a_call_waits_for_a_node_that_has_just_started(
    maintained: Served, method: str
) -> None:
    """Half of what there is would look like all of it."""
    maintained.machine.complete.clear()
    async with maintained.stranger() as channel:
        calling = asyncio.create_task(_call(channel, f"/{method}"))
        await asyncio.wait([calling], timeout=0.3)
        assert not calling.done()
        maintained.machine.complete.set()
        await calling


async def test_maintenance_makes_everybody_a_reader(maintained: Served) -> None:
    """Applying is open to the handler's own check; the rest is the reader's."""
    async with maintained.stranger() as channel:
        for path in METHODS:
            _code, details = await _call(channel, path)
            roles = METHOD_ROLES.get(path, frozenset({Role.ADMIN}))
            assert (details == "not authorized") is (Role.READER not in roles), path


async def test_a_maintenance_server_of_a_configured_node_admits_nobody(
    maintained: Served, generated: Generated
) -> None:
    """In the moment before it is replaced, its open door must not lead anywhere."""
    maintained.machine.activate(parse_configuration(generated.worker.encode()))
    async with maintained.stranger() as channel:
        for path in (
            "/machine.MachineService/Version",
            "/machine.MachineService/ApplyConfiguration",
        ):
            assert (await _call(channel, path))[0] is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("case", ["none", "server", "both", "expired", "early", "foreign"])
async def test_bad_certificates_open_nothing(
    served: Served, bundle: SecretsBundle, case: str
) -> None:
    """Whether TLS or the guard turns them away."""
    async with _bad_channel(served, bundle, case) as channel:
        code, details = await _call(channel, "/machine.MachineService/Version")
    # What TLS lets pass for a client's, the guard looks at again.
    expected = "PERMISSION_DENIED" if case == "both" else "UNAVAILABLE"
    assert code.name == expected, details


def _bad_channel(served: Served, bundle: SecretsBundle, case: str) -> Any:
    long_ago, later = NOW - timedelta(days=900), NOW + timedelta(days=2)
    if case == "none":
        return served.stranger()
    if case in ("expired", "early"):
        when = long_ago if case == "expired" else later
        return served.channel(pair=issue_client(bundle.os, [Role.ADMIN], now=when))
    if case == "foreign":
        return served.channel(pair=issue_client(bundle.etcd, [Role.ADMIN], now=NOW))
    if case == "server":
        key = new_key()
        certificate = issue_server(bundle.os, key, common_name="os:admin", now=NOW)
        return served.channel(pair=KeyPair(certificate=certificate, key=key))
    return served.channel(pair=_for_both(bundle.os))


def _for_both(authority: KeyPair) -> KeyPair:
    """Make an administrator's certificate that is for servers as well."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    from edge.pki.key import load_key

    key = new_key()
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "os:admin")])
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject)
        .public_key(load_key(key).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(hours=1))
        .not_valid_after(NOW + timedelta(hours=1))
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    )
    signer = load_key(authority.key)
    certificate = builder.sign(signer, None)  # Ed25519 takes no hash
    return KeyPair(certificate=certificate.public_bytes(Encoding.PEM), key=key)


def _reading(served: Served) -> Any:
    return served.channel([Role.READER])


async def test_the_node_itself_may_be_named_as_the_target(served: Served) -> None:
    """By address or host name; any other would have to be forwarded to."""
    store = served.machine.store
    store.put(kind.NODE_ADDRESS, "current", {"addresses": ["10.0.0.7/24"]}, owner="test")
    store.put(kind.HOSTNAME_STATUS, "hostname", {"hostname": "me"}, owner="test")
    path = "/machine.MachineService/Version"
    async with _reading(served) as channel:
        for name in ("10.0.0.7", "me", "127.0.0.1"):
            assert (await _call(channel, path, metadata=(("node", name),)))[0] is (
                grpc.StatusCode.OK
            )
        code, details = await _call(channel, path, metadata=(("node", "10.0.0.8"),))
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert details == "no request forwarding"


async def test_answers_to_nodes_say_where_they_come_from(served: Served) -> None:
    """Old clients read the name off every message, of streams too."""
    metadata = (("nodes", "127.0.0.1"),)
    async with _reading(served) as channel:
        unary = channel.unary_unary(
            "/machine.MachineService/Version",
            response_deserializer=machine_pb2.VersionResponse.FromString,
        )
        answer = await unary(b"", metadata=metadata)
        assert answer.messages[0].metadata.hostname == "127.0.0.1"
        assert not (await unary(b"")).messages[0].metadata.hostname
        events = channel.unary_stream(
            "/machine.MachineService/Events",
            response_deserializer=machine_pb2.Event.FromString,
        )(b"", metadata=metadata)
        assert (await events.read()).metadata.hostname == "127.0.0.1"
        events.cancel()


@pytest.mark.parametrize("letter", ["x", "ä", "\n"])
async def test_what_a_caller_said_comes_back_in_a_size_that_arrives(
    served: Served, letter: str
) -> None:
    """From handlers that refuse, and from those that end their call themselves."""
    long = letter * 20_000
    requests = {
        "/cosi.resource.State/List": resource_pb2.ListRequest(
            namespace="runtime",
            type="Services.v1alpha1.talos.dev",
            options=resource_pb2.ListOptions(id_query=resource_pb2.IDQuery(regexp=f"({long}")),
        ),
        "/machine.MachineService/Logs": machine_pb2.LogsRequest(id=long),
        "/machine.MachineService/Version": machine_pb2.LogsRequest(),
    }
    expected = {"List": "INVALID_ARGUMENT", "Logs": "NOT_FOUND", "Version": "INVALID_ARGUMENT"}
    async with served.channel([Role.ADMIN]) as channel:
        for path, request in requests.items():
            call = channel.stream_stream(path)
            node = (("node", f"{'x' * 20_000}:1"),) if path.endswith("Version") else ()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(iter([request.SerializeToString()]), metadata=node, timeout=60).read()
            assert caught.value.code().name == expected[path.rpartition("/")[2]], path


@pytest.mark.parametrize("case", ["authority", "date"])
async def test_a_connection_has_no_rights_beyond_its_certificate(
    served: Served, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """When its authority is replaced, and when it expires: it was open before."""
    path = "/machine.MachineService/Version"
    async with served.channel([Role.ADMIN]) as channel:
        assert (await _call(channel, path))[0] is grpc.StatusCode.OK
        if case == "date":
            monkeypatch.setattr("edge.node.api.guard.datetime", _NextCentury)
        else:
            other = generate("demo", "https://10.0.0.10:6443", new_secrets(now=NOW), now=NOW)
            served.machine.activate(parse_configuration(other.worker.encode()))
        code, details = await _call(channel, path)
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert ("expired" if case == "date" else "no longer trusted") in details


@pytest.mark.parametrize("targets", [(), (("node", "here"),), (("nodes", "127.0.0.1"),)])
async def test_a_stream_ends_with_the_rights_of_its_caller(
    served: Served, targets: tuple[tuple[str, str], ...]
) -> None:
    """Nothing is sent any more of what happens later."""
    events = served.machine.events
    metadata = tuple((key, "127.0.0.1" if key == "node" else name) for key, name in targets)
    async with served.channel([Role.ADMIN]) as channel:
        watch: Any = channel.unary_stream("/machine.MachineService/Events")
        call = watch(
            machine_pb2.EventsRequest().SerializeToString(),
            metadata=metadata,
            timeout=60,
        )
        assert await call.read() is not grpc.aio.EOF
        other = generate("demo", "https://10.0.0.10:6443", new_secrets(now=NOW), now=NOW)
        served.machine.activate(parse_configuration(other.worker.encode()))
        events.publish("RestartEvent", {"cmd": 2})
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _drain(call)
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert "no longer trusted" in str(caught.value.details())


async def _drain(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


class _NextCentury:
    @staticmethod
    def now(zone: Any) -> datetime:
        return datetime(2126, 1, 1, tzinfo=zone)
