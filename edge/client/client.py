# SPDX-License-Identifier: Apache-2.0
"""One node's API as ordinary asynchronous functions."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

import yaml
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from edge.api import (
    common_pb2,
    machine_pb2,
    machine_pb2_grpc,
    meta_pb2,
    resource_pb2,
    resource_pb2_grpc,
)
from edge.client.channel import Channel, open_channel, translated
from edge.client.model import (
    Applied,
    ApplyMode,
    Definition,
    Document,
    Happening,
    NodeVersion,
    ServiceStatus,
    Usage,
    Watched,
)
from edge.client.trust import Trust
from edge.errors import NodeError
from edge.meta.enrolment import METADATA_KEY, proof

CALL_TIMEOUT_S = 15.0
APPLY_TIMEOUT_S = 120.0
_DEFINITIONS = "ResourceDefinitions.meta.cosi.dev"
_EVENT_PREFIX = "talos/runtime/machine."

Metadata = tuple[tuple[str, str], ...]


class NodeClient:
    """Calls one node through an open channel; make it with `connect`."""

    def __init__(self, node: str, channel: Channel, metadata: Metadata = ()) -> None:
        self.node = node
        self._channel = channel
        self._metadata = metadata
        # gRPC's generated stubs are untyped.
        self._machine: Any = machine_pb2_grpc.MachineServiceStub(channel.grpc)
        self._state: Any = resource_pb2_grpc.StateStub(channel.grpc)

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the node's key, where it was not verified by a CA."""
        return self._channel.presented.fingerprint if self._channel.presented else ""

    async def version(self) -> NodeVersion:
        """Return what the node runs."""
        answer = (await self._call(self._machine.Version, Empty())).messages[0]
        return NodeVersion(
            tag=answer.version.tag,
            built=answer.version.built,
            arch=answer.version.arch,
            platform=answer.platform.name,
            mode=answer.platform.mode,
        )

    async def services(self) -> list[ServiceStatus]:
        """Return the node's services."""
        answer = await self._call(self._machine.ServiceList, Empty())
        return [_service(info) for message in answer.messages for info in message.services]

    async def usage(self) -> Usage:
        """Return processor, memory and load now."""
        memory, stat, load = await asyncio.gather(
            self._call(self._machine.Memory, Empty()),
            self._call(self._machine.SystemStat, Empty()),
            self._call(self._machine.LoadAvg, Empty()),
        )
        return _usage(memory.messages[0].meminfo, stat.messages[0], load.messages[0])

    async def apply(
        self,
        configuration: str,
        *,
        mode: ApplyMode = ApplyMode.AUTO,
        dry_run: bool = False,
        try_timeout_s: float = 60.0,
        enrolment_secret: bytes | None = None,
    ) -> Applied:
        """Send a machine configuration.

        `enrolment_secret` is the card's, which proves that we flashed it.

        Raises:
            ConfigError: when the node finds faults in it.
            TrustError: when we may not.
        """
        request = machine_pb2.ApplyConfigurationRequest(
            data=configuration.encode(),
            mode=mode.name,
            dry_run=dry_run,
            try_mode_timeout=Duration(seconds=round(try_timeout_s)),
        )
        extra = self._proof(enrolment_secret)
        answer = await self._call(
            self._machine.ApplyConfiguration, request, timeout_s=APPLY_TIMEOUT_S, extra=extra
        )
        first = answer.messages[0]
        return Applied(
            mode=machine_pb2.ApplyConfigurationRequest.Mode.Name(first.mode).lower(),
            details=first.mode_details,
            warnings=tuple(first.warnings),
        )

    async def reboot(self) -> str:
        """Restart the node and return the actor identity of the sequence."""
        answer = await self._call(self._machine.Reboot, machine_pb2.RebootRequest())
        return str(answer.messages[0].actor_id)

    async def shutdown(self) -> str:
        """Power the node off and return the actor identity of the sequence."""
        answer = await self._call(self._machine.Shutdown, machine_pb2.ShutdownRequest())
        return str(answer.messages[0].actor_id)

    async def reset(self, labels: tuple[str, ...], *, reboot: bool) -> str:
        """Wipe the volumes `labels`, or the whole system disk when there are none."""
        wiped = [machine_pb2.ResetPartitionSpec(label=label, wipe=True) for label in labels]
        request = machine_pb2.ResetRequest(
            reboot=reboot,
            system_partitions_to_wipe=wiped,
            mode=machine_pb2.ResetRequest.SYSTEM_DISK,
        )
        return str((await self._call(self._machine.Reset, request)).messages[0].actor_id)

    async def log_names(self) -> list[str]:
        """Return the names of the node's logs."""
        answer = await self._call(self._machine.LogsContainers, Empty())
        return [name for message in answer.messages for name in message.ids]

    async def logs(self, name: str, *, follow: bool = False, tail: int = -1) -> AsyncIterator[str]:
        """Yield the lines of a log."""
        request = machine_pb2.LogsRequest(
            namespace="system",
            id=name,
            driver=common_pb2.CONTAINERD,
            follow=follow,
            tail_lines=tail,
        )
        async for line in self._lines(self._machine.Logs, request, follow=follow):
            yield line

    async def dmesg(self, *, follow: bool = False, tail: bool = False) -> AsyncIterator[str]:
        """Yield the lines of the kernel log."""
        request = machine_pb2.DmesgRequest(follow=follow, tail=tail)
        async for line in self._lines(self._machine.Dmesg, request, follow=follow):
            yield line

    async def events(self, tail: int = 0) -> AsyncIterator[Happening]:
        """Yield the last `tail` events (-1 for all) and every later one."""
        request = machine_pb2.EventsRequest(tail_events=tail)
        with self._translated():
            async for event in self._machine.Events(request, metadata=self._metadata):
                if event.id:
                    yield _happening(event)

    async def definitions(self) -> list[Definition]:
        """Return every kind of resource the node knows."""
        request = resource_pb2.ListRequest(namespace="meta", type=_DEFINITIONS)
        return [
            _definition(meta_pb2.ResourceDefinitionSpec.FromString(item.resource.spec.proto_spec))
            async for item in self._stream(self._state.List, request)
        ]

    async def find_kind(self, word: str) -> Definition:
        """Return the kind that people call `word`.

        Raises:
            NodeError: when there is none, or several.
        """
        known = await self.definitions()
        found = [each for each in known if word.lower() in each.names]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(each.type for each in found)
            raise NodeError(f"{self.node}: {word!r} can mean {names}", hint="use a full name")
        raise NodeError(f"{self.node} has no resource {word!r}", hint=_suggest(word, known))

    async def resource(self, type_: str, namespace: str, resource_id: str) -> Document:
        """Return one resource."""
        request = resource_pb2.GetRequest(namespace=namespace, type=type_, id=resource_id)
        return _document((await self._call(self._state.Get, request)).resource)

    async def resources(self, type_: str, namespace: str) -> list[Document]:
        """Return every resource of a type."""
        request = resource_pb2.ListRequest(namespace=namespace, type=type_)
        return [_document(item.resource) async for item in self._stream(self._state.List, request)]

    async def watch(
        self, type_: str, namespace: str, resource_id: str | None = None
    ) -> AsyncIterator[Watched]:
        """Yield what there is as "created", then every change."""
        options = resource_pb2.WatchOptions(bootstrap_contents=resource_id is None)
        request = resource_pb2.WatchRequest(
            namespace=namespace, type=type_, id=resource_id, options=options, api_version=1
        )
        with self._translated():
            async for answer in self._state.Watch(request, metadata=self._metadata):
                for event in answer.event:
                    name = resource_pb2.EventType.Name(event.event_type).lower()
                    yield Watched(event=name, document=_document(event.resource))

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.grpc.close()

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self.node, anonymous=self._channel.presented is not None)

    def _proof(self, secret: bytes | None) -> Metadata:
        if secret is None or self._channel.presented is None:
            return ()
        return ((METADATA_KEY, proof(secret, self._channel.presented.digest)),)

    async def _call(
        self,
        method: Callable[..., Any],
        request: Any,
        *,
        timeout_s: float = CALL_TIMEOUT_S,
        extra: Metadata = (),
    ) -> Any:
        with self._translated():
            return await method(request, timeout=timeout_s, metadata=(*self._metadata, *extra))

    async def _stream(self, method: Callable[..., Any], request: Any) -> AsyncIterator[Any]:
        with self._translated():
            async for item in method(request, timeout=CALL_TIMEOUT_S, metadata=self._metadata):
                yield item

    async def _lines(
        self, method: Callable[..., Any], request: Any, *, follow: bool
    ) -> AsyncIterator[str]:
        timeout = None if follow else APPLY_TIMEOUT_S
        rest = ""
        with self._translated():
            async for data in method(request, timeout=timeout, metadata=self._metadata):
                *lines, rest = (rest + data.bytes.decode(errors="replace")).split("\n")
                for line in lines:
                    yield line
        if rest:
            yield rest


