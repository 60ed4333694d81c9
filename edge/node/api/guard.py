# SPDX-License-Identifier: Apache-2.0
"""The gate in front of every call: who is it, may it, and what errors look like on the wire.

Roles come from the client certificate; in maintenance mode everybody is a reader.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, NoReturn

import grpc

from edge import errors
from edge.api import common_pb2
from edge.node.api.target import Refusal, Targets, absent, read_targets
from edge.node.control.network import own_addresses
from edge.node.log import logger
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.pki.certificate import inspect
from edge.pki.role import Role, allowed, client_roles

Context = grpc.aio.ServicerContext[Any, Any]

caller_roles: ContextVar[Collection[Role]] = ContextVar("caller_roles", default=())
"""Roles of whoever made the call that is being handled."""

_log = logger("apid")

_CODES: dict[type[errors.EdgeError], grpc.StatusCode] = {
    errors.ConfigError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.TrustError: grpc.StatusCode.PERMISSION_DENIED,
    errors.NodeError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ImageError: grpc.StatusCode.INTERNAL,
    errors.BugError: grpc.StatusCode.INTERNAL,
}


class Replies:
    """Calls that are owed their one answer."""

    def __init__(self) -> None:
        self._owed = 0
        self._none = asyncio.Event()
        self._none.set()

    def owe(self, context: Context) -> None:
        """Count a call until its answer is on its way."""
        self._owed += 1
        self._none.clear()
        settle: Any = self._settle  # the stubs name no type for this
        context.add_done_callback(settle)

    async def settled(self, timeout_s: float) -> None:
        """Wait until every answer is on its way, or for `timeout_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._none.wait()

    def _settle(self, _context: Context) -> None:
        self._owed -= 1
        if not self._owed:
            self._none.set()


class Guard(grpc.aio.ServerInterceptor):
    """Wraps every handler with the checks."""

    def __init__(self, machine: Machine, *, maintenance: bool) -> None:
        self._machine = machine
        self._maintenance = maintenance
        self.replies = Replies()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the handler with the checks in front."""
        handler: Any = await continuation(handler_call_details)
        # A method that is not registered is for administrators to know about, too.
        return self._wrap(handler or _UNKNOWN, handler_call_details)

    def _wrap(self, handler: Any, details: grpc.HandlerCallDetails) -> Any:
        async def unary(request: Any, context: Context) -> Any:
            self.replies.owe(context)
            targets = await self._admit(details, context)
            behaviour = handler.unary_unary or handler.stream_unary
            others = common_pb2.EmptyResponse(messages=absent(targets)).SerializeToString()
            if not targets.here:
                return others
            try:
                answer = await behaviour(request, context)
            except Exception as error:
                await _refuse(context, error, details.method)
            _label(answer, targets)
            return handler.response_serializer(answer) + others

        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
            targets = await self._admit(details, context)
            behaviour = handler.unary_stream or handler.stream_stream
            for other in absent(targets):
                yield other.SerializeToString()
            if not targets.here:
                return
            try:
                async for answer in behaviour(request, context):
                    _label(answer, targets)
                    yield handler.response_serializer(answer)
            except Exception as error:
                await _refuse(context, error, details.method)

        make, behaviour = _shape(handler, unary, stream)
        # Answers are made into bytes above, where other nodes' entries are added.
        return make(behaviour, request_deserializer=handler.request_deserializer)

    async def _admit(self, details: grpc.HandlerCallDetails, context: Context) -> Targets:
        if self._maintenance and not self._machine.in_maintenance:
            await context.abort(
                grpc.StatusCode.UNAVAILABLE, "the node has been configured and wants a certificate"
            )
        try:
            roles = frozenset({Role.READER}) if self._maintenance else _roles_of(context)
        except errors.TrustError as error:
            await _refuse(context, error, details.method)
        if not allowed(details.method, roles, maintenance=self._maintenance):
            _log.info("%s refused for %s", details.method, ", ".join(sorted(roles)) or "no role")
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "not authorized")
        caller_roles.set(roles)
        return await self._targets(details, context)

    async def _targets(self, details: grpc.HandlerCallDetails, context: Context) -> Targets:
        if self._maintenance:
            return Targets()
        metadata: Any = details.invocation_metadata or ()
        targets = read_targets(details.method, metadata, self._own_names())
        if isinstance(targets, Refusal):
            return await context.abort(targets.code, targets.message)
        return targets

    def _own_names(self) -> set[str]:
        addresses = self._machine.store.spec(kind.NODE_ADDRESS, "current").get("addresses", [])
        hostname = self._machine.store.spec(kind.HOSTNAME_STATUS, "hostname").get("hostname", "")
        return {*own_addresses(addresses), hostname, "127.0.0.1", "::1"}


def _label(answer: Any, targets: Targets) -> None:
    """Have every message say where it comes from, which is what old clients go by."""
    for message in getattr(answer, "messages", (answer,)) if targets.many else ():
        if isinstance(getattr(message, "metadata", None), common_pb2.Metadata):
            message.metadata.hostname = targets.own


async def _unknown(_requests: Any, _context: Context) -> AsyncIterator[Any]:
    raise NotImplementedError
    yield


_UNKNOWN: Any = grpc.stream_stream_rpc_method_handler(_unknown)


def _shape(handler: Any, unary: Any, stream: Any) -> tuple[Any, Any]:
    makers = {
        (False, False): (grpc.unary_unary_rpc_method_handler, unary),
        (False, True): (grpc.unary_stream_rpc_method_handler, stream),
        (True, False): (grpc.stream_unary_rpc_method_handler, unary),
        (True, True): (grpc.stream_stream_rpc_method_handler, stream),
    }
    return makers[bool(handler.request_streaming), bool(handler.response_streaming)]


async def _refuse(context: Context, error: Exception, method: str) -> NoReturn:
    """End a call with the status that fits `error`; a bug is logged here and not sent."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, NotImplementedError):
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"this node does not implement {method.removeprefix('/')}",
        )
    if isinstance(error, errors.EdgeError):
        faults = error.faults if isinstance(error, errors.ConfigError) else ()
        code = _CODES.get(type(error), grpc.StatusCode.FAILED_PRECONDITION)
        await context.abort(code, "\n  ".join((error.message, *faults)))
    _log.error("%s failed", method, exc_info=error)
    reason = error.strerror if isinstance(error, OSError) else "see the log apid"
    await context.abort(grpc.StatusCode.INTERNAL, f"{method} failed: {reason}")


def _roles_of(context: Context) -> Collection[Role]:
    certificates = context.auth_context().get("x509_pem_cert", [])
    if not certificates:
        raise errors.TrustError("a client certificate is required")
    return client_roles(inspect(bytes(next(iter(certificates)))))
