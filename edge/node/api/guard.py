# SPDX-License-Identifier: Apache-2.0
"""The gate in front of every call: who is it, may it, where is it for, and how errors look.

Roles come from the client certificate, or from a node that forwards and vouches for its caller;
in maintenance mode everybody is a reader. Messages pass the gate as bytes, so that a call for
another node is never decoded here.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import aclosing, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError

from edge import errors
from edge.node.api.failure import CallFailed, Failure, Trailer, from_error
from edge.node.api.route import Call, Context, Router, too_large
from edge.node.api.target import HERE, Metadata, Targets, is_routed, read_targets, values
from edge.node.control.network import own_addresses
from edge.node.log import logger
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.pki.role import Role, allowed, client_roles, known_roles

__all__ = ["Context", "Guard", "Replies", "caller_roles"]

caller_roles: ContextVar[Collection[Role]] = ContextVar("caller_roles", default=())
"""Roles of whoever made the call that is being handled."""

_log = logger("apid")


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


class Guard(grpc.GenericRpcHandler):
    """Puts the checks in front of every handler, and answers for methods that have none."""

    def __init__(
        self, machine: Machine, router: Router, *, maintenance: bool, message_limit: int
    ) -> None:
        self._machine = machine
        self._router = router
        self._maintenance = maintenance
        self._limit = message_limit
        self._handlers: dict[str, Any] = {}
        self.replies = Replies()

    def add(self, method: str, handler: Any) -> None:
        """Have calls of `method` (a full path) handled."""
        self._handlers[method] = self._wrap(method, handler)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return the handler of a method."""
        method = str(handler_call_details.method)
        # That there is none is for administrators to know, so this one has the checks, too.
        return self._handlers.get(method) or self._wrap(method, _UNKNOWN)

    def _wrap(self, method: str, handler: Any) -> Any:
        """Return `handler` with the checks in front; it takes and gives bytes."""
        if handler.response_streaming:
            return _shaped(handler, self._streaming(method, handler))
        return _shaped(handler, self._single(method, handler))

    def _single(self, method: str, handler: Any) -> Any:
        behaviour = handler.unary_unary or handler.stream_unary

        async def local(request: Any, context: Any) -> bytes:
            answer = await behaviour(_decoded(handler, request, method), context)
            encoded: bytes = handler.response_serializer(answer)
            if len(encoded) > self._limit:
                raise CallFailed(too_large(len(encoded), self._limit))
            return encoded

        async def unary(request: Any, context: Context) -> bytes:
            self.replies.owe(context)
            try:
                roles, targets = self._admit(method, context)
                # Who connects to a node that has just started asks for what is still to come.
                await self._machine.completed()
                if targets is HERE:
                    return await local(request, _Own(context))
                call = Call(method, roles, context)
                if not targets.many:
                    return await self._router.unary(call, targets.names[0], request)
                return await self._router.unary_many(
                    call, targets, request, lambda: local(request, _Part(context))
                )
            except Exception as error:
                await _refuse(context, error, method)

        return unary

    def _streaming(self, method: str, handler: Any) -> Any:
        behaviour = handler.unary_stream or handler.stream_stream

        async def local(request: Any, context: Any) -> AsyncGenerator[bytes]:
            async with aclosing(behaviour(_decoded(handler, request, method), context)) as answers:
                async for answer in answers:
                    encoded: bytes = handler.response_serializer(answer)
                    if len(encoded) > self._limit:
                        raise CallFailed(too_large(len(encoded), self._limit))
                    yield encoded

        async def stream(request: Any, context: Context) -> None:
            try:
                roles, targets = self._admit(method, context)
                await self._machine.completed()
                context = self._judged(context)
                if targets is HERE:
                    async with aclosing(local(request, _Own(context))) as answers:
                        async for answer in answers:
                            await context.write(answer)
                    return
                call = Call(method, roles, context)
                if not targets.many:
                    await self._router.stream(call, targets.names[0], request)
                    return
                await self._router.stream_many(
                    call, targets, request, lambda: local(request, _Part(context))
                )
            except Exception as error:
                await _refuse(context, error, method)

        return stream

    def _admit(self, method: str, context: Context) -> tuple[Collection[Role], Targets]:
        """Return roles and targets of a call.

        Raises:
            CallFailed: when it may not be made.
            TrustError: when the caller has no certificate of the right kind.
        """
        if self._maintenance and not self._machine.in_maintenance:
            raise CallFailed(_CONFIGURED)
        metadata: Any = context.invocation_metadata() or ()
        roles = _MAINTENANCE_ROLES if self._maintenance else self._roles_of(context, metadata)
        if not allowed(method, roles, maintenance=self._maintenance):
            shown = method[:_NAME_CHARACTERS]
            _log.info("%s refused for %s", shown, ", ".join(sorted(roles)) or "no role")
            raise CallFailed(_NOT_AUTHORIZED)
        caller_roles.set(roles)
        if self._maintenance or not is_routed(metadata):
            return roles, HERE
        targets = read_targets(method, metadata, self._own_names())
        if isinstance(targets, Failure):
            raise CallFailed(targets)
        return roles, targets

    def _roles_of(self, context: Context, metadata: Metadata) -> Collection[Role]:
        certified = self._judge(_presented(context))
        if Role.IMPERSONATOR not in certified.roles:
            return certified.roles
        # A node that forwards has no rights of its own, only those of its caller.
        named = [name for value in values(metadata, "talos-role") for name in value.split(",")]
        return known_roles(named) - {Role.IMPERSONATOR}

    def _judged(self, context: Any) -> Any:
        """Return the context of a stream, which ends when its caller's certificate does."""
        if self._maintenance:
            return context
        return _Judged(context, partial(self._judge, _presented(context), is_long=True))

    def _judge(self, certificate: bytes, *, is_long: bool = False) -> "_Certified":
        active = self._machine.active
        authorities = active.view.trusted_cas if active else b""
        certified = _certified(certificate, authorities)
        if not certified.is_trusted:
            raise errors.TrustError("the client's certificate is of an authority no longer trusted")
        # A node that forwards has got another one by then, and looks at its caller's own.
        is_renewed = is_long and Role.IMPERSONATOR in certified.roles
        if certified.not_after < datetime.now(UTC) and not is_renewed:
            raise errors.TrustError("the client's certificate has expired")
        return certified

    def _own_names(self) -> set[str]:
        addresses = self._machine.store.spec(kind.NODE_ADDRESS, "current").get("addresses", [])
        status = self._machine.store.spec(kind.HOSTNAME_STATUS, "hostname")
        host, domain = status.get("hostname", ""), status.get("domainname", "")
        names = {host, f"{host}.{domain}"} if domain else {host}
        return {*own_addresses(addresses), *names, "localhost", "127.0.0.1", "::1"} - {""}


