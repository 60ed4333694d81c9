# SPDX-License-Identifier: Apache-2.0
"""TLS by OpenSSL: connections to nodes whose keys grpc's own library does not know (Ed25519).

What is verified is the same as on the ordinary way: the authority, the name or address, the
dates, and in maintenance the very key that was looked at or pinned.
"""

import asyncio
import os
import socket
import ssl
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from edge.client.fault import explain_dial
from edge.client.trust import (
    CONNECT_TIMEOUT_S,
    Mutual,
    Pinned,
    Presented,
    Trust,
    check_pin,
    present,
)
from edge.errors import NodeError, TrustError

BUFFER_BYTES = 64 * 1024
_CLOSE_TIMEOUT_S = 1.0
_NEXT_S = 0.25

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def dial(
    host: str, port: int, trust: Trust, presented: Presented | None = None, *, where: str = ""
) -> Streams:
    """Connect to a node and verify it; strangers have to be the ones that were `presented`.

    Errors call the node `where`.

    Raises:
        NodeError: when it cannot be reached.
        TrustError: when it is not the node we want.
    """
    where = where or host
    context = _mutual_context(trust) if isinstance(trust, Mutual) else _stranger_context()
    name = host.partition("%")[0] if isinstance(trust, Mutual) else ""
    reader, writer = await _connect(host, port, context, name, where)
    try:
        _check(writer, where, trust, presented)
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


async def look(host: str, port: int, *, where: str = "") -> Presented:
    """Return the certificate of the server at `host:port` without trusting it.

    Raises:
        NodeError: when nobody answers there with TLS.
    """
    _, writer = await _connect(host, port, _stranger_context(), "", where or f"{host}:{port}")
    try:
        shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return present(shown.getpeercert(binary_form=True) or b"")
    finally:
        writer.transport.abort()


async def _connect(host: str, port: int, context: ssl.SSLContext, name: str, where: str) -> Streams:
    """Connect and shake hands; no `name` is that of somebody unknown."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await asyncio.open_connection(
                sock=await _reach(host, port),
                ssl=context,
                server_hostname=name,
                limit=BUFFER_BYTES,
                ssl_handshake_timeout=CONNECT_TIMEOUT_S,
                ssl_shutdown_timeout=_CLOSE_TIMEOUT_S,
            )
    except (OSError, UnicodeError) as error:
        raise explain_dial(where, error, stranger=not name) from error


async def _reach(host: str, port: int) -> socket.socket:
    """Return a connected socket to the first address of `host` that answers.

    The next address has its turn when one is silent for a moment. By hand, because asyncio's own
    way leaves a socket open when it is cancelled at a bad moment.
    """
    loop = asyncio.get_running_loop()
    todo = deque(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    fault: OSError = OSError("it has no address")
    under_way = set[asyncio.Task[socket.socket]]()
    try:
        while todo or under_way:
            if todo:
                under_way.add(asyncio.create_task(_attempt(*todo.popleft())))
            done, _ = await asyncio.wait(
                under_way,
                timeout=_NEXT_S if todo else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                under_way.discard(task)
                try:
                    return task.result()
                except OSError as error:
                    fault = error
        raise fault
    finally:
        for task in under_way:
            task.add_done_callback(_close)
            task.cancel()


async def _attempt(
    family: int, kind: int, protocol: int, _name: str, address: Any
) -> socket.socket:
    plain = socket.socket(family, kind, protocol)
    try:
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, address)
    except BaseException:
        plain.close()
        raise
    return plain


def _close(task: asyncio.Task[socket.socket]) -> None:
    """Close what an attempt that came too late had connected."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _check(
    writer: asyncio.StreamWriter, where: str, trust: Trust, presented: Presented | None
) -> None:
    shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
    if shown.selected_alpn_protocol() != "h2":
        raise NodeError(f"{where} speaks TLS but not gRPC: is that the node's API port?")
    if isinstance(trust, Mutual):
        return
    from edge.pki.certificate import inspect

    seen = present(shown.getpeercert(binary_form=True) or b"")
    pins = trust.fingerprints if isinstance(trust, Pinned) else ()
    if not pins and presented:
        pins = (presented.fingerprint,)
    check_pin(seen, Pinned(fingerprints=pins), where)
    facts = inspect(seen.certificate)
    if not facts.not_before <= datetime.now(UTC) <= facts.not_after:
        raise TrustError(
            f"the certificate of {where} is not valid today", hint="compare the clocks"
        )


@lru_cache(maxsize=4)
def _mutual_context(trust: Mutual) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    try:
        context.load_verify_locations(cadata=trust.ca.decode())
    except (ValueError, ssl.SSLError) as error:
        raise TrustError("the authority in the client configuration is no certificate") from error
    # An authority in between counts as a root, as it does for grpc.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        with _identity_file(trust) as path:
            context.load_cert_chain(path)
    except (ValueError, ssl.SSLError) as error:
        raise TrustError(
            "certificate and key of the client configuration do not belong together"
        ) from error
    return context


@lru_cache(maxsize=1)
def _stranger_context() -> ssl.SSLContext:
    # Nothing is verified by an authority here: `_check` compares the key.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


@contextmanager
def _identity_file(trust: Mutual) -> Iterator[str]:
    """Give certificate and key as a file, the only form in which `ssl` takes them.

    In memory where the system has such files, else one that nobody else can read.
    """
    from edge.pki.key import openssl_key

    content = trust.crt.rstrip() + b"\n" + openssl_key(trust.key)
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        with os.fdopen(os.memfd_create("identity"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.NamedTemporaryFile(prefix="edgectl-") as file:
        file.write(content)
        file.flush()
        yield file.name
