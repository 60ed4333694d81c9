# SPDX-License-Identifier: Apache-2.0
"""Nodes with Ed25519 keys: OpenSSL speaks to them, and nothing else differs."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.client.channel import open_channel
from edge.client.client import NodeClient, connect
from edge.client.trust import Blind, Mutual, Pinned
from edge.errors import ConfigError, NodeError, TrustError
from edge.pki.key import Algorithm, fingerprint
from tests.fakes.tls_node import Authority, TlsNode, stranger, tls_node

KINDS: tuple[Algorithm, ...] = ("ed25519", "p256")


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Give one cluster's authority."""
    return Authority()


@pytest.fixture
async def node(tmp_path: Path, authority: Authority) -> AsyncIterator[TlsNode]:
    """Give a node as upstream makes them."""
    async with tls_node(tmp_path, authority.server(), authority.pair.certificate) as node:
        yield node


@pytest.mark.parametrize("ours", KINDS)
@pytest.mark.parametrize("theirs", KINDS)
async def test_every_pair_of_keys_works(
    tmp_path: Path, authority: Authority, ours: Algorithm, theirs: Algorithm
) -> None:
    """grpc talks by itself where it can and over a bridge where it cannot."""
    certificate = authority.pair.certificate
    async with tls_node(tmp_path, authority.server(theirs), certificate) as node:
        async with connect(node.endpoint, authority.client(ours)) as client:
            assert (await client.version()).tag == "v1.13.0"
        channel = await open_channel(node.endpoint, authority.client(ours))
        assert (channel.bridge is None) == (ours == theirs == "p256")
        await channel.close()


async def test_one_connection_serves_many_calls(node: TlsNode, authority: Authority) -> None:
    """A client connects once, however many calls there are."""
    async with connect(node.endpoint, authority.client()) as client:
        await asyncio.gather(*(client.version() for _ in range(50)))
    assert node.connections == 1


async def test_next_call_connects_again(node: TlsNode, authority: Authority) -> None:
    """A dropped connection costs the calls on it, not those after it."""
    async with connect(node.endpoint, authority.client()) as client:
        events = client.events()
        await anext(events)
        node.drop()
        with pytest.raises(NodeError, match="went away"):
            await anext(events)
        assert (await client.version()).tag
    assert node.connections == 2


async def test_node_that_left_and_came_back(
    node: TlsNode, authority: Authority, tmp_path: Path
) -> None:
    """While it is away calls say so; afterwards they work on the same client."""
    async with connect(node.endpoint, authority.client()) as client:
        await client.version()
        port = node.port
        await node.stop()
        with pytest.raises(NodeError, match=r"went away|connection refused"):
            await client.version()
        with pytest.raises(NodeError, match="cannot be reached: connection refused"):
            await client.version()
        await node.start(authority.server(), authority.pair.certificate, port=port)
        await _until_works(client)


async def _until_works(client: NodeClient) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await client.version()
            except NodeError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_errors_of_calls_pass_unchanged(node: TlsNode, authority: Authority) -> None:
    """What the node answers is what the user reads, a large request included."""
    async with connect(node.endpoint, authority.client()) as client:
        with pytest.raises(ConfigError, match="3000000 bytes"):
            await client.apply("x" * 3_000_000)


async def test_slow_reader_stops_the_node(node: TlsNode, authority: Authority) -> None:
    """Nobody hoards what is not read, neither the bridge nor grpc."""
    async with connect(node.endpoint, authority.client()) as client:
        lines = client.dmesg(follow=True)
        await anext(lines)
        before = -1
        while node.machine.sent != before:
            before = node.machine.sent
            await asyncio.sleep(0.3)
            assert before < 32 << 20


async def test_everything_arrives(node: TlsNode, authority: Authority) -> None:
    """8 MiB come whole through the bridge."""
    async with connect(node.endpoint, authority.client()) as client:
        size = 0
        async for line in client.dmesg():
            size += len(line) + 1
    assert size == 8 << 20


async def test_nothing_is_left_behind(node: TlsNode, authority: Authority) -> None:
    """No task, thread, file or folder outlives the client, whichever side ended it."""

    async def use(*, dropped: bool) -> None:
        async with connect(node.endpoint, authority.client()) as client:
            events = client.events()
            await anext(events)
            if dropped:
                node.drop()
            else:
                await client.version()

    await use(dropped=False)
    await asyncio.sleep(0.1)
    before = _possessions()
    for number in range(10):
        await use(dropped=number % 2 == 0)
    await asyncio.sleep(0.2)
    after = _possessions()
    assert after == before


