# SPDX-License-Identifier: Apache-2.0
"""Get to know a node by its console alone: no discovery, no network until its address is known."""

from collections.abc import Sequence

from edge.client.channel import is_listening
from edge.errors import NodeError, StageTimeoutError
from edge.events import Listener
from edge.provision.console.detect import StageDetector
from edge.provision.console.explain import NO_ADDRESS
from edge.provision.console.fact import Facts
from edge.provision.console.follow import follow
from edge.provision.console.port import Console
from edge.provision.console.stage import Stage


def meet_node(
    console: Console,
    listener: Listener,
    *,
    timeout_s: float,
    detector: StageDetector | None = None,
    connect: str = "",
) -> Facts:
    """Follow `console` until its node is in maintenance and said its address and fingerprint.

    Raises:
        NodeError: when that does not happen in time, the board is stuck, or the node is
            configured already.
    """
    detector = detector or StageDetector()
    try:
        seen = follow(
            console,
            listener,
            until=(Stage.MAINTENANCE, Stage.RUNNING),
            when=lambda facts: facts.state == "running" or facts.is_reachable,
            timeout_s=timeout_s,
            detector=detector,
            connect=connect,
        )
    except StageTimeoutError as error:
        if detector.facts.state and not detector.facts.addresses:
            raise NodeError(
                f"console {console.name}: the node waits in maintenance, but has no address",
                hint=NO_ADDRESS,
            ) from error
        raise
    if seen.facts.state == "running":
        raise NodeError(
            f"console {console.name}: the node is configured already",
            hint="edgectl apply-config -n ADDRESS changes it; edgectl reset takes it back",
        )
    return seen.facts


async def find_address(addresses: Sequence[str]) -> str:
    """Return the first of a node's addresses at which it answers from here.

    Raises:
        NodeError: when it answers at none.
    """
    for address in addresses:
        if await is_listening(address):
            return address
    raise NodeError(
        f"the node says that it is at {', '.join(addresses)}, but does not answer there",
        hint="connect this machine to the same network",
    )