_NAME_CHARACTERS = 80  # of a method that is not ours: the rest is its caller's text, not a name
_MAINTENANCE_ROLES = frozenset({Role.READER})
_NOT_AUTHORIZED = Failure(grpc.StatusCode.PERMISSION_DENIED, "not authorized")
_CONFIGURED = Failure(
    grpc.StatusCode.UNAVAILABLE, "the node has been configured and wants a certificate"
)


class _Own:
    """The context that this node's handlers have: what they end a call with is shortened."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: Trailer = ()
    ) -> NoReturn:
        raise CallFailed(Failure(code, details, tuple(trailing_metadata)))


class _Part(_Own):
    """The context of this node's part in a call for many, whose failure is not the call's."""

    def set_code(self, _code: grpc.StatusCode) -> None:
        """Have no say in the code of the whole call."""

    def set_details(self, _details: str) -> None:
        """Have no say in the message of the whole call."""

    def set_trailing_metadata(self, _metadata: Trailer) -> None:
        """Have no say in the metadata of the whole call."""


class _Judged:
    """The context of a stream that may outlive its caller's rights: it sends nothing then."""

    def __init__(self, context: Context, judge: Callable[[], object]) -> None:
        self._context = context
        self._judge = judge

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def write(self, message: bytes) -> None:
        self._judge()
        await self._context.write(message)


async def _unknown(_requests: Any, _context: Context) -> AsyncIterator[Any]:
    raise NotImplementedError
    yield


def _same(message: bytes) -> bytes:
    return message


_UNKNOWN: Any = grpc.stream_stream_rpc_method_handler(
    _unknown, request_deserializer=_same, response_serializer=_same
)


def _shaped(handler: Any, behaviour: Callable[..., Any]) -> Any:
    makers = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    return makers[bool(handler.request_streaming), bool(handler.response_streaming)](behaviour)


def _decoded(handler: Any, request: Any, method: str) -> Any:
    """Return the request, or the iterator over requests, as messages."""
    if not handler.request_streaming:
        return _decode(handler, request, method)
    return _decode_each(handler, request, method)


async def _decode_each(
    handler: Any, requests: AsyncIterator[bytes], method: str
) -> AsyncIterator[Any]:
    async for request in requests:
        yield _decode(handler, request, method)


def _decode(handler: Any, request: bytes, method: str) -> Any:
    try:
        return handler.request_deserializer(request)
    except DecodeError as error:
        message = f"the request is not what {method.removeprefix('/')} takes"
        raise CallFailed(Failure(grpc.StatusCode.INVALID_ARGUMENT, message)) from error


async def _refuse(context: Context, error: Exception, method: str) -> NoReturn:
    """End a call with the status that fits `error`."""
    while isinstance(error, ExceptionGroup):
        # Streams of many nodes end together, for what was the matter first.
        error = error.exceptions[0]
    if isinstance(error, grpc.aio.AbortError):
        raise error
    failure = from_error(error, method[:_NAME_CHARACTERS])
    await context.abort(failure.code, failure.message, failure.trailer)


def _presented(context: Context) -> bytes:
    certificates = context.auth_context().get("x509_pem_cert")
    if not certificates:
        raise errors.TrustError("a client certificate is required")
    return bytes(next(iter(certificates)))


@dataclass(frozen=True, slots=True)
class _Certified:
    """What a client's certificate says."""

    roles: frozenset[Role]
    not_after: datetime
    is_trusted: bool


@lru_cache(1024)
def _certified(certificate: bytes, authorities: bytes) -> _Certified:
    """Read a certificate; whoever has a connection says the same one again with every call.

    TLS looked at it when the connection began. That may be long ago: authorities have been
    replaced since then, or it has expired.
    """
    # Nobody has a certificate in maintenance, and what reads them takes long to load.
    from edge.pki.certificate import inspect, is_issued_by, split_bundle

    said = inspect(certificate)
    is_trusted = any(is_issued_by(certificate, each) for each in split_bundle(authorities))
    return _Certified(client_roles(said), said.not_after, is_trusted)
