# SPDX-License-Identifier: Apache-2.0
"""Calls that one node forwards to others: two control planes and a worker, real processes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from edge.api import machine_pb2, machine_pb2_grpc, resource_pb2, resource_pb2_grpc
from edge.client.trust import Mutual, look_at
from edge.config.generate import Generated, generate
from edge.pki.certificate import issue_client
from edge.pki.role import Role
from edge.pki.secrets import SecretsBundle, load_secrets
from edge.provision.lab import API_PORT, Lab, LabNode
from flasher.record import CardRecords
from tests.integration.node import independent

SECRETS = Path(__file__).parents[2] / "golden/config/secrets.yaml"
DEAD, SILENT = "127.42.255.254", "127.42.255.253"
PATIENCE_S = 60.0
CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Three:
    """A cluster: two control planes and a worker."""

    lab: Lab
    nodes: list[LabNode]
    generated: Generated
    secrets: SecretsBundle

    @property
    def first(self) -> str:
        return self.nodes[0].address

    @property
    def second(self) -> str:
        return self.nodes[1].address

    @property
    def worker(self) -> str:
        return self.nodes[2].address

    def trust(self, *roles: str) -> Mutual:
        """Return the trust of somebody who has these roles."""
        pair = issue_client(self.secrets.os, roles or [Role.ADMIN], now=datetime.now(UTC))
        return Mutual(ca=self.secrets.os.certificate, crt=pair.certificate, key=pair.key)

    @asynccontextmanager
    async def channel(self, address: str, *roles: str) -> AsyncIterator[grpc.aio.Channel]:
        """Connect to a node with a certificate of these roles, an administrator's by default."""
        trust = self.trust(*roles)
        credentials = grpc.ssl_channel_credentials(trust.ca, trust.key, trust.crt)
        async with grpc.aio.secure_channel(f"{address}:{API_PORT}", credentials) as channel:
            yield channel

    async def configure(self) -> None:
        """Give every node its configuration, and wait until it serves by it."""
        texts = [self.generated.controlplane, self.generated.controlplane, self.generated.worker]
        for node, text in zip(self.nodes, texts, strict=True):
            presented = look_at(node.address, API_PORT)
            credentials = grpc.ssl_channel_credentials(presented.certificate)
            options = (("grpc.ssl_target_name_override", presented.name),)
            target = f"{node.address}:{API_PORT}"
            async with grpc.aio.secure_channel(target, credentials, options) as channel:
                request = machine_pb2.ApplyConfigurationRequest(data=text.encode())
                await machine(channel).ApplyConfiguration(request)
        for node in self.nodes:
            await self.until_served(node.address)

    async def until_served(self, address: str) -> None:
        """Wait until a node answers those who have a certificate."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                async with self.channel(address) as channel:
                    try:
                        await machine(channel).Version(Empty(), timeout=5)
                    except grpc.aio.AioRpcError:
                        await asyncio.sleep(0.1)
                    else:
                        return


def machine(channel: grpc.aio.Channel) -> Any:
    """Return the stub of the machine service."""
    stub: Any = machine_pb2_grpc.MachineServiceStub(channel)
    return stub


def to(*nodes: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata of a call for many."""
    return tuple(("nodes", node) for node in nodes)


