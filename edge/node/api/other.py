# SPDX-License-Identifier: Apache-2.0
"""The node's clock: a small service beside the machine service."""

from typing import Any

from edge.api import time_pb2, time_pb2_grpc
from edge.errors import NodeError
from edge.node.api.guard import Context
from edge.node.machine import Machine
from edge.node.network import sntp
from edge.node.resource import kind


class ClockService(time_pb2_grpc.TimeServiceServicer):
    """The node's clock against a time server."""

    def __init__(self, machine: Machine) -> None:
        self._store = machine.store

    async def Time(self, _request: Any, _context: Context) -> time_pb2.TimeResponse:
        """Compare with the configured server."""
        servers = self._store.spec(kind.TIME_SERVER_STATUS, "timeservers").get("timeServers", [])
        if not servers:
            raise NodeError("no time server is configured")
        return await _compare(servers[0])

    async def TimeCheck(
        self, request: time_pb2.TimeRequest, _context: Context
    ) -> time_pb2.TimeResponse:
        """Compare with the given server."""
        return await _compare(request.server)


async def _compare(server: str) -> time_pb2.TimeResponse:
    try:
        sample = await sntp.ask(server)
    except (OSError, TimeoutError, ValueError) as error:
        raise NodeError(f"time server {server}: {str(error) or 'no answer'}") from error
    answer = time_pb2.Time(server=server)
    answer.localtime.FromNanoseconds(int(sample.local * 1e9))
    answer.remotetime.FromNanoseconds(int(sample.remote * 1e9))
    return time_pb2.TimeResponse(messages=[answer])
