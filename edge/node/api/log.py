# SPDX-License-Identifier: Apache-2.0
"""Calls that read what happened: services, logs, the kernel log, events."""

import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.timestamp_pb2 import Timestamp

from edge.api import common_pb2, machine_pb2
from edge.errors import ConfigError
from edge.node.api.guard import Context
from edge.node.event import NodeEvent
from edge.node.machine import Machine
from edge.node.service import Health, Service


class LogCalls:
    """The part of MachineService that shows services, logs and events."""

    machine: Machine

    async def ServiceList(
        self, _request: Any, _context: Context
    ) -> machine_pb2.ServiceListResponse:
        """List the services with their health and history."""
        services = [_service_info(service) for service in self.machine.services]
        listed = machine_pb2.ServiceList(services=services)
        return machine_pb2.ServiceListResponse(messages=[listed])

    async def ServiceStart(
        self, request: machine_pb2.ServiceStartRequest, context: Context
    ) -> machine_pb2.ServiceStartResponse:
        """Start a service that may be started by hand."""
        await self._operate(request.id, "start", context)
        answer = machine_pb2.ServiceStart(resp=f'Service "{request.id}" started')
        return machine_pb2.ServiceStartResponse(messages=[answer])

    async def ServiceStop(
        self, request: machine_pb2.ServiceStopRequest, context: Context
    ) -> machine_pb2.ServiceStopResponse:
        """Stop a service that may be stopped by hand."""
        await self._operate(request.id, "stop", context)
        answer = machine_pb2.ServiceStop(resp=f'Service "{request.id}" stopped')
        return machine_pb2.ServiceStopResponse(messages=[answer])

    async def ServiceRestart(
        self, request: machine_pb2.ServiceRestartRequest, context: Context
    ) -> machine_pb2.ServiceRestartResponse:
        """Stop and start a service that allows it."""
        await self._operate(request.id, "restart", context)
        answer = machine_pb2.ServiceRestart(resp=f'Service "{request.id}" restarted')
        return machine_pb2.ServiceRestartResponse(messages=[answer])

    async def LogsContainers(
        self, _request: Any, _context: Context
    ) -> machine_pb2.LogsContainersResponse:
        """List the names of all logs."""
        names = machine_pb2.LogsContainer(ids=self.machine.logs.names())
        return machine_pb2.LogsContainersResponse(messages=[names])

    async def Logs(
        self, request: machine_pb2.LogsRequest, context: Context
    ) -> AsyncIterator[common_pb2.Data]:
        """Stream a service's log."""
        ring = self.machine.logs.ring(request.id)
        if ring is None and self.machine.services.find(request.id):
            # A service that had nothing to say yet.
            ring = self.machine.logs.open(request.id)
        if ring is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"log {request.id!r} was not found")
        # Zero is what old clients send for "everything".
        count = request.tail_lines or -1
        async for line in ring.read(count=count, follow=request.follow):
            yield common_pb2.Data(bytes=f"{line}\n".encode())

    async def Dmesg(
        self, request: machine_pb2.DmesgRequest, _context: Context
    ) -> AsyncIterator[common_pb2.Data]:
        """Stream the kernel log."""
        lines = self.machine.platform.kernel_log(follow=request.follow, tail=request.tail)
        async for line in lines:
            yield common_pb2.Data(bytes=line.encode())

    async def Events(
        self, request: machine_pb2.EventsRequest, _context: Context
    ) -> AsyncIterator[machine_pb2.Event]:
        """Stream events, first an empty one to say that the subscription stands."""
        with self.machine.events.subscribe() as queue:
            past = _select(self.machine.events.history(), request)
            yield machine_pb2.Event()
            for event in past:
                yield _event(event)
            while True:
                event = await queue.get()
                if not request.with_actor_id or event.actor == request.with_actor_id:
                    yield _event(event)

    async def _operate(self, service_id: str, verb: str, context: Context) -> None:
        services = self.machine.services
        if services.find(service_id) is None:
            known = ", ".join(each.id for each in services)
            await context.abort(
                grpc.StatusCode.NOT_FOUND, f"service {service_id!r} was not found; known: {known}"
            )
        operation = getattr(services.operations(service_id), verb)
        if operation is None:
            raise ConfigError(f"service {service_id!r} doesn't support {verb} operation via API")
        await operation()


def _service_info(service: Service) -> machine_pb2.ServiceInfo:
    events = [
        machine_pb2.ServiceEvent(
            msg=moment.message, state=str(moment.state), ts=_stamp(moment.at.timestamp())
        )
        for moment in service.moments
    ]
    return machine_pb2.ServiceInfo(
        id=service.id,
        state=str(service.state),
        events=machine_pb2.ServiceEvents(events=events),
        health=_health(service.health),
    )


def _health(health: Health) -> machine_pb2.ServiceHealth:
    return machine_pb2.ServiceHealth(
        unknown=health.healthy is None,
        healthy=health.healthy is True,
        last_message=health.message,
        last_change=_stamp(health.since.timestamp()),
    )


def _stamp(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(int(seconds * 1e9))
    return stamp


def _select(history: list[NodeEvent], request: machine_pb2.EventsRequest) -> list[NodeEvent]:
    chosen = [e for e in history if not request.with_actor_id or e.actor == request.with_actor_id]
    if request.tail_id:
        return [event for event in chosen if event.id > request.tail_id]
    if request.tail_seconds:
        return [e for e in chosen if e.seconds >= time.time() - request.tail_seconds]
    if request.tail_events < 0:
        return chosen
    return chosen[len(chosen) - min(request.tail_events, len(chosen)) :]


def _event(event: NodeEvent) -> machine_pb2.Event:
    payload = event.payload
    name = payload.DESCRIPTOR.full_name
    data = AnyMessage(type_url=f"talos/runtime/{name}", value=payload.SerializeToString())
    return machine_pb2.Event(data=data, id=event.id, actor_id=event.actor)