def only(node: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata of a call for one."""
    return (("node", node),)


async def status(call: Any) -> tuple[grpc.StatusCode, str]:
    """Return how a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


async def collect(stream: Any) -> list[Any]:
    return [each async for each in stream]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    folder = tmp_path_factory.mktemp("three")
    lab = Lab(folder / "lab", CardRecords(folder / "cards.sqlite"))
    try:
        nodes = lab.up(3, enrolment=False)
        secrets = load_secrets(SECRETS.read_text(), source="secrets.yaml")
        endpoint = f"https://{nodes[0].address}:6443"
        generated = generate("three", endpoint, secrets, now=datetime.now(UTC))
        made = Three(lab, nodes, generated, secrets)
        asyncio.run(made.configure())
        yield made
    finally:
        lab.down()


async def hostnames(three: Three, address: str) -> str:
    """Return the host name that a node says of itself."""
    async with three.channel(address) as channel:
        answer = await machine(channel).Hostname(Empty())
        return str(answer.messages[0].hostname)


async def test_one_node_is_asked_for_another(three: Three) -> None:
    """Either control plane answers for any node, itself included, as if one had asked that."""
    for asked in (three.first, three.second):
        async with three.channel(asked) as channel:
            for node in (three.first, three.second, three.worker):
                answer = await machine(channel).Hostname(Empty(), metadata=only(node))
                (message,) = answer.messages
                assert message.hostname == await hostnames(three, node)
                assert not message.HasField("metadata")


async def test_many_nodes_answer_as_one(three: Three) -> None:
    """In the order they were named in, each message with its node, a dead one with the reason."""
    nodes = (three.worker, DEAD, three.first, three.second)
    async with three.channel(three.first) as channel:
        answer = await machine(channel).Version(Empty(), metadata=to(*nodes), timeout=20)
    assert [each.metadata.hostname for each in answer.messages] == list(nodes)
    dead = answer.messages[1].metadata
    assert CODES[dead.status.code] is grpc.StatusCode.UNAVAILABLE
    assert dead.error.startswith("rpc error: code = Unavailable desc = ")
    assert [each.platform.name for each in answer.messages] == ["lab", "", "lab", "lab"]


async def test_streams_of_many_nodes_come_together(three: Three) -> None:
    """Every message says where it is from; the dead one has one that says why."""
    nodes = (three.worker, DEAD, three.first, three.second)
    request = machine_pb2.LogsRequest(id="machined", tail_lines=2)
    async with three.channel(three.first) as channel:
        parts = await collect(machine(channel).Logs(request, metadata=to(*nodes), timeout=20))
    assert {part.metadata.hostname for part in parts} == set(nodes)
    for part in parts:
        assert bool(part.metadata.error) is (part.metadata.hostname == DEAD)
        assert bool(part.bytes) is not (part.metadata.hostname == DEAD)


async def test_a_failure_of_one_is_its_own(three: Three) -> None:
    """Of a call for many the answer is fine; of a call for one the status is the call's."""
    request = machine_pb2.LogsRequest(id="nosuch")
    async with three.channel(three.first) as channel:
        parts = await collect(
            machine(channel).Logs(request, metadata=to(three.first, three.worker))
        )
        assert {CODES[part.metadata.status.code] for part in parts} == {grpc.StatusCode.NOT_FOUND}
        assert {part.metadata.hostname for part in parts} == {three.first, three.worker}
        call = collect(machine(channel).Logs(request, metadata=only(three.worker)))
        assert await status(call) == (grpc.StatusCode.NOT_FOUND, "log 'nosuch' was not found")
        call = machine(channel).Version(Empty(), metadata=only(DEAD), timeout=20)
        assert (await status(call))[0] is grpc.StatusCode.UNAVAILABLE


async def test_a_worker_forwards_nothing(three: Three) -> None:
    """It answers for itself, whichever way it is named."""
    async with three.channel(three.worker) as channel:
        call = machine(channel).Version(Empty(), metadata=only(three.first))
        assert await status(call) == (grpc.StatusCode.PERMISSION_DENIED, "no request forwarding")
        assert (await machine(channel).Version(Empty(), metadata=only(three.worker))).messages
        answer = await machine(channel).Version(Empty(), metadata=to(three.first, three.worker))
    refused, own = answer.messages
    assert refused.metadata.error.endswith("desc = no request forwarding")
    assert (own.metadata.hostname, own.metadata.error) == (three.worker, "")


@pytest.mark.parametrize("address", ["first", "worker"])
async def test_roles_are_the_callers_at_the_target(three: Three, address: str) -> None:
    """A reader stays one when a node speaks for it, and sees no secrets."""
    target = getattr(three, address)
    secret = resource_pb2.ListRequest(namespace="secrets", type="OSRootSecrets.secrets.talos.dev")
    async with three.channel(three.second, Role.READER) as channel:
        assert (await machine(channel).Version(Empty(), metadata=only(target))).messages
        call = machine(channel).Reboot(machine_pb2.RebootRequest(), metadata=only(target))
        assert await status(call) == (grpc.StatusCode.PERMISSION_DENIED, "not authorized")
        state: Any = resource_pb2_grpc.StateStub(channel)
        call = collect(state.List(secret, metadata=only(target)))
        assert (await status(call))[0] is grpc.StatusCode.PERMISSION_DENIED


async def test_a_role_that_is_only_claimed_is_none(three: Three) -> None:
    """Only nodes vouch for callers: from anybody else the metadata mean nothing."""
    reset = machine_pb2.ServiceStopRequest(id="nosuch")
    claim = (("talos-role", "os:admin"),)
    async with three.channel(three.first, Role.READER) as channel:
        for metadata in (claim, (*claim, ("proxyfrom", "x")), (*claim, *only(three.second))):
            call = machine(channel).ServiceStop(reset, metadata=metadata)
            assert await status(call) == (grpc.StatusCode.PERMISSION_DENIED, "not authorized")


async def test_a_node_that_speaks_for_nobody_has_no_rights(three: Three) -> None:
    """Its certificate alone opens nothing, with other roles beside it neither."""
    for roles in ([Role.IMPERSONATOR], [Role.IMPERSONATOR, Role.ADMIN]):
        async with three.channel(three.first, *roles) as channel:
            call = machine(channel).Version(Empty())
            assert await status(call) == (grpc.StatusCode.PERMISSION_DENIED, "not authorized")
            claim = (("talos-role", Role.READER), ("proxyfrom", "x"))
            assert (await machine(channel).Version(Empty(), metadata=claim)).messages


async def test_what_was_forwarded_is_not_forwarded_again(three: Three) -> None:
    """Wherever it is for: two nodes cannot send a call back and forth."""
    metadata = (*only(three.second), ("proxyfrom", three.second))
    async with three.channel(three.first) as channel:
        answer = await machine(channel).Hostname(Empty(), metadata=metadata)
    assert answer.messages[0].hostname == await hostnames(three, three.first)


async def test_resources_are_asked_of_another_node(three: Three) -> None:
    """One at a time; for many there is no way to say where each is from."""
    request = resource_pb2.GetRequest(
        namespace="network", type="HostnameStatuses.net.talos.dev", id="hostname"
    )
    async with three.channel(three.first) as channel:
        state: Any = resource_pb2_grpc.StateStub(channel)
        answer = await state.Get(request, metadata=only(three.worker))
        assert await hostnames(three, three.worker) in answer.resource.spec.yaml_spec
        call = state.Get(request, metadata=to(three.worker))
        code, said = await status(call)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert said == "one-2-many proxying is not supported for method /cosi.resource.State/Get"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # generated code of its time
async def test_another_library_reads_what_was_put_together(three: Three, tmp_path: Path) -> None:
    """Its own decoder, and its own HTTP/2: answers, streams and errors of other nodes."""
    talos = pytest.importorskip("talos_linux_api.v1_6_0.machine", reason="a test dependency")
    context = independent.mutual(three.trust(), tmp_path)
    nodes = [("nodes", node) for node in (three.worker, DEAD, three.second)]
    async with independent.opened(three.nodes[0], context) as channel:
        stub = talos.MachineServiceStub(channel)
        messages = (await stub.version(independent.empty(), metadata=nodes)).messages
        assert [each.metadata.hostname for each in messages] == [name for _key, name in nodes]
        assert [bool(each.metadata.error) for each in messages] == [False, True, False]
        assert messages[1].metadata.status.code == grpc.StatusCode.UNAVAILABLE.value[0]
        request = talos.LogsRequest(namespace="system", id="machined", tail_lines=3)
        parts = [each async for each in stub.logs(request, metadata=nodes)]
        assert {each.metadata.hostname for each in parts} == {name for _key, name in nodes}
        (one,) = (await stub.hostname(independent.empty(), metadata=only(three.worker))).messages
        assert one.hostname == await hostnames(three, three.worker)
        with pytest.raises(GRPCError) as caught:
            await stub.version(independent.empty(), metadata=only(DEAD))
        assert caught.value.status is Status.UNAVAILABLE


async def test_a_watch_ends_at_the_target_when_the_caller_goes(three: Three) -> None:
    """Cancellation goes along, so that nothing is left behind on either node."""
    request = resource_pb2.WatchRequest(
        namespace="runtime", type="MachineStatuses.runtime.talos.dev"
    )
    async with three.channel(three.first) as channel:
        before = [_descriptors(node) for node in three.nodes]
        for _ in range(20):
            state: Any = resource_pb2_grpc.StateStub(channel)
            watch = state.Watch(request, metadata=only(three.second))
            await watch.read()
            watch.cancel()
        await machine(channel).Version(Empty(), metadata=only(three.second))
        after = [_descriptors(node) for node in three.nodes]
    assert max(b - a for a, b in zip(before, after, strict=True)) < 5


def _descriptors(node: LabNode) -> int:
    """Return how many files the processes of a node have open."""
    assert node.pid
    children = Path(f"/proc/{node.pid}/task/{node.pid}/children").read_text().split()
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in children)


