# SPDX-License-Identifier: Apache-2.0
"""The address-range probe against real TLS servers on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest

from discovery.probe import Answer, probe
from edge.errors import ConfigError
from edge.pki.certificate import from_der, self_signed_server
from edge.pki.key import fingerprint, new_key


@pytest.fixture
def key() -> bytes:
    """Make a node's key."""
    return new_key()


@pytest.fixture
def certificate(key: bytes, tmp_path: Path) -> Path:
    """Write the certificate that a node in maintenance shows, with its key."""
    path = tmp_path / "node.pem"
    path.write_bytes(self_signed_server(key, common_name="node", now=datetime.now(UTC)) + key)
    return path


@asynccontextmanager
async def serving(certificate: Path, *hosts: str, mutual: bool = False) -> AsyncIterator[int]:
    """Serve TLS on all `hosts` at one free port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2"])
    if mutual:
        context.load_verify_locations(certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    async with AsyncExitStack() as stack:
        port = 0
        for host in hosts:
            server = await asyncio.start_server(_hold, host, port, ssl=context)
            port = server.sockets[0].getsockname()[1]
            await stack.enter_async_context(server)
        yield port


async def _hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.read()
    except OSError:
        return
    finally:
        writer.close()


async def test_answers_come_with_their_key(certificate: Path, key: bytes) -> None:
    """Who answers in a network is listed by address, with the certificate it showed."""
    async with serving(certificate, "127.21.0.5", "127.21.0.2") as port:
        answers = await probe(ip_network("127.21.0.0/28"), port=port)
    assert [(one.address, one.port) for one in answers] == [
        ("127.21.0.2", port),
        ("127.21.0.5", port),
    ]
    assert {fingerprint(from_der(one.certificate)) for one in answers} == {fingerprint(key)}


async def test_configured_node_answers_too(certificate: Path, key: bytes) -> None:
    """A node that wants a client certificate shows its own all the same."""
    async with serving(certificate, "127.21.1.2", mutual=True) as port:
        (answer,) = await probe(ip_network("127.21.1.2/32"), port=port)
    assert fingerprint(from_der(answer.certificate)) == fingerprint(key)


async def test_silent_server_is_no_answer() -> None:
    """Something that accepts and says nothing costs its time limit and is left out."""
    async with await asyncio.start_server(_hold, "127.21.2.2", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found: list[Answer] = await probe(ip_network("127.21.2.0/30"), port=port, timeout_s=0.2)
    assert found == []


async def test_too_large_a_network_is_refused() -> None:
    """A network that would take hours is refused before the first packet."""
    with pytest.raises(ConfigError, match=r"10\.0\.0\.0/8 has 16777216 addresses"):
        await probe(ip_network("10.0.0.0/8"))
