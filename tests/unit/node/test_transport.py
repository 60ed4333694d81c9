# SPDX-License-Identifier: Apache-2.0
"""Credentials that are replaced while a server runs."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import grpc
import pytest

from edge.errors import TrustError
from edge.node.api import transport
from edge.node.api.transport import Credentials, bind, dynamic_credentials
from edge.pki.certificate import KeyPair, issue_server, new_ca
from edge.pki.key import new_key, spki_digest

ADDRESS = "127.0.0.1"
NOW = datetime.now(UTC)


@pytest.fixture
def fetcher(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], Any]]:
    """What the library would call for every new connection."""
    taken: list[Callable[[], Any]] = []
    monkeypatch.setattr(transport, "SETTLE_S", 0.0)
    monkeypatch.setattr(
        grpc,
        "dynamic_ssl_server_credentials",
        lambda _first, fetch, **_more: taken.append(fetch),
    )
    return taken


def _credentials(authority: KeyPair, *, client_cas: bytes = b"") -> Credentials:
    key = new_key()
    addresses = [ip_address(ADDRESS)]
    certificate = issue_server(authority, key, common_name="n", addresses=addresses, now=NOW)
    return Credentials(key=key, certificate=certificate, client_cas=client_cas)


def test_the_same_credentials_are_not_handed_out_again(
    fetcher: list[Callable[[], Any]],
) -> None:
    """The library would replace them under connections that are just beginning."""
    authority = new_ca("talos", now=NOW)
    current = [_credentials(authority)]
    dynamic_credentials(lambda: current[0], verify_clients=False)
    assert fetcher[0]() is None
    current[0] = _credentials(authority)
    assert fetcher[0]() is not None
    assert fetcher[0]() is None


def test_a_server_never_stops_verifying(fetcher: list[Callable[[], Any]]) -> None:
    """Without an authority it goes on with the last one, and does not begin at all."""
    authority = new_ca("talos", now=NOW)
    open_to_all = _credentials(authority)
    with pytest.raises(TrustError, match="no authority"):
        dynamic_credentials(lambda: open_to_all, verify_clients=True)
    current = [_credentials(authority, client_cas=authority.certificate)]
    dynamic_credentials(lambda: current[0], verify_clients=True)
    current[0] = open_to_all
    with pytest.raises(TrustError, match="no authority"):
        fetcher[0]()


async def test_a_new_certificate_is_shown_to_new_connections(tmp_path: Path) -> None:
    """Without a restart, and under many connections that begin at the time."""
    authority = new_ca("talos", now=NOW)
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    context.set_alpn_protocols(["h2"])
    current = [_credentials(authority)]
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
    server = grpc.aio.server()
    bind(server, ADDRESS, port, dynamic_credentials(lambda: current[0], verify_clients=False))
    await server.start()

    def shown() -> bytes:
        with (
            socket.create_connection((ADDRESS, port), timeout=60) as plain,
            context.wrap_socket(plain, server_hostname=ADDRESS) as secure,
        ):
            der = secure.getpeercert(binary_form=True)
        return spki_digest(ssl.DER_cert_to_PEM_cert(der or b"").encode())

    try:
        for _ in range(3):
            seen = await asyncio.gather(*(asyncio.to_thread(shown) for _ in range(16)))
            assert set(seen) == {spki_digest(current[0].certificate)}
            current[0] = _credentials(authority)
    finally:
        await server.stop(None)
