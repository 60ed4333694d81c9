# SPDX-License-Identifier: Apache-2.0
"""What clients other than edgectl do and rely on, message by message, against a lab node."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
import yaml
from google.protobuf.empty_pb2 import Empty

from edge.api import machine_pb2, machine_pb2_grpc, resource_pb2
from edge.api import resource_pb2_grpc as state_pb2_grpc
from edge.client.trust import look_at
from edge.config.generate import Generated, generate
from edge.errors import NodeError
from edge.pki.secrets import load_secrets
from edge.provision.lab import API_PORT, Lab, LabNode
from flasher.record import CardRecords

SECRETS = Path(__file__).parents[2] / "golden/config/secrets.yaml"
STRANGER = "127.42.255.254"
PATIENCE_S = 60.0
RUNNING = machine_pb2.MachineStatusEvent.RUNNING
T = TypeVar("T")
CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Stock:
    """One node, flashed for other clients, and the files such a client was given."""

    lab: Lab
    node: LabNode
    generated: Generated

    @asynccontextmanager
    async def blind(self, *options: tuple[str, str]) -> AsyncIterator[grpc.aio.Channel]:
        """Connect as `--insecure` does: whatever certificate there is will do."""
        presented = look_at(self.node.address, API_PORT)
        credentials = grpc.ssl_channel_credentials(presented.certificate)
        named = ("grpc.ssl_target_name_override", presented.name)
        async with self._channel(credentials, named, *options) as channel:
            yield channel

    @asynccontextmanager
    async def mutual(self) -> AsyncIterator[grpc.aio.Channel]:
        """Connect with the certificate of the client configuration."""
        context = self.generated.talosconfig.contexts["stock"]
        credentials = grpc.ssl_channel_credentials(context.ca, context.key, context.crt)
        async with self._channel(credentials) as channel:
            yield channel

    def _channel(
        self, credentials: grpc.ChannelCredentials, *options: tuple[str, str]
    ) -> grpc.aio.Channel:
        target = f"{self.node.address}:{API_PORT}"
        return grpc.aio.secure_channel(target, credentials, options=options)

    async def configured(self) -> "Stock":
        """Have the node configured, if it is not yet, by a client that proves nothing."""
        if look_at(self.node.address, API_PORT).is_maintenance:
            async with self.blind() as channel:
                await _machine(channel).ApplyConfiguration(self.request())
        await _patiently(self._is_configured)
        return self

    async def _is_configured(self) -> None:
        async with self.mutual() as channel:
            await _machine(channel).Version(Empty())

    def request(self, *, dry_run: bool = False) -> machine_pb2.ApplyConfigurationRequest:
        """Return the request that configures the node."""
        return machine_pb2.ApplyConfigurationRequest(
            data=self.generated.controlplane.encode(),
            mode=machine_pb2.ApplyConfigurationRequest.AUTO,
            dry_run=dry_run,
        )


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    folder = tmp_path_factory.mktemp("stock")
    lab = Lab(folder / "lab", CardRecords(folder / "cards.sqlite"))
    lab.create("one", enrolment=False)
    try:
        node = lab.start("one")
        secrets = load_secrets(SECRETS.read_text(), source="secrets.yaml")
        now = datetime.now(UTC)
        yield Stock(lab, node, generate("stock", f"https://{node.address}:6443", secrets, now=now))
    finally:
        lab.down()


def _machine(channel: grpc.aio.Channel) -> Any:
    stub: Any = machine_pb2_grpc.MachineServiceStub(channel)
    return stub


async def _patiently(action: Callable[[], Awaitable[T]]) -> T:
    """Return what `action` returns once the node is there for it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await action()
            except (grpc.aio.AioRpcError, NodeError, AssertionError):
                await asyncio.sleep(0.05)


async def _collect(stream: Any) -> list[Any]:
    return [each async for each in stream]


