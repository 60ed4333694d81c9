# SPDX-License-Identifier: Apache-2.0
"""How every call to a node is made: with its metadata, a deadline, and errors in our words."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Any

from edge.api import machine_pb2_grpc, resource_pb2_grpc
from edge.client.channel import Channel, translated
from edge.errors import NodeError
from edge.meta.enrolment import METADATA_KEY, proof

CALL_TIMEOUT_S = 15.0
APPLY_TIMEOUT_S = 120.0

Metadata = tuple[tuple[str, str], ...]


class NodeCalls:
    """What the areas of the client share: one node, its channel, unary calls and streams."""

    def __init__(self, node: str, channel: Channel, metadata: Metadata = ()) -> None:
        self.node = node
        self._channel = channel
        self._metadata = metadata
        self.enrolment_secret: bytes | None = None
        """The secret of the card that the node boots from, if it is ours: for maintenance mode."""
        # gRPC's generated stubs are untyped.
        self._machine: Any = machine_pb2_grpc.MachineServiceStub(channel.grpc)
        self._state: Any = resource_pb2_grpc.StateStub(channel.grpc)

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the node's key, where it was not verified by a CA."""
        return self._channel.presented.fingerprint if self._channel.presented else ""

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    def _stub(self, stub: Callable[[Any], Any]) -> Any:
        """Return a stub of another service, such as `storage_pb2_grpc.StorageServiceStub`."""
        return stub(self._channel.grpc)

    def _translated(self) -> AbstractContextManager[None]:
        anonymous = self._channel.presented is not None
        return translated(self.node, anonymous=anonymous, cause=self._channel.fault)

    def _proof(self) -> Metadata:
        """Return what proves to a node in maintenance mode that we flashed its card."""
        secret = self.enrolment_secret
        if secret is None or self._channel.presented is None:
            return ()
        return ((METADATA_KEY, proof(secret, self._channel.presented.digest)),)

    async def _call(
        self,
        method: Callable[..., Any],
        request: Any,
        *,
        timeout_s: float | None = CALL_TIMEOUT_S,
        extra: Metadata = (),
    ) -> Any:
        with self._translated():
            return await method(request, timeout=timeout_s, metadata=(*self._metadata, *extra))

    async def _stream(
        self,
        method: Callable[..., Any],
        request: Any,
        *,
        timeout_s: float | None = CALL_TIMEOUT_S,
        on_fault: Callable[[str], None] | None = None,
    ) -> AsyncIterator[Any]:
        """Yield the messages of a stream; without `timeout_s` for as long as the node sends.

        A fault that the node tells in a message goes to `on_fault`.

        Raises:
            NodeError: when there is no `on_fault`; the stream ends then.
        """
        with self._translated():
            call = method(request, timeout=timeout_s, metadata=self._metadata)
            try:
                async for item in call:
                    if fault := _fault(item):
                        if on_fault is None:
                            raise NodeError(f"{self.node}: {fault}")
                        on_fault(fault)
                    yield item
            finally:
                # Whoever stops listening ends the call, and does not leave it to the collector.
                call.cancel()


def _fault(item: Any) -> str:
    """Return what went wrong according to a message of a stream that is not broken off."""
    return str(getattr(getattr(item, "metadata", None), "error", ""))
