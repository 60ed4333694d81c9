# SPDX-License-Identifier: Apache-2.0
"""Asking for a certificate: of several that may sign one, some do not answer."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from edge.config.generate import Generated
from edge.errors import NodeError
from edge.node.api.certificate import Certificates, Lifetimes, Names, system_clock
from edge.node.configuration import parse_configuration
from edge.node.machine import Machine
from edge.pki.certificate import KeyPair, sign_csr
from edge.pki.secrets import SecretsBundle

NAMES = Names(dns=("node",), addresses=())
DEAD = ["dead-1", "dead-2", "dead-3"]


@pytest.fixture
async def certificates(new_machine: Callable[[], Machine]) -> Certificates:
    machine = new_machine()
    await machine.boot()
    return Certificates(machine, clock=system_clock, lifetimes=Lifetimes())


def _answer(monkeypatch: pytest.MonkeyPatch, authority: KeyPair, ended: list[str]) -> None:
    async def request(host: str, *, csr: bytes, token: str, authorities: bytes) -> bytes:
        assert token
        assert authorities
        try:
            if host.startswith("dead"):
                await asyncio.Event().wait()
            if host.startswith("strict"):
                raise NodeError(f"trustd at {host}: no")
            return sign_csr(authority, csr, now=datetime.now(UTC))
        finally:
            ended.append(host)

    monkeypatch.setattr("edge.node.api.cluster_certificate.request_certificate", request)


async def test_the_dead_hold_up_nobody(
    certificates: Certificates,
    generated: Generated,
    bundle: SecretsBundle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first that signs is enough, and the others are asked no longer."""
    ended: list[str] = []
    _answer(monkeypatch, bundle.os, ended)
    view = parse_configuration(generated.worker.encode()).view
    async with asyncio.timeout(60):
        await certificates.ask(view, NAMES, [*DEAD, "strict", "alive"])
    assert certificates.current
    assert sorted(ended) == sorted([*DEAD, "strict", "alive"])


async def test_why_nobody_signs(
    certificates: Certificates,
    generated: Generated,
    bundle: SecretsBundle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each has its reason, and there may be nobody to ask."""
    _answer(monkeypatch, bundle.etcd, [])
    view = parse_configuration(generated.worker.encode()).view
    with pytest.raises(NodeError, match=r"no.*at foreign signs with an authority that is not"):
        await certificates.ask(view, NAMES, ["strict", "foreign"])
    with pytest.raises(NodeError, match="no trustd to ask"):
        await certificates.ask(view, NAMES, [])
    assert not certificates.current
