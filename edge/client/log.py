# SPDX-License-Identifier: Apache-2.0
"""The logs of a node and of its kernel."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from google.protobuf.empty_pb2 import Empty

from edge.api import common_pb2, machine_pb2
from edge.client.call import APPLY_TIMEOUT_S, NodeCalls


class LogCalls(NodeCalls):
    """Lines as they were written, and as they are."""

    async def log_names(self) -> list[str]:
        """Return the names of the node's logs."""
        answer = await self._call(self._machine.LogsContainers, Empty())
        return [name for message in answer.messages for name in message.ids]

    async def logs(
        self, name: str, *, follow: bool = False, tail: int = -1, kubernetes: bool = False
    ) -> AsyncIterator[str]:
        """Yield the lines of a log; with `kubernetes`, of a container that Kubernetes runs."""
        request = machine_pb2.LogsRequest(
            namespace="k8s.io" if kubernetes else "system",
            id=name,
            driver=common_pb2.CRI if kubernetes else common_pb2.CONTAINERD,
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

    async def _lines(
        self, method: Callable[..., Any], request: Any, *, follow: bool
    ) -> AsyncIterator[str]:
        timeout = None if follow else APPLY_TIMEOUT_S
        rest = ""
        async for data in self._stream(method, request, timeout_s=timeout):
            *lines, rest = (rest + data.bytes.decode(errors="replace")).split("\n")
            for line in lines:
                yield line
        if rest:
            yield rest
