# SPDX-License-Identifier: Apache-2.0
"""What `reboot`, `shutdown` and `reset` share: naming the nodes, asking, waiting for the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from edge.cli.confirm import confirm
from edge.cli.nodes import Access, choose_access, on_nodes
from edge.cli.values import DURATION
from edge.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from edge.client.client import NodeClient

    Action = Callable[[NodeClient], Awaitable[str]]

DEADLINE = "10m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How a command waits: not at all, or so long, telling phases or every task."""

    wait: bool
    deadline_s: float
    debug: bool


def ending_options(command: Any) -> Any:
    """Add `--wait`, `--timeout`, `--debug` and `--yes` to a command that ends a node's boot."""
    wait = click.option(
        "--wait/--no-wait", default=True, show_default=True, help="Wait until it is done."
    )
    timeout = click.option(
        "--timeout",
        "deadline_s",
        type=DURATION,
        default=DEADLINE,
        show_default=True,
        metavar="TIME",
        help="Longest wait.",
    )
    debug = click.option("--debug", is_flag=True, help="Tell every task, not phases alone.")
    yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
    return wait(timeout(debug(yes(command))))


def drain_options(command: Any) -> Any:
    """Add what talosctl takes about draining Kubernetes, of which there is none to drain yet."""
    drain = click.option(
        "--drain/--no-drain",
        default=False,
        expose_value=False,
        callback=_note_drain,
        help="Taken: there is no Kubernetes to drain yet.",
    )
    timeout = click.option(
        "--drain-timeout", type=DURATION, expose_value=False, metavar="TIME", help="As --drain."
    )
    progress = click.option(
        "--progress",
        type=click.Choice(("auto", "plain")),
        expose_value=False,
        help="Taken: progress is plain lines.",
    )
    return drain(timeout(progress(command)))


def _note_drain(_ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        click.echo("note: nothing is drained, for edgectl does not do that yet", err=True)


def choose_and_ask(
    verb: str,
    *,
    loss: Sequence[str] = (),
    yes: bool,
    insecure: bool = False,
    pins: Sequence[str] = (),
) -> Access:
    """Return the nodes that the command line names, once the user agreed to lose them.

    Raises:
        click.Abort: when he did not.
    """
    access = choose_access(insecure=insecure, pins=pins, named_only=True)
    if not yes:
        click.echo(f"about to {verb}: {access.spelled}", err=True)
        for line in loss:
            click.echo(f"  {line}", err=True)
        confirm("go on?", yes=False)
    return access


def end_nodes(access: Access, action: Action, *, comes_back: bool, waiting: Waiting) -> None:
    """Run `action` on every node and, if wanted, wait until it is back and ready, or gone."""

    async def end(node: str) -> None:
        if waiting.wait or waiting.debug:
            await _end_and_wait(access, node, action, comes_back=comes_back, waiting=waiting)
            return
        async with access.open(node) as client:
            await action(client)
        click.echo(f"{access.label(node)}: asked", err=True)

    on_nodes(access.nodes, end, deadline_s=None).finish()


async def _end_and_wait(
    access: Access, node: str, action: Action, *, comes_back: bool, waiting: Waiting
) -> None:
    from edge.provision.restart import Through, read_boot_id, wait_gone, wait_restarted
    from edge.provision.sequence import run_sequence, wait_settled

    limit_s, name = waiting.deadline_s, access.label(node)
    async with access.open(node) as client:
        before = await read_boot_id(client) if comes_back else ""
        await run_sequence(
            client,
            action,
            lambda text: click.echo(f"{name}: {text}", err=True),
            deadline_s=limit_s,
            every_task=waiting.debug,
        )
    if comes_back:
        ways = (lambda: access.open(node), lambda: _open_unconfigured(node))
        seconds = await wait_restarted(node, before, ways, deadline_s=limit_s)
        stage = await wait_settled(node, ways, deadline_s=max(1.0, limit_s - seconds))
        click.echo(f"{name}: back after {format_duration(seconds)}, {stage}", err=True)
    else:
        endpoint = await access.endpoint_of(node)
        through = Through(endpoint, lambda: access.open(node)) if endpoint else None
        seconds = await wait_gone(node, through, deadline_s=limit_s)
        click.echo(f"{name}: gone after {format_duration(seconds)}", err=True)


def _open_unconfigured(node: str) -> AbstractAsyncContextManager[NodeClient]:
    from edge.client.client import connect
    from edge.client.trust import Blind

    # Only boot identity and stage are read this way: nothing that a stranger must not learn is
    # sent.
    return connect(node, Blind())
