# SPDX-License-Identifier: Apache-2.0
"""`edgectl apply-config`: check a machine configuration here, then send it to nodes."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.confirm import confirm
from edge.cli.nodes import Access, choose_access, contact_node, on_clients, on_nodes
from edge.cli.options import NodeCommand, insecure_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from edge.client.client import NodeClient
    from edge.client.model import Applied

_MODES = ("auto", "no-reboot", "reboot", "staged", "try")
_DEADLINE_S = 150.0


@click.command(cls=NodeCommand)
@click.argument("argument", metavar="[FILE]", required=False)
@click.option("-f", "--file", "option", metavar="FILE", help="The configuration; - is stdin.")
@click.option(
    "-p",
    "--config-patch",
    "patches",
    multiple=True,
    metavar="PATCH",
    help="Patch to apply first: @FILE or text. Repeatable.",
)
@click.option(
    "-m",
    "--mode",
    type=click.Choice(_MODES),
    default="auto",
    show_default=True,
    help="How it takes effect.",
)
@click.option(
    "--timeout",
    "try_timeout",
    default="1m",
    show_default=True,
    metavar="DURATION",
    help="With --mode try: go back after this time.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask about unproven nodes.")
@insecure_options
def command(
    *,
    argument: str | None,
    option: str | None,
    patches: tuple[str, ...],
    mode: str,
    try_timeout: str,
    dry_run: bool,
    yes: bool,
    insecure: bool,
    pins: tuple[str, ...],
) -> None:
    """Send the machine configuration FILE to the nodes named with -n.

    With --insecure it is the first configuration of a node in maintenance mode. A node that
    boots from a card flashed here is recognised; any other should be given a --cert-fingerprint.
    """
    text, warnings = _read(_one_file(argument, option), patches)
    seconds = _seconds(try_timeout)
    access = choose_access(insecure=insecure, pins=pins, named_only=True)
    if insecure:
        action = _configuring(access, text, mode, dry_run=dry_run, yes=yes)
        # No deadline over all: somebody may be thinking about a question.
        results = on_nodes(access.nodes, action, deadline_s=None)
    else:
        applying = _applying(text, mode, dry_run=dry_run, try_timeout_s=seconds)
        results = on_clients(access, applying, deadline_s=_DEADLINE_S)
    if results.found:
        # After the answer: it must not bury the reason of a failure.
        for warning in warnings:
            click.echo(f"warning: {warning}", err=True)
    for node, applied in results.found:
        _report(node, applied, known=warnings, dry_run=dry_run)
    if insecure and results.found and not dry_run:
        click.echo(f"next: edgectl services -n {results.found[0][0]}", err=True)
    results.finish()


def _one_file(argument: str | None, option: str | None) -> str:
    if bool(argument) == bool(option):
        raise click.UsageError("name one configuration: -f FILE")
    return argument or option or ""


def _read(file: str, patches: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the configuration with its patches applied, and the warnings about it."""
    from edge.config.file import read_text
    from edge.config.patch import patch_config, read_patch
    from edge.config.validate import load_valid

    source = "stdin" if file == "-" else file
    text = sys.stdin.read() if file == "-" else read_text(Path(file))
    if patches:
        text = patch_config(text, [read_patch(each) for each in patches], source=source)
    _, warnings = load_valid(text, source=source)
    return text, warnings


def _seconds(duration: str) -> float:
    from edge.units import parse_duration

    try:
        return parse_duration(duration)
    except ValueError as error:
        raise click.BadParameter(f"{error}; write 90s or 1m30s", param_hint="--timeout") from error


def _configuring(
    access: Access, text: str, mode: str, *, dry_run: bool, yes: bool
) -> "Callable[[str], Awaitable[Applied]]":
    async def configure_node(node: str) -> "Applied":
        from edge.client.model import ApplyMode
        from edge.provision.contact import configure, wait_configured

        contact = await contact_node(node, access.pins)
        is_stranger = contact.card is None and not access.pins
        if is_stranger and not dry_run and sys.stdin.isatty():
            confirm(f"send the cluster's secrets to {node} all the same?", yes=yes)
        applied = await configure(contact, text, mode=ApplyMode(mode), dry_run=dry_run)
        if not dry_run and not await wait_configured(contact):
            click.echo(f"{node}: no longer answers here; edgectl discover finds it", err=True)
        return applied

    return configure_node


def _applying(
    text: str, mode: str, *, dry_run: bool, try_timeout_s: float
) -> "Callable[[NodeClient], Awaitable[Applied]]":
    async def apply(client: "NodeClient") -> "Applied":
        from edge.client.model import ApplyMode

        return await client.apply(
            text, mode=ApplyMode(mode), dry_run=dry_run, try_timeout_s=try_timeout_s
        )

    return apply


def _report(node: str, applied: "Applied", *, known: tuple[str, ...], dry_run: bool) -> None:
    for warning in applied.warnings:
        if warning not in known:
            click.echo(f"warning: {node}: {warning}", err=True)
    if dry_run:
        click.echo(f"{node}: {applied.details.rstrip()}")
    else:
        click.echo(f"{node}: {applied.details}", err=True)
