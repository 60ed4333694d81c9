# SPDX-License-Identifier: Apache-2.0
"""What the commands that change a node's configuration share: options, fetching, sending."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edge.client.client import NodeClient
    from edge.client.model import Applied
    from edge.config.patch import Patch

MODES = ("auto", "no-reboot", "reboot", "staged", "try")
DEADLINE_S = 150.0
KINDS = ("machineconfig", "mc", "mcs", "machineconfigs", "machineconfigs.config.talos.dev")
_TYPE, _NAMESPACE, _ACTIVE, _PERSISTENT = (
    "MachineConfigs.config.talos.dev",
    "config",
    "v1alpha1",
    "persistent",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a configuration is to take effect."""

    mode: str
    try_timeout_s: float
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was sent to a node and what it did with it; nothing when nothing was to be sent."""

    applied: Applied | None
    warnings: tuple[str, ...] = ()


def manner_options(command: Any) -> Any:
    """Add `--mode`, `--timeout` and `--dry-run` to a command."""
    mode = click.option(
        "-m",
        "--mode",
        type=click.Choice(MODES),
        default="auto",
        show_default=True,
        help="How it takes effect.",
    )
    timeout = click.option(
        "--timeout",
        "try_timeout_s",
        default="1m",
        show_default=True,
        metavar="DURATION",
        callback=_seconds,
        help="With --mode try: go back after this time.",
    )
    dry_run = click.option("--dry-run", is_flag=True, help="Only show what would change.")
    return mode(timeout(dry_run(command)))


def patch_option(command: Any) -> Any:
    """Add `-p/--config-patch` to a command."""
    return click.option(
        "-p",
        "--config-patch",
        "patches",
        multiple=True,
        metavar="PATCH",
        help="Patch to apply first: @FILE or text. Repeatable.",
    )(command)


def check_kind(kind: str, resource_id: str | None) -> None:
    """Refuse to change any resource but the machine configuration.

    Raises:
        click.UsageError: when it is another one.
    """
    if kind.lower() not in KINDS or resource_id not in (None, _ACTIVE):
        raise click.UsageError("only machineconfig (mc) can be changed")


async def fetch(client: NodeClient) -> str:
    """Return the configuration that a node runs; say so when it keeps another one.

    Raises:
        NodeError: when it has none yet.
    """
    active = await _read(client, _ACTIVE)
    if _says(await _read(client, _PERSISTENT)) != _says(active):
        click.echo(
            f"note: {client.node} keeps another configuration than the one it runs (staged, or one"
            " is being tried); this starts from the one it runs",
            err=True,
        )
    return active


async def patch_node(client: NodeClient, patches: Sequence[Patch], manner: Manner) -> Change:
    """Patch the configuration that a node runs and send it back, unless nothing changes."""
    from edge.config.patch import patch_config
    from edge.config.validate import load_valid

    before = await fetch(client)
    after = patch_config(before, patches, source=f"the configuration of {client.node}")
    _, warnings = load_valid(after, source=f"the patched configuration of {client.node}")
    if _says(before) == _says(after):
        return Change(applied=None)
    return Change(applied=await send(client, after, manner), warnings=warnings)


async def send(client: NodeClient, text: str, manner: Manner) -> Applied:
    """Send a configuration to a node."""
    from edge.client.model import ApplyMode

    return await client.apply(
        text,
        mode=ApplyMode(manner.mode),
        dry_run=manner.dry_run,
        try_timeout_s=manner.try_timeout_s,
    )


def warn(warnings: Iterable[str]) -> None:
    """Print warnings about a configuration."""
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


def report(node: str, applied: Applied | None, *, known: Sequence[str], dry_run: bool) -> None:
    """Say what a node did; a difference is data, everything else narration."""
    if applied is None:
        click.echo(f"{node}: nothing to change", err=True)
        return
    for warning in applied.warnings:
        if warning not in known:
            click.echo(f"warning: {node}: {warning}", err=True)
    if dry_run:
        click.echo(f"{node}: {applied.details.rstrip()}")
    else:
        click.echo(f"{node}: {applied.details}", err=True)


async def _read(client: NodeClient, resource_id: str) -> str:
    from edge.errors import NodeError

    spec = (await client.resource(_TYPE, _NAMESPACE, resource_id)).spec
    if not isinstance(spec, str):
        raise NodeError(f"{client.node} shows its configuration in a form that is not known here")
    return spec


def _says(text: str) -> list[Any]:
    """Return what a configuration says, without its comments and its layout."""
    from edge.config.stream import parse_stream

    return [raw.value for raw in parse_stream(text, source="the node's configuration")]


def _seconds(_ctx: click.Context, _option: click.Parameter, duration: str) -> float:
    from edge.units import parse_duration

    try:
        return parse_duration(duration)
    except ValueError as error:
        raise click.BadParameter(f"{error}; write 90s or 1m30s") from error