async def _status(call: Awaitable[Any]) -> tuple[grpc.StatusCode, str]:
    """Return how a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


@pytest.mark.parametrize(("agent", "warned"), [("grpc-go/1.82.1", True), ("other/1", False)])
async def test_blind_callers_are_warned_about_keys_that_lock_them_out(
    stock: Stock, agent: str, warned: bool
) -> None:
    """The usual Ed25519 key of that client cannot be verified once the node is configured."""
    if not look_at(stock.node.address, API_PORT).is_maintenance:
        await _reset(stock)
    async with stock.blind(("grpc.primary_user_agent", agent)) as channel:
        answer = await _machine(channel).ApplyConfiguration(stock.request(dry_run=True))
    (applied,) = answer.messages
    assert applied.mode_details.startswith("Dry run summary:")
    assert any("Ed25519" in text for text in applied.warnings) is warned


async def test_a_part_is_answered_of_a_call_for_many(stock: Stock) -> None:
    """Older clients name all nodes in one call; each that is missing has an entry that says why."""
    own = (await stock.configured()).node.address
    nodes = (("nodes", STRANGER), ("nodes", own))
    async with stock.mutual() as channel:
        answer = await _machine(channel).Version(Empty(), metadata=nodes)
        there, here = answer.messages
        assert (here.metadata.hostname, here.platform.name) == (own, "lab")
        assert there.metadata.hostname == STRANGER
        assert "Connection refused" in there.metadata.error
        assert CODES[there.metadata.status.code] is grpc.StatusCode.UNAVAILABLE
        request = machine_pb2.LogsRequest(id="machined", tail_lines=-1)
        parts = await _collect(_machine(channel).Logs(request, metadata=nodes))
        assert {part.metadata.hostname for part in parts if part.metadata.error} == {STRANGER}
        said = [part.bytes for part in parts if part.metadata.hostname == own]
        assert any(b"stage: " in text for text in said)
        alone = await _machine(channel).Memory(Empty(), metadata=(("nodes", STRANGER),))
        assert [each.metadata.hostname for each in alone.messages] == [STRANGER]


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ((("node", STRANGER),), grpc.StatusCode.UNAVAILABLE),
        ((("node", "127.0.0.1"), ("node", "127.0.0.1")), grpc.StatusCode.INVALID_ARGUMENT),
        ((("nodes", "127.0.0.1"),), grpc.StatusCode.INVALID_ARGUMENT),
        ((("node", STRANGER), ("proxyfrom", "x")), None),
        ((("node", "127.0.0.1"),), None),
    ],
)
async def test_resources_are_asked_of_one_node(
    stock: Stock, metadata: tuple[tuple[str, str], ...], code: grpc.StatusCode | None
) -> None:
    """Resource calls are never for many; what was forwarded already is answered here."""
    await stock.configured()
    request = resource_pb2.ListRequest(namespace="runtime", type="Disks.block.talos.dev")
    async with stock.mutual() as channel:
        stub: Any = state_pb2_grpc.StateStub(channel)
        call = _collect(stub.List(request, metadata=metadata))
        if code:
            assert (await _status(call))[0] is code
        else:
            assert [each.resource.metadata.id for each in await call] == ["disk.img"]


async def test_the_configuration_reads_like_one(stock: Stock) -> None:
    """Clients print the text as it comes: in lines, not as one long quotation."""
    await stock.configured()
    async with stock.mutual() as channel:
        stub: Any = state_pb2_grpc.StateStub(channel)
        answer = await stub.Get(
            resource_pb2.GetRequest(
                namespace="config", type="MachineConfigs.config.talos.dev", id="v1alpha1"
            )
        )
    text = answer.resource.spec.yaml_spec
    assert text.startswith("|\n  version: v1alpha1\n")
    assert yaml.safe_load(text) == stock.generated.controlplane


async def test_what_the_dashboard_asks_for(stock: Stock) -> None:
    """Every processor says how fast it runs; that there is no containerd is said."""
    await stock.configured()
    async with stock.mutual() as channel:
        machine = _machine(channel)
        (speeds,) = (await machine.CPUFreqStats(Empty())).messages
        assert len(speeds.cpu_freq_stats) == os.cpu_count()
        for method, request in (
            (machine.Containers, machine_pb2.ContainersRequest(namespace="system")),
            (machine.Stats, machine_pb2.StatsRequest(namespace="system")),
        ):
            with pytest.raises(grpc.aio.AioRpcError, match="containerd does not run") as caught:
                await method(request)
            assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_what_is_missing_is_said_by_name(stock: Stock) -> None:
    """An unknown log is not found, and a call that is not there yet is unimplemented."""
    await stock.configured()
    async with stock.mutual() as channel:
        request = machine_pb2.LogsRequest(id="nosuch")
        code, said = await _status(_collect(_machine(channel).Logs(request)))
        assert (code, said) == (grpc.StatusCode.NOT_FOUND, "log 'nosuch' was not found")
        code, said = await _status(_machine(channel).EtcdStatus(Empty()))
        assert code in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.FAILED_PRECONDITION)
        assert said.count(" ") > 2, "a sentence that says why"
        stub: Any = machine_pb2_grpc.ImageServiceStub(channel)
        code, said = await _status(stub.Verify(machine_pb2.ImageServiceVerifyRequest()))
        assert code is grpc.StatusCode.UNIMPLEMENTED
        assert said == "this node does not verify the signatures of images"


@pytest.mark.parametrize("path", ["/etc/passwd", "/dev/null", "relative"])
async def test_files_of_the_host_stay_closed(stock: Stock, path: str) -> None:
    """A lab node's administrator is nobody on the machine that it runs on."""
    await stock.configured()
    async with stock.mutual() as channel:
        request = machine_pb2.ReadRequest(path=path)
        code, _ = await _status(_collect(_machine(channel).Read(request)))
    refusals = {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}
    assert code in refusals | {grpc.StatusCode.FAILED_PRECONDITION}