async def test_a_deadline_leaves_time_for_the_others(three: Three) -> None:
    """A node that never answers is told of before the caller gives up on all."""
    held: list[asyncio.StreamWriter] = []
    listener = await asyncio.start_server(lambda _r, writer: held.append(writer), SILENT, API_PORT)
    async with listener, three.channel(three.first) as channel:
        nodes = to(three.worker, SILENT)
        answer = await machine(channel).Version(Empty(), metadata=nodes, timeout=5)
        here, there = (each.metadata for each in answer.messages)
        assert (here.error, there.hostname) == ("", SILENT)
        assert there.error
        request = machine_pb2.LogsRequest(id="machined", tail_lines=1)
        parts = await collect(machine(channel).Logs(request, metadata=nodes, timeout=5))
    assert {(each.metadata.hostname, bool(each.bytes)) for each in parts} == {
        (three.worker, True),
        (SILENT, False),
    }
    for writer in held:
        writer.transport.abort()
    await asyncio.gather(*(writer.wait_closed() for writer in held), return_exceptions=True)


async def test_hundreds_of_nodes_are_named_in_one_call(three: Three) -> None:
    """Their names are metadata, which other servers take a lot of as well."""
    nodes = [f"127.42.{250 + number // 250}.{1 + number % 250}" for number in range(600)]
    async with three.channel(three.first) as channel:
        answer = await machine(channel).Version(Empty(), metadata=to(*nodes), timeout=60)
    assert [each.metadata.hostname for each in answer.messages] == nodes
    assert all(each.metadata.error for each in answer.messages)


async def test_a_stopped_node_comes_back_to_its_callers(three: Three) -> None:
    """While it is off it is an entry, and the connection is made anew when it is on again."""
    name, nodes = three.nodes[1].name, to(three.first, three.second)
    async with three.channel(three.first) as channel:

        async def errors() -> list[bool]:
            answer = await machine(channel).Version(Empty(), metadata=nodes, timeout=20)
            return [bool(each.metadata.error) for each in answer.messages]

        assert await errors() == [False, False]
        await asyncio.to_thread(three.lab.cut_power, name)
        assert await errors() == [False, True]
        await asyncio.to_thread(three.lab.start, name)
        async with asyncio.timeout(PATIENCE_S):
            # Nobody tells when it answers again.
            while any(await errors()):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
