# SPDX-License-Identifier: Apache-2.0
"""Is a cluster well? Checks of all its nodes, one after the other, each until it passes.

They run on a control-plane node for `edgectl health`, and here with `--server=false`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from time import monotonic

from edge.client.client import NodeClient
from edge.errors import EdgeError, NodeError, TrustError
from edge.units import format_duration

POLL_S = 1.0
ATTEMPT_S = 10.0
MOST_AT_ONCE = 64
"""Nodes that are asked at the same time."""
_SETTLED = ("Running", "Finished", "Skipped")
_SHOWN = 3

Opener = Callable[[], AbstractAsyncContextManager[NodeClient]]


class _NotApplicableError(Exception):
    """There is nothing to check on this node."""


@dataclass(frozen=True, slots=True)
class _Check:
    """What is waited for, and a question to one node whose answer is what is wrong there."""

    name: str
    ask: Callable[[NodeClient, frozenset[str]], Awaitable[str]]


async def check_cluster(
    openers: Mapping[str, Opener], *, wait_s: float, poll_s: float = POLL_S
) -> AsyncIterator[str]:
    """Check the nodes; yield a line for every change until all is well.

    Raises:
        NodeError: when something is still wrong after `wait_s`.
    """
    deadline = monotonic() + wait_s
    yield f"discovered nodes: [{' '.join(sorted(openers))}]"
    for check in _CHECKS:
        said = ""
        while (verdict := await _judge(check, openers)) not in ("OK", "SKIP"):
            if verdict != said:
                said = verdict
                yield f"waiting for {check.name}: {verdict}"
            if monotonic() + poll_s > deadline:
                waited = format_duration(wait_s)
                raise NodeError(f"{check.name}: {verdict} (waited {waited})")
            await asyncio.sleep(poll_s)
        yield f"waiting for {check.name}: {verdict}"


async def _judge(check: _Check, openers: Mapping[str, Opener]) -> str:
    """Return OK, SKIP, or what is wrong where."""
    nodes, slots = frozenset(openers), asyncio.Semaphore(MOST_AT_ONCE)

    async def ask(node: str) -> str | None:
        try:
            async with slots, asyncio.timeout(ATTEMPT_S), openers[node]() as client:
                wrong = await check.ask(client, nodes)
        except _NotApplicableError:
            return None
        except TimeoutError:
            wrong = "does not answer"
        except EdgeError as error:
            wrong = error.message
        # Errors of calls begin with the node, in one of two ways.
        said = wrong.removeprefix(f"{node}: ").removeprefix(f"{node} ")
        return f"{node}: {said}" if wrong else ""

    answers = await asyncio.gather(*map(ask, sorted(nodes)))
    if None in answers:
        return "SKIP"
    wrong = [each for each in answers if each]
    more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return "; ".join(wrong[:_SHOWN]) + more if wrong else "OK"


async def _reachable(client: NodeClient, _nodes: frozenset[str]) -> str:
    await client.version()
    return ""


async def _booted(client: NodeClient, _nodes: frozenset[str]) -> str:
    spec = (await client.resource("MachineStatuses.runtime.talos.dev", "runtime", "machine")).spec
    if spec["stage"] != "running":
        return f"is {spec['stage']}"
    unmet = (spec.get("status") or {}).get("unmetConditions") or ()
    return ", ".join(f"{each['name']}: {each['reason']}" for each in unmet)


async def _in_time(client: NodeClient, _nodes: frozenset[str]) -> str:
    spec = (await client.resource("TimeStatuses.v1alpha1.talos.dev", "runtime", "node")).spec
    return "" if spec["synced"] else "no time server has confirmed its clock"


async def _served(client: NodeClient, _nodes: frozenset[str]) -> str:
    return ", ".join(
        f"{each.id} is {each.state}{': ' + each.message if each.message else ''}"
        for each in await client.services()
        if each.healthy is False or each.state not in _SETTLED
    )


async def _known(client: NodeClient, nodes: frozenset[str]) -> str:
    try:
        members = await client.resources("Members.cluster.talos.dev", "cluster")
    except TrustError:
        raise _NotApplicableError from None
    names = [{str(each.spec.get("hostname", "")), *_addresses(each.spec)} for each in members]
    if len(members) < 2:
        # Whoever discovers nobody but itself does not take part in discovery.
        raise _NotApplicableError
    missing = sorted(node for node in nodes if not any(node in known for known in names))
    return f"has not discovered {', '.join(missing)}" if missing else ""


async def _undiagnosed(client: NodeClient, _nodes: frozenset[str]) -> str:
    try:
        found = await client.resources("Diagnostics.runtime.talos.dev", "runtime")
    except TrustError:
        raise _NotApplicableError from None
    return ", ".join(str((each.spec or {}).get("message", each.id)) for each in found)


def _addresses(spec: Mapping[str, object]) -> list[str]:
    given = spec.get("addresses") or ()
    return [str(each).partition("/")[0] for each in given] if isinstance(given, list) else []


_CHECKS = (
    _Check("all nodes to be reachable", _reachable),
    _Check("all nodes to finish boot sequence", _booted),
    _Check("all nodes to have the right time", _in_time),
    _Check("all services to be healthy", _served),
    _Check("all nodes to discover each other", _known),
    _Check("no diagnostics", _undiagnosed),
)