@asynccontextmanager
async def connect(node: str, trust: Trust, *, endpoint: str = "") -> AsyncIterator[NodeClient]:
    """Open a client for `node`, directly or through another node's `endpoint`.

    Raises:
        NodeError: when the node cannot be reached.
        TrustError: when it is not the node we want.
    """
    channel = await open_channel(endpoint or node, trust)
    forwarded = bool(endpoint) and endpoint != node
    client = NodeClient(node, channel, (("node", node),) if forwarded else ())
    try:
        yield client
    finally:
        await client.close()


def _service(info: Any) -> ServiceStatus:
    return ServiceStatus(
        id=info.id,
        state=info.state,
        healthy=None if info.health.unknown else info.health.healthy,
        message=info.events.events[-1].msg if info.events.events else info.health.last_message,
        since=_moment(info.events.events[-1].ts if info.events.events else info.health.last_change),
        events=tuple((_moment(e.ts), e.state, e.msg) for e in info.events.events),
    )


def _moment(stamp: Any) -> datetime:
    moment: datetime = stamp.ToDatetime(tzinfo=UTC)
    return moment


def _usage(memory: Any, stat: Any, load: Any) -> Usage:
    cpu = stat.cpu_total
    idle = cpu.idle + cpu.iowait
    busy = cpu.user + cpu.nice + cpu.system + cpu.irq + cpu.soft_irq + cpu.steal
    return Usage(
        cpu_busy=busy,
        cpu_total=busy + idle,
        cpu_count=len(stat.cpu),
        memory_total_bytes=memory.memtotal * 1024,
        memory_available_bytes=memory.memavailable * 1024,
        load=(load.load1, load.load5, load.load15),
        boot_time=float(stat.boot_time),
    )


