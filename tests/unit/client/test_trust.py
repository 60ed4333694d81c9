# SPDX-License-Identifier: Apache-2.0
"""Addresses of nodes, and looking at the certificate that answers there."""

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from socket import create_server

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.client.channel import open_channel, split_endpoint
from edge.client.trust import Blind, Mutual, Pinned, check_pin, look_at
from edge.errors import NodeError, TrustError
from edge.pki.certificate import self_signed_server
from edge.pki.key import Algorithm, fingerprint, new_key, new_labelled_key, openssl_key

NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("endpoint", "host", "port"),
    [
        ("10.0.0.2", "10.0.0.2", 50000),
        ("10.0.0.2:50001", "10.0.0.2", 50001),
        ("node.lan", "node.lan", 50000),
        ("node.lan.:1", "node.lan.", 1),
        ("fd00::2", "fd00::2", 50000),
        ("[fd00::2]", "fd00::2", 50000),
        ("[fe80::1%eth0]:65535", "fe80::1%eth0", 65535),
    ],
)
def test_endpoints(endpoint: str, host: str, port: int) -> None:
    """Host and port, upstream's port if there is none."""
    assert split_endpoint(endpoint) == (host, port)


@pytest.mark.parametrize(
    "endpoint",
    ["", ":1", "a:", "a:b", "a:0", "a:65536", "a:99999999", "a:²", "[::1", "::1]", "[]:1", "a..b"],
)
def test_what_is_no_endpoint(endpoint: str) -> None:
    """It is said at once, with what to write."""
    with pytest.raises(NodeError, match="is not an address of a node") as caught:
        split_endpoint(endpoint)
    assert caught.value.hint


@given(st.text())
def test_any_text_is_an_endpoint_or_refused(text: str) -> None:
    """Never another error."""
    try:
        host, port = split_endpoint(text)
    except NodeError:
        return
    assert host
    assert 0 < port < 65536


class Server:
    """Answers one TLS handshake after the other with a certificate."""

    def __init__(self, folder: Path) -> None:
        self.key = new_key()
        certificate = self_signed_server(
            self.key,
            common_name="node",
            dns_names=["edge-1"],
            addresses=[ip_address("127.0.0.1")],
            now=NOW,
        )
        (folder / "server.pem").write_bytes(certificate + self.key)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "server.pem")
        self._socket = create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
                with self._context.wrap_socket(connection, server_side=True) as secure:
                    secure.recv(1)
            except OSError:
                if self._socket.fileno() < 0:
                    return

    def close(self) -> None:
        """Stop answering."""
        self._socket.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.close()


def test_a_certificate_can_be_looked_at(server: Server) -> None:
    """Its fingerprint is that of the key, its name the first in it."""
    seen = look_at("127.0.0.1", server.port)
    assert seen.fingerprint == fingerprint(server.key)
    assert seen.name == "edge-1"


def test_a_pin_is_kept(server: Server) -> None:
    """One of several will do; another key is named in the refusal, with what to do."""
    seen = look_at("127.0.0.1", server.port)
    check_pin(seen, Pinned(fingerprints={"other", fingerprint(server.key)}), "here")
    with pytest.raises(TrustError, match="is not the expected node") as caught:
        check_pin(seen, Pinned(fingerprints={"other"}), "here")
    assert fingerprint(server.key) in caught.value.message
    assert "secrets" in str(caught.value.hint)


async def test_a_pinned_channel_is_not_opened_to_another(server: Server) -> None:
    """Nothing is sent before the pin was compared."""
    with pytest.raises(TrustError):
        await open_channel(f"127.0.0.1:{server.port}", Pinned(fingerprints={"other"}))
    channel = await open_channel(f"127.0.0.1:{server.port}", Blind())
    assert channel.presented
    await channel.grpc.close()


def test_nobody_there() -> None:
    """A closed port and an impossible name are both said in one line."""
    with create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for host in ("127.0.0.1", "a..b"):
        with pytest.raises(NodeError, match="cannot be reached"):
            look_at(host, port)


def test_somebody_who_does_not_speak_tls() -> None:
    """Such as a web server on that port."""
    with create_server(("127.0.0.1", 0)) as plain:
        port = plain.getsockname()[1]

        def answer() -> None:
            connection, _ = plain.accept()
            with connection:
                connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NodeError):
            look_at("127.0.0.1", port)
        thread.join()


async def test_context_without_an_identity_is_refused_with_a_hint() -> None:
    """Nothing to show is said before anything is sent, and keys never show."""
    with pytest.raises(TrustError, match="no certificate") as caught:
        await open_channel("127.0.0.1", Mutual(ca=b"", crt=b"", key=b""))
    assert caught.value.hint
    assert "PRIVATE" not in repr(Mutual(ca=b"", crt=b"", key=b"PRIVATE"))


@pytest.mark.parametrize("algorithm", ["ed25519", "p256", "rsa"])
def test_kind_of_our_key_is_seen_under_every_label(algorithm: Algorithm) -> None:
    """Upstream's labels and the ordinary one say the same of a key."""
    for pem in (labelled := new_labelled_key(algorithm), openssl_key(labelled)):
        assert Mutual(ca=b"", crt=b"", key=pem).is_ed25519 == (algorithm == "ed25519")
