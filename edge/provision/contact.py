# SPDX-License-Identifier: Apache-2.0
"""First contact with a node in maintenance: is it the one whose card we flashed?

The card records know the fingerprint of every card's node key. A node that shows one of them is
ours and gets the card's enrolment proof; any other is a stranger, and configuring a stranger
has to be asked for by a fingerprint or blindly.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from time import monotonic

from edge.client.channel import split_endpoint
from edge.client.client import connect
from edge.client.model import Applied, ApplyMode
from edge.client.tls import look
from edge.client.trust import Pinned, Trust, check_pin, look_at
from edge.errors import NodeError, TrustError
from flasher.record import Card, CardRecords

POLL_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """How to trust a node in maintenance, and the card it booted from if we flashed it."""

    node: str
    fingerprint: str
    trust: Trust
    card: Card | None = None

    @property
    def secret(self) -> bytes | None:
        """Return the enrolment secret of the card, if it is ours."""
        return self.card.attempt.secret if self.card else None


async def make_contact(
    node: str,
    records: CardRecords,
    *,
    pins: Collection[str] = (),
    blind: bool = False,
) -> Contact:
    """Look at the node at address `node` and decide how to trust it.

    Raises:
        NodeError: when it cannot be reached.
        TrustError: when it is not the pinned one, or a stranger and `blind` was not asked for.
    """
    host, port = split_endpoint(node)
    presented = await look(host, port, where=node)
    card = records.find_by_fingerprint(presented.fingerprint)
    # A stranger, too, has to stay the one whose fingerprint was shown to the user.
    trust = Pinned(fingerprints=frozenset({presented.fingerprint}))
    if pins:
        check_pin(presented, Pinned(fingerprints=frozenset(pins)), node)
    elif card is None and not blind:
        raise TrustError(
            f"{node} did not boot from a card that was flashed here"
            f" (fingerprint {presented.fingerprint})",
            hint="compare with its console, then add --cert-fingerprint '…'",
        )
    return Contact(node=node, fingerprint=presented.fingerprint, trust=trust, card=card)


async def configure(
    contact: Contact,
    configuration: str,
    *,
    mode: ApplyMode = ApplyMode.AUTO,
    dry_run: bool = False,
) -> Applied:
    """Send a first configuration to a node in maintenance.

    Raises:
        ConfigError: when the node finds faults in it.
        TrustError: when the node takes it only from somebody else.
    """
    async with connect(contact.node, contact.trust) as client:
        client.enrolment_secret = contact.secret
        return await client.apply(configuration, mode=mode, dry_run=dry_run)


async def wait_configured(contact: Contact, *, deadline_s: float = 15.0) -> bool:
    """Wait until the node left maintenance; say whether it did so at the same address."""
    host, port = split_endpoint(contact.node)
    deadline = monotonic() + deadline_s
    while monotonic() < deadline:
        if await asyncio.to_thread(_has_left_maintenance, host, port):
            return True
        await asyncio.sleep(POLL_S)
    return False


def _has_left_maintenance(host: str, port: int) -> bool:
    try:
        return not look_at(host, port).is_maintenance
    except NodeError:
        return False
