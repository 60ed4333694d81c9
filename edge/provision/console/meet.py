# SPDX-License-Identifier: Apache-2.0
"""Get to know a node by its console alone: no discovery, no network until its address is known.

Others have words on a console too: the kernel prints what a USB device calls itself, line breaks
and all. So a key that nothing else proves has to be named until the node itself must have spoken,
and two keys in one boot are one too many.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from edge.client.channel import is_listening, split_endpoint
from edge.client.tls import look
from edge.errors import NodeError, StageTimeoutError, TrustError
from edge.events import Event, Listener, Noted
from edge.provision.console.detect import StageDetector
from edge.provision.console.explain import NO_ADDRESS
from edge.provision.console.fact import Facts, FactsLearned
from edge.provision.console.follow import Aim, follow
from edge.provision.console.port import Console
from edge.provision.console.stage import Stage

AGREED_S: Final = 28.0
"""For how long a key must be named alone: a node in maintenance speaks every thirty seconds."""


def _unproven(_facts: Facts) -> bool:
    return False


def meet_node(
    console: Console,
    listener: Listener,
    *,
    timeout_s: float,
    detector: StageDetector | None = None,
    connect: str = "",
    is_proven: Callable[[Facts], bool] = _unproven,
) -> Facts:
    """Follow `console` until its node is in maintenance and said its address and fingerprint.

    What `is_proven` by something else is believed at once; else for AGREED_S no other fingerprint
    may be named.

    Raises:
        NodeError: when that does not happen in time, the board is stuck, or the node is
            configured already.
        TrustError: when two fingerprints were named in one boot.
    """
    detector = detector or StageDetector()
    meeting = _Meeting(detector, listener, cache(is_proven))
    try:
        facts = follow(
            console,
            meeting.hear,
            Aim(
                until=(Stage.MAINTENANCE, Stage.RUNNING),
                when=lambda _facts: meeting.is_over(),
                timeout_s=timeout_s,
                connect=connect,
            ),
            stop=meeting.is_over,
            detector=detector,
        ).facts
    except StageTimeoutError as error:
        raise _too_late(console.name, detector.facts, error) from error
    if facts.state == "running":
        raise NodeError(
            f"console {console.name}: the node is configured already",
            hint="edgectl apply-config -n ADDRESS changes it; edgectl reset takes it back",
        )
    if facts.rivals and not is_proven(facts):
        raise TrustError(
            f"console {console.name}: two keys were named in one boot, {facts.fingerprint} and"
            f" {', '.join(facts.rivals)}",
            hint="noise on the wire, or something else that writes there (a USB device): start the"
            " board again without it, or name the key that you know with --cert-fingerprint",
        )
    return facts


class _Meeting:
    """What was heard so far, and whether it is enough."""

    def __init__(
        self, detector: StageDetector, listener: Listener, is_proven: Callable[[Facts], bool]
    ) -> None:
        self._detector = detector
        self._listener = listener
        self._is_proven = is_proven
        self._told = False

    def hear(self, event: Event) -> None:
        """Hand on an event, and say once why it is not over yet."""
        self._listener(event)
        if isinstance(event, FactsLearned) and event.facts.is_reachable and not self._told:
            self._told = True
            if not self.is_over():
                self._listener(
                    Noted(
                        text=f"fingerprint {event.facts.fingerprint} is of no card flashed here:"
                        " waiting half a minute for the node to say it again"
                    )
                )

    def is_over(self) -> bool:
        """Say whether the node is known, or never will be."""
        facts = self._detector.facts
        if facts.state == "running":
            return True
        if not facts.is_reachable:
            return False
        agreed = self._detector.agreed_s >= AGREED_S
        return agreed or bool(facts.rivals) or self._is_proven(facts)


def _too_late(console: str, facts: Facts, error: StageTimeoutError) -> NodeError:
    if not facts.state:
        return error
    if not facts.addresses:
        return NodeError(
            f"console {console}: the node waits in maintenance, but has no address",
            hint=NO_ADDRESS,
        )
    return StageTimeoutError(
        f"console {console}: the node did not say again in time who it is",
        hint="give it a minute with --console-timeout 60, or name its key with --cert-fingerprint",
    )


async def find_address(addresses: Sequence[str], fingerprint: str = "") -> str:
    """Return the first of a node's addresses at which it answers from here with its key.

    Where somebody else has the address, here, the others are tried; if nobody shows the key, it
    is the first at which anybody answers.

    Raises:
        NodeError: when it answers at none.
    """
    answering = ""
    for address in addresses:
        if not await is_listening(address):
            continue
        if len(addresses) == 1 or await _shows(address, fingerprint):
            return address
        answering = answering or address
    if answering:
        return answering
    raise NodeError(
        f"the node says that it is at {', '.join(addresses)}, but does not answer there",
        hint="connect this machine to the same network",
    )


async def _shows(address: str, fingerprint: str) -> bool:
    host, port = split_endpoint(address)
    try:
        return (await look(host, port)).fingerprint == fingerprint
    except NodeError:
        return False