async def test_a_restart_can_be_waited_for(stock: Stock) -> None:
    """Another boot identity afterwards, and events that tell when the node is ready again."""
    await stock.configured()
    before = await _boot_id(stock)
    async with stock.mutual() as channel:
        await _machine(channel).Reboot(machine_pb2.RebootRequest())

    async def restarted() -> None:
        after = await _boot_id(stock)
        assert after != before
        assert len(after) == 36

    await _patiently(restarted)
    async with asyncio.timeout(PATIENCE_S), stock.mutual() as channel:
        events = _machine(channel).Events(machine_pb2.EventsRequest(tail_events=-1))
        async for event in events:
            status = _payload(event, machine_pb2.MachineStatusEvent)
            if status and (status.stage, status.status.ready) == (RUNNING, True):
                break


async def test_the_end_is_told_to_who_follows_late(stock: Stock) -> None:
    """Clients await this event, and may open their stream when the call is already answered."""
    await stock.configured()
    await _reset(stock)


async def _reset(stock: Stock) -> None:
    """Reset the node and wait for maintenance, as stock clients do."""
    request = machine_pb2.ResetRequest(
        reboot=True,
        graceful=False,
        system_partitions_to_wipe=[machine_pb2.ResetPartitionSpec(label="STATE", wipe=True)],
    )
    async with asyncio.timeout(PATIENCE_S), stock.mutual() as channel:
        (begun,) = (await _machine(channel).Reset(request)).messages
        async for event in _machine(channel).Events(machine_pb2.EventsRequest()):
            task = _payload(event, machine_pb2.TaskEvent)
            if task and task.task == "stopAllServices":
                assert event.actor_id == begun.actor_id
                break

    async def is_back() -> None:
        assert look_at(stock.node.address, API_PORT).is_maintenance

    await _patiently(is_back)


async def _boot_id(stock: Stock) -> str:
    """Return the identity of the node's boot."""
    request = machine_pb2.ReadRequest(path="/proc/sys/kernel/random/boot_id")
    async with stock.mutual() as channel:
        parts = await _collect(_machine(channel).Read(request))
    return b"".join(part.bytes for part in parts).decode().strip()


def _payload(event: machine_pb2.Event, kind: Any) -> Any:
    """Return the payload of an event if it is of this kind."""
    if event.data.type_url != f"talos/runtime/{kind.DESCRIPTOR.full_name}":
        return None
    return kind.FromString(event.data.value)
