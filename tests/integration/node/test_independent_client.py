# SPDX-License-Identifier: Apache-2.0
"""A client that others generated from upstream's definitions, on another gRPC library."""

import gc
import ssl
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError

# It is generated code of its time, which the interpreter and its own library complain about.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    # Nor does its library close connections whose other end does not end TLS first.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
talos = pytest.importorskip("talos_linux_api.v1_6_0.machine", reason="a development dependency")

from edge.client.trust import Mutual  # noqa: E402
from edge.pki.certificate import issue_client  # noqa: E402
from edge.pki.role import Role  # noqa: E402
from edge.provision.lab import LabNode  # noqa: E402
from tests.integration.node.conftest import Bench  # noqa: E402
from tests.integration.node.independent import blind, empty, mutual, opened  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def _swept() -> Iterator[None]:
    """Collect what the library left open, which would else be held against a later test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@asynccontextmanager
async def _machine(node: LabNode, context: ssl.SSLContext) -> AsyncIterator[Any]:
    """Open a channel and yield the stub of the machine service."""
    async with opened(node, context) as channel:
        yield talos.MachineServiceStub(channel)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("client")


@pytest.fixture
async def node(bench: Bench) -> LabNode:
    """A node that the independent client has configured, blindly as its `--insecure` does."""
    node = bench.start("independent", enrolment=False)
    if await bench.stage(node) == "maintenance":
        request = talos.ApplyConfigurationRequest(
            data=bench.generate(node).controlplane.encode(),
            mode=talos.ApplyConfigurationRequestMode.AUTO,
        )
        # It drops an answer that it reads in one go with the farewell of a server that ends next,
        # as this one does; that the configuration was taken is seen below.
        with suppress(StreamTerminatedError):
            async with _machine(node, blind()) as machine:
                reply = (await machine.apply_configuration(request)).messages[0]
            assert reply.mode == talos.ApplyConfigurationRequestMode.NO_REBOOT
            assert reply.mode_details == "Applied configuration without a reboot"
    async with bench.administrator(node):
        pass
    return node


async def test_an_enrolled_node_refuses_it_without_proof(bench: Bench) -> None:
    """The card was flashed for somebody; metadata carry the proof."""
    node = bench.start("enrolled")
    request = talos.ApplyConfigurationRequest(data=bench.generate(node).controlplane.encode())
    async with _machine(node, blind()) as machine:
        with pytest.raises(GRPCError, match="whoever flashed its card") as caught:
            await machine.apply_configuration(request)
        assert caught.value.status is Status.PERMISSION_DENIED
        with pytest.raises(GRPCError) as caught:
            await machine.apply_configuration(talos.ApplyConfigurationRequest(data=b"x: y"))
        assert caught.value.status is Status.PERMISSION_DENIED


async def test_version_services_and_logs(bench: Bench, node: LabNode, folder: Path) -> None:
    """The answers decode, and say what they should."""
    async with _machine(node, mutual(bench.mutual(node), folder)) as machine:
        version = (await machine.version(empty())).messages[0]
        assert version.version.tag.startswith("v")
        assert version.platform.mode == "container"
        assert version.features.rbac
        services = (await machine.service_list(empty())).messages[0].services
        states = {service.id: (service.state, service.health.healthy) for service in services}
        assert states["apid"] == ("Running", True)
        request = talos.LogsRequest(namespace="system", id="machined", tail_lines=-1)
        lines = b"".join([data.bytes async for data in machine.logs(request)])
        assert b"stage: running" in lines
        assert lines.endswith(b"\n")


async def test_nodes_metadata_name_the_answering_node(
    bench: Bench, node: LabNode, folder: Path
) -> None:
    """Old clients of upstream label their output by it."""
    async with _machine(node, mutual(bench.mutual(node), folder)) as machine:
        for name in (node.address, "127.0.0.1"):
            answer = await machine.version(empty(), metadata=[("nodes", name)])
            assert answer.messages[0].metadata.hostname == name
        assert not (await machine.version(empty())).messages[0].metadata.hostname
        stream = machine.logs(
            talos.LogsRequest(namespace="system", id="machined", tail_lines=1),
            metadata=[("nodes", node.address)],
        )
        assert [data.metadata.hostname async for data in stream] == [node.address]


async def test_another_node_is_asked(bench: Bench, node: LabNode, folder: Path) -> None:
    """One that cannot be reached is an error of the call, of several it is an entry."""
    async with _machine(node, mutual(bench.mutual(node), folder)) as machine:
        with pytest.raises(GRPCError, match="Connection refused"):
            await machine.version(empty(), metadata=[("node", "127.42.255.254")])
        answer = await machine.version(
            empty(), metadata=[("nodes", node.address), ("nodes", "127.42.255.254")]
        )
        here, there = answer.messages
        assert (here.metadata.hostname, here.metadata.error) == (node.address, "")
        assert "Connection refused" in there.metadata.error


async def test_a_reader_may_not_apply(bench: Bench, node: LabNode, folder: Path) -> None:
    """The role is in the certificate."""
    trust = bench.mutual(node)
    from datetime import UTC, datetime

    pair = issue_client(bench.secrets.os, [Role.READER], now=datetime.now(UTC))
    reader = Mutual(ca=trust.ca, crt=pair.certificate, key=pair.key)
    request = talos.ApplyConfigurationRequest(data=bench.generate(node).controlplane.encode())
    async with _machine(node, mutual(reader, folder)) as machine:
        assert (await machine.version(empty())).messages
        with pytest.raises(GRPCError, match="not authorized") as caught:
            await machine.apply_configuration(request)
    assert caught.value.status is Status.PERMISSION_DENIED


async def test_faults_come_back_in_full(bench: Bench, node: LabNode, folder: Path) -> None:
    """Each with its place, as an invalid argument."""
    text = bench.generate(node).controlplane.replace("type: controlplane", "type: manager")
    async with _machine(node, mutual(bench.mutual(node), folder)) as machine:
        with pytest.raises(GRPCError) as caught:
            await machine.apply_configuration(talos.ApplyConfigurationRequest(data=text.encode()))
    assert caught.value.status is Status.INVALID_ARGUMENT
    assert "machine.type" in str(caught.value.message)


async def test_without_a_certificate_the_handshake_fails(bench: Bench, node: LabNode) -> None:
    """A configured node has nothing to say to strangers."""
    with pytest.raises((OSError, StreamTerminatedError)):
        async with _machine(node, blind()) as machine:
            await machine.version(empty(), timeout=30)
