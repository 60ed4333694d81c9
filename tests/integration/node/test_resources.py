# SPDX-License-Identifier: Apache-2.0
"""The resource API of a lab node: every kind in both forms, who may read what, and members."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml

from edge.api import machine_pb2, meta_pb2, resource_pb2, resource_pb2_grpc
from edge.cli.resource import Printer, new_printer
from edge.client.client import NodeClient, connect
from edge.client.trust import Mutual
from edge.node.resource.journal import LENGTH
from edge.node.resource.kind import KINDS, META_KINDS
from edge.pki.certificate import issue_client
from edge.pki.role import Role
from edge.provision.lab import LabNode
from tests.fakes.conformance import disagreements
from tests.integration.node.conftest import Bench, patiently

GOLDEN = Path(__file__).parents[2] / "golden/resources"
CONFIG = "MachineConfigs.config.talos.dev"
SERVICES = "Services.v1alpha1.talos.dev"
MEMBERS = "Members.cluster.talos.dev"


@pytest.fixture(scope="module")
def pair(bench: Bench) -> list[LabNode]:
    """A control plane and a worker of one cluster, both configured."""
    first, second = bench.start("resource-one"), bench.start("resource-two")
    generated = bench.generate(first)

    async def configure() -> None:
        await bench.apply(first, generated.controlplane)
        await bench.apply(second, generated.worker)

    asyncio.run(configure())
    return [first, second]


@asynccontextmanager
async def reader(bench: Bench, node: LabNode) -> AsyncIterator[NodeClient]:
    """Connect with a certificate that only grants reading."""
    pair = issue_client(bench.secrets.os, [Role.READER], now=datetime.now(UTC))
    trust = Mutual(ca=bench.mutual(node).ca, crt=pair.certificate, key=pair.key)
    async with connect(node.address, trust) as client:
        yield client


def state(client: NodeClient) -> resource_pb2_grpc.StateStub:
    """Return the plain stub of the resource API."""
    stub: resource_pb2_grpc.StateStub = client._stub(resource_pb2_grpc.StateStub)
    return stub


async def everything(client: NodeClient) -> list[resource_pb2.Resource]:
    """Return every resource of every kind, in every namespace that its kind lives in."""
    found = []
    spaces = [each.id for each in await client.resources("Namespaces.meta.cosi.dev", "meta")]
    for kind in await client.definitions():
        for space in spaces:
            request = resource_pb2.ListRequest(namespace=space, type=kind.type)
            found += [each.resource async for each in client._stream(client._state.List, request)]
    return found


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    """Return how a unary call or a stream fails."""

    async def finish() -> None:
        if hasattr(call, "__aiter__"):
            async for _ in call:
                pass
        else:
            await call

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await finish()
    return caught.value.code(), str(caught.value.details())


async def test_both_forms_of_every_resource_agree(bench: Bench, pair: list[LabNode]) -> None:
    """Stock clients decode one or the other, and must be told the same."""
    messages = {kind.type: kind.message for kind in (KINDS | META_KINDS).values()}
    async with bench.administrator(pair[0]) as client:
        resources = await everything(client)
    faults = []
    for resource in resources:
        name = f"{resource.metadata.type}/{resource.metadata.id}"
        message = messages[resource.metadata.type].FromString(resource.spec.proto_spec)
        if isinstance(message, meta_pb2.ResourceDefinitionSpec | meta_pb2.NamespaceSpec):
            assert message.SerializeToString() == resource.spec.proto_spec
            continue
        spec = yaml.safe_load(resource.spec.yaml_spec)
        faults += [f"{name}: {each}" for each in disagreements(message, spec)]
    assert faults == []
    assert len({each.metadata.type for each in resources}) > 35


async def test_metadata_is_complete(bench: Bench, pair: list[LabNode]) -> None:
    """Versions count from one, both moments are there, and the phase is a known word."""
    async with bench.administrator(pair[0]) as client:
        for resource in await everything(client):
            given = resource.metadata
            assert int(given.version) >= 1
            assert given.phase == "running"
            assert 0 < given.created.seconds <= given.updated.seconds


async def test_everybody_publishes_what_they_declared(bench: Bench, pair: list[LabNode]) -> None:
    """The owner of every resource is a part of the graph with that output."""
    async with bench.administrator(pair[0]) as client:
        declared = {(e.controller, e.type) for e in await client.dependencies() if e.is_output}
        owned = {
            (each.metadata.owner, each.metadata.type)
            for each in await everything(client)
            if each.metadata.namespace != "meta"
        }
    assert owned - declared == set()


async def test_nodes_of_a_cluster_see_each_other(bench: Bench, pair: list[LabNode]) -> None:
    """Each lists both by name, type and address; a node of another cluster is not among them."""
    stranger = bench.start("resource-alone")

    async def check(node: LabNode) -> None:
        async with bench.administrator(node) as client:
            members = {each.id: each.spec for each in await client.resources(MEMBERS, "cluster")}
        assert {spec["machineType"] for spec in members.values()} == {"controlplane", "worker"}
        addresses = sorted(one for spec in members.values() for one in spec["addresses"])
        assert addresses == sorted(each.address for each in pair)

    await patiently(lambda: check(pair[0]))
    async with bench.maintenance(stranger) as client:
        assert await client.resources(MEMBERS, "cluster") == []
    bench.lab.down([stranger.name])


async def test_a_node_that_powers_off_is_no_member(bench: Bench, pair: list[LabNode]) -> None:
    """It takes its announcement with it, and is back when it is switched on."""

    async def count(wanted: int) -> None:
        async with bench.administrator(pair[0]) as client:
            assert len(await client.resources(MEMBERS, "cluster")) == wanted

    bench.lab.stop(pair[1].name)
    await patiently(lambda: count(1))
    bench.lab.start(pair[1].name)
    await patiently(lambda: count(2))


async def test_refusals_are_upstreams(bench: Bench, pair: list[LabNode]) -> None:
    """Codes and words that clients look at."""
    denied = grpc.StatusCode.PERMISSION_DENIED
    async with bench.administrator(pair[0]) as client:
        stub: Any = state(client)
        get = resource_pb2.GetRequest
        assert await refusal(stub.Get(get(type="Nonsense.dev", namespace="runtime", id="x"))) == (
            denied,
            'resource type "Nonsense.dev" is not supported',
        )
        assert await refusal(stub.Get(get(type=SERVICES, namespace="elsewhere", id="x"))) == (
            denied,
            'namespace "elsewhere" is not supported',
        )
        assert await refusal(stub.Get(get(type=SERVICES, namespace="runtime", id="nope"))) == (
            grpc.StatusCode.NOT_FOUND,
            f"resource {SERVICES}(runtime/nope@undefined) doesn't exist",
        )
        for call, request in (
            (stub.Create, resource_pb2.CreateRequest()),
            (stub.Update, resource_pb2.UpdateRequest()),
            (stub.Destroy, resource_pb2.DestroyRequest()),
            (stub.Teardown, resource_pb2.TeardownRequest()),
            (stub.TeardownAndDestroy, resource_pb2.TeardownAndDestroyRequest()),
        ):
            assert await refusal(call(request)) == (denied, "write access is not allowed")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (
            {"bootstrap_contents": True},
            grpc.StatusCode.UNIMPLEMENTED,
            "bootstrap contents is not implemented for resource watch",
        ),
        (
            {"label_query": [resource_pb2.LabelQuery()]},
            grpc.StatusCode.UNIMPLEMENTED,
            "label query is not implemented for resource watch",
        ),
        (
            {"start_from_bookmark": b"0123456789abcdef"},
            grpc.StatusCode.FAILED_PRECONDITION,
            "invalid watch bookmark",
        ),
    ],
)
async def test_a_watch_of_one_resource_takes_less(
    bench: Bench,
    pair: list[LabNode],
    options: dict[str, Any],
    code: grpc.StatusCode,
    words: str,
) -> None:
    """Than one of a whole kind; an unknown bookmark is refused by both."""
    async with bench.administrator(pair[0]) as client:
        request = resource_pb2.WatchRequest(
            namespace="runtime",
            type=SERVICES,
            id="apid",
            options=resource_pb2.WatchOptions(**options),
        )
        assert await refusal(state(client).Watch(request)) == (code, words)


async def test_secrets_are_for_administrators(bench: Bench, pair: list[LabNode]) -> None:
    """To read, to list and to watch; everything else a reader may have."""
    sensitive = [kind for kind in KINDS.values() if kind.sensitive]
    assert CONFIG in {kind.type for kind in sensitive}
    async with bench.administrator(pair[0]):
        pass
    async with reader(bench, pair[0]) as client:
        stub: Any = state(client)
        for kind in sensitive:
            place: dict[str, Any] = {"type": kind.type, "namespace": kind.namespace}
            for call in (
                stub.Get(resource_pb2.GetRequest(**place, id="x")),
                stub.List(resource_pb2.ListRequest(**place)),
                stub.Watch(resource_pb2.WatchRequest(**place)),
            ):
                assert await refusal(call) == (grpc.StatusCode.PERMISSION_DENIED, "not authorized")
        for each in await client.definitions():
            if not each.sensitive:
                await client.resources(each.type, each.namespace)


async def test_no_secret_is_in_what_readers_see(bench: Bench, pair: list[LabNode]) -> None:
    """Not even inside something else."""
    secrets = (bench.secrets.trustd_token, bench.secrets.cluster_secret)
    async with reader(bench, pair[0]) as client:
        for kind in await client.definitions():
            if kind.sensitive:
                continue
            for space in {kind.namespace, "cluster-raw"}:
                request = resource_pb2.ListRequest(namespace=space, type=kind.type)
                async for each in client._stream(client._state.List, request):
                    data = each.SerializeToString()
                    assert b"PRIVATE KEY" not in data
                    assert not [text for text in secrets if text.encode() in data]


async def test_a_watcher_that_does_not_read_is_told_what_it_missed(
    bench: Bench, pair: list[LabNode]
) -> None:
    """What it has not taken is not kept for it: the stream ends with the reason."""
    request = resource_pb2.WatchRequest(
        namespace="runtime", type="MetaKeys.runtime.talos.dev", api_version=1
    )
    async with bench.administrator(pair[0]) as client, bench.administrator(pair[0]) as slow:
        call: Any = state(slow).Watch(request)
        assert not (await call.read()).event
        for number in range(LENGTH + 50):
            value = f"{number} ".encode() + b"x" * 30_000
            write = machine_pb2.MetaWriteRequest(key=0x0E, value=value)
            await client._call(client._machine.MetaWrite, write)
        last = None
        async with asyncio.timeout(30):
            while (answer := await call.read()) is not grpc.aio.EOF:
                last = answer.event[-1]
        assert last
        assert last.error.startswith('buffer overrun: namespace "runtime"')
        await client._call(client._machine.MetaDelete, machine_pb2.MetaDeleteRequest(key=0x0E))


@pytest.mark.parametrize(
    "word", ["rd", "namespaces", "discoveredvolumes", "bd", "systemdisk", "securitystate"]
)
async def test_tables(
    bench: Bench, pair: list[LabNode], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What people read, kind by kind."""
    printer = new_printer("table", watch=False)
    async with bench.administrator(pair[0]) as client:
        await patiently(lambda: _show(client, word, printer))
    printer.flush()
    assert capsys.readouterr().out == (GOLDEN / f"{word}.table").read_text()


async def _show(client: NodeClient, word: str, printer: Printer) -> None:
    kind = await client.find_kind(word)
    documents = await client.resources(kind.type, kind.namespace)
    assert documents, "not yet"
    for document in documents:
        printer.show("node", kind, document)