def _possessions() -> tuple[int, int, int]:
    files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - links that may be gone
    return files, len(asyncio.all_tasks()), threading.active_count()


async def test_socket_is_private(
    node: TlsNode,
    authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody else can enter its folder, and another process is not served."""
    place = tmp_path_factory.mktemp("run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    async with connect(node.endpoint, authority.client()):
        (folder,) = place.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        code = "import socket,sys;s=socket.socket(1);s.connect(sys.argv[1]);print(s.recv(9))"
        process = await asyncio.create_subprocess_exec(
            *("python3", "-c", code, str(folder / "node")), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert out == b"b''\n"
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("after_s", [0.0, 0.002, 0.005, 0.01, 0.02, 0.05])
async def test_stopped_while_connecting(
    after_s: float,
    node: TlsNode,
    authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whenever ctrl-C comes, the socket's folder goes and no task stays."""
    place = tmp_path_factory.mktemp("run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    tasks = len(asyncio.all_tasks())
    opening = asyncio.create_task(open_channel(node.endpoint, authority.client()))
    await asyncio.sleep(after_s)
    if opening.done():
        await opening.result().close()
    else:
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
    await asyncio.sleep(0.05)
    assert list(place.iterdir()) == []
    assert len(asyncio.all_tasks()) == tasks


async def test_wrong_authority(node: TlsNode, authority: Authority) -> None:
    """A node of another cluster is refused, and refuses us."""
    mine, other = authority.client(), Authority().client()
    with pytest.raises(TrustError, match="not from this cluster"):
        await open_channel(node.endpoint, Mutual(ca=other.ca, crt=mine.crt, key=mine.key))
    with pytest.raises(TrustError, match="refuses our certificate"):
        await open_channel(node.endpoint, Mutual(ca=mine.ca, crt=other.crt, key=other.key))


@pytest.mark.parametrize("ours", KINDS)
@pytest.mark.parametrize("theirs", KINDS)
async def test_certificates_past_their_time(
    tmp_path: Path, authority: Authority, ours: Algorithm, theirs: Algorithm
) -> None:
    """Both directions are said in one line, whichever way was taken."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    certificate, old = authority.pair.certificate, authority.server(theirs, days=-1)
    async with tls_node(tmp_path / "a", old, certificate) as node:
        with pytest.raises(TrustError, match=f"certificate of {node.endpoint} has expired"):
            await open_channel(node.endpoint, authority.client(ours))
    async with tls_node(tmp_path / "b", authority.server(theirs), certificate) as node:
        with pytest.raises(TrustError, match="refuses our certificate: it has expired"):
            await open_channel(node.endpoint, authority.client(ours, days=-1))


@pytest.mark.parametrize("kind", KINDS)
async def test_certificate_for_another_address(
    tmp_path: Path, authority: Authority, kind: Algorithm
) -> None:
    """A certificate of the cluster does not make a node every node."""
    shown = authority.server(kind, address="10.0.0.1")
    async with tls_node(tmp_path, shown, authority.pair.certificate) as node:
        with pytest.raises(TrustError, match="is for other names"):
            await open_channel(node.endpoint, authority.client(kind))


@pytest.mark.parametrize("kind", KINDS)
async def test_maintenance_is_pinned(tmp_path: Path, kind: Algorithm) -> None:
    """The pinned key talks, another is refused, and the blind see who it was."""
    shown = stranger(kind)
    async with tls_node(tmp_path, shown) as node:
        pin = Pinned(fingerprints={fingerprint(shown.key)})
        async with connect(node.endpoint, pin) as client:
            assert (await client.version()).tag
            assert client.fingerprint == fingerprint(shown.key)
        async with connect(node.endpoint, Blind()) as client:
            assert (await client.version()).tag
        with pytest.raises(TrustError, match="not the expected node"):
            await open_channel(node.endpoint, Pinned(fingerprints={"other"}))


@pytest.mark.parametrize("kind", KINDS)
async def test_stranger_at_a_configured_node(
    tmp_path: Path, authority: Authority, kind: Algorithm
) -> None:
    """Somebody who forgot that a node is configured is told so."""
    certificate = authority.pair.certificate
    async with tls_node(tmp_path, authority.server(kind), certificate) as node:
        with pytest.raises(NodeError, match="configured already"):
            async with connect(node.endpoint, Blind()) as client:
                await client.version()
