# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the way to a node is one line that names it, with what to do."""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from edge.client import channel, tls, trust
from edge.client.channel import open_channel
from edge.client.fault import (
    GoneError,
    StrangerError,
    UnreachableError,
    explain_call,
    explain_dial,
    translated,
)
from edge.client.trust import Blind
from edge.errors import ConfigError, EdgeError, NodeError, TrustError
from tests.fakes.tls_node import Authority

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
_TRIED = "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.2:50000: "


def rpc_error(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    """Return what a call raises."""
    empty = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(code, empty, empty, details)


@pytest.mark.parametrize(
    ("code", "details", "kind", "said"),
    [
        (UNAVAILABLE, _TRIED + "Connection refused", UnreachableError, "connection refused"),
        (UNAVAILABLE, _TRIED + "No route to host", UnreachableError, "no route to host"),
        (UNAVAILABLE, _TRIED + "Timeout occurred: FD", UnreachableError, "no answer in time"),
        (UNAVAILABLE, "DNS resolution failed for n:1", UnreachableError, "no such host"),
        (UNAVAILABLE, _TRIED + "CERTIFICATE_VERIFY_FAILED", StrangerError, "not from this cluster"),
        (UNAVAILABLE, "recvmsg:Connection reset by peer", GoneError, "n went away"),
        (UNAVAILABLE, "Socket closed", GoneError, "n went away"),
        (UNAVAILABLE, "Cancelling all calls", GoneError, "n went away"),
        (UNAVAILABLE, "keepalive watchdog timeout", GoneError, "n went away"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", NodeError, "in time"),
        (grpc.StatusCode.CANCELLED, "", NodeError, "n ended the call"),
        (grpc.StatusCode.UNIMPLEMENTED, "no etcd", NodeError, "n cannot do that: no etcd"),
        (grpc.StatusCode.PERMISSION_DENIED, "not authorized", TrustError, "n: not authorized"),
        (grpc.StatusCode.NOT_FOUND, "no such file", NodeError, "n: no such file"),
    ],
)
def test_calls(code: grpc.StatusCode, details: str, kind: type[EdgeError], said: str) -> None:
    """Every status has a class by what one can do about it, and a short text."""
    error = explain_call("n", rpc_error(code, details))
    assert type(error) is kind
    assert said in error.message
    assert "\n" not in error.message


def test_faults_of_a_document_are_kept_apart() -> None:
    """The first line is the message, the others are its faults."""
    error = explain_call("n", rpc_error(grpc.StatusCode.INVALID_ARGUMENT, "two:\n  a\n  b"))
    assert isinstance(error, ConfigError)
    assert (error.message, error.faults) == ("n: two:", ("a", "b"))


def test_better_known_causes_win() -> None:
    """What OpenSSL said below explains what grpc could only call unavailable."""
    with (
        pytest.raises(TrustError, match="expired"),
        translated("n", cause=lambda: TrustError("expired")),
    ):
        raise rpc_error(UNAVAILABLE, "Socket closed")
    with pytest.raises(NodeError, match="late"), translated("n", cause=lambda: TrustError("x")):
        raise rpc_error(grpc.StatusCode.INTERNAL, "late")


def _eof() -> ssl.SSLEOFError:
    error = ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
    error.reason = "UNEXPECTED_EOF_WHILE_READING"
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EHOSTUNREACH, "x"), "cannot be reached: no route to host"),
        (OSError(errno.ENETUNREACH, "x"), "cannot be reached: network is unreachable"),
        (OSError("Multiple exceptions: [Errno 111] a, [Errno 111] b"), "connection refused"),
        (TimeoutError(), "no answer in time"),
        (OSError(errno.ETIMEDOUT, "x"), "no answer in time"),
        (socket.gaierror(-2, "Name or service not known"), "no such host"),
        (_eof(), "ended the connection during the TLS handshake"),
    ],
)
def test_dialling(error: Exception, said: str) -> None:
    """Nothing of the system's own spelling is left."""
    explained = explain_dial("n:1", error)
    assert explained.message.startswith("n:1 ")
    assert said in explained.message


def test_strangers_are_told_to_leave_insecure_out() -> None:
    """A node that asks for a certificate is a configured one, whatever version of TLS it has."""
    for reason in ("SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV13_ALERT_CERTIFICATE_REQUIRED"):
        error = ssl.SSLError(1, reason)
        error.reason = reason
        assert "configured already" in explain_dial("n", error, stranger=True).message


@asynccontextmanager
async def listener(greeting: bytes | None) -> AsyncIterator[str]:
    """Give somebody who says one thing and hangs up, or nothing at all."""

    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read(1)
        if greeting is not None:
            writer.write(greeting)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer in writers:
            writer.transport.abort()
    await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
async def test_somebody_else_on_the_port(kind: str) -> None:
    """A web server is told from a node, whichever way was tried."""
    client = Authority().client("ed25519" if kind == "ed25519" else "p256")
    async with listener(b"HTTP/1.0 400 Bad Request\r\n\r\n") as endpoint:
        with pytest.raises(NodeError, match=f"{endpoint} does not speak TLS"):
            await open_channel(endpoint, client)


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
async def test_somebody_who_never_answers(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection has its own deadline, so a silent node costs seconds and no more."""
    for module in (channel, tls, trust):
        monkeypatch.setattr(module, "CONNECT_TIMEOUT_S", 0.5)
    client = Authority().client("ed25519" if kind == "ed25519" else "p256")
    async with listener(None) as endpoint:
        with pytest.raises(UnreachableError, match="no answer in time"):
            await open_channel(endpoint, client)


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
async def test_names_and_ports_without_anybody(kind: str) -> None:
    """A name that nobody has, and a port that nobody listens at."""
    client = Authority().client("ed25519" if kind == "ed25519" else "p256")
    with pytest.raises(UnreachableError, match=r"nobody\.invalid cannot be reached: no such host"):
        await open_channel("nobody.invalid", client)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    refused = f"127.0.0.1:{port} cannot be reached: connection refused"
    with pytest.raises(UnreachableError, match=refused):
        await open_channel(f"127.0.0.1:{port}", client)
    with pytest.raises(NodeError, match="connection refused"):
        await open_channel(f"127.0.0.1:{port}", Blind())
