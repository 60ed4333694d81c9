# SPDX-License-Identifier: Apache-2.0
"""Server certificates under the cluster's authority: issued where it is held, else asked for."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from edge.errors import EdgeError, NodeError
from edge.node.api.trustd import request_certificate
from edge.pki.certificate import (
    KeyPair,
    inspect,
    is_issued_by,
    issue_server,
    make_csr,
    split_bundle,
)

if TYPE_CHECKING:
    from edge.config.view import NodeView
    from edge.node.api.certificate import Names

_ASKED_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate (PEM) and when it ends."""

    certificate: bytes
    not_after: datetime


def issue(
    view: "NodeView", key: bytes, names: "Names", *, now: datetime, lifetime: timedelta
) -> Issued:
    """Certify `key` with the authority that a control plane holds."""
    certificate = issue_server(
        KeyPair(certificate=view.ca_cert, key=view.ca_key),
        key,
        common_name=names.dns[0],
        dns_names=names.dns,
        addresses=names.addresses,
        now=now,
        lifetime=lifetime,
    )
    return _read(certificate)


async def ask(view: "NodeView", key: bytes, names: "Names", hosts: Iterable[str]) -> Issued:
    """Have the trustd of one of `hosts` certify `key`, the first of them to answer.

    They are asked at once: one that is dead takes its time, and what else there is to do
    for a new configuration waits for this.

    Raises:
        NodeError: when none of them does.
    """
    csr = make_csr(key, common_name=names.dns[0], dns_names=names.dns, addresses=names.addresses)
    slots = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def attempt(host: str) -> bytes:
        async with slots:
            certificate = await request_certificate(
                host, csr=csr, token=view.token, authorities=view.trusted_cas
            )
        # While authorities are exchanged it may be the old one or the new one.
        if not is_good_for(view, certificate):
            raise NodeError(f"trustd at {host} signs with an authority that is not ours")
        return certificate

    return _read(await _first([attempt(host) for host in hosts]))


def is_good_for(view: "NodeView", certificate: bytes) -> bool:
    """Say whether an authority that the configuration trusts has signed this certificate."""
    return any(is_issued_by(certificate, each) for each in split_bundle(view.trusted_cas))


def _read(certificate: bytes) -> Issued:
    return Issued(certificate=certificate, not_after=inspect(certificate).not_after)


async def _first(attempts: Sequence[Coroutine[Any, Any, bytes]]) -> bytes:
    """Return what the first attempt that succeeds does; end the others."""
    tasks = [asyncio.create_task(each) for each in attempts]
    refusals: list[str] = []
    try:
        for ended in asyncio.as_completed(tasks):
            try:
                return await ended
            except EdgeError as error:
                refusals.append(error.message)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    raise NodeError("; ".join(refusals) or "there is no trustd to ask")