def _definition(spec: Any) -> Definition:
    return Definition(
        type=spec.resource_type,
        display=spec.display_type,
        namespace=spec.default_namespace,
        names=frozenset({spec.resource_type.lower(), *spec.all_aliases}),
        columns=tuple((column.name, column.json_path) for column in spec.print_columns),
        sensitive=spec.sensitivity == meta_pb2.ResourceDefinitionSpec.SENSITIVE,
    )


def _suggest(word: str, known: list[Definition]) -> str:
    names = sorted({name for each in known for name in each.names if "." not in name})
    if close := get_close_matches(word.lower(), names, n=3):
        return f"similar: {', '.join(close)}"
    return "edgectl get rd lists every kind"


def _document(resource: Any) -> Document:
    given = resource.metadata
    metadata: dict[str, Any] = {
        "namespace": given.namespace,
        "type": given.type,
        "id": given.id,
        "version": int(given.version) if given.version.isdigit() else given.version,
        "owner": given.owner,
        "phase": given.phase,
        "created": given.created.ToJsonString(),
        "updated": given.updated.ToJsonString(),
    }
    for name in ("labels", "annotations"):
        if pairs := dict(getattr(given, name)):
            metadata[name] = pairs
    if given.finalizers:
        metadata["finalizers"] = list(given.finalizers)
    try:
        spec = yaml.safe_load(resource.spec.yaml_spec or "null")
    except yaml.YAMLError as error:
        raise NodeError(f"resource {given.type}/{given.id} is not readable YAML") from error
    return Document(metadata=metadata, spec=spec)


def _happening(event: Any) -> Happening:
    name = event.data.type_url.removeprefix(_EVENT_PREFIX)
    fields = {}
    if name in machine_pb2.DESCRIPTOR.message_types_by_name:
        with suppress(DecodeError):
            fields = MessageToDict(getattr(machine_pb2, name).FromString(event.data.value))
    return Happening(id=event.id, type=name, actor=event.actor_id, fields=fields)
