# SPDX-License-Identifier: Apache-2.0
"""`edgectl apply-config`: check a machine configuration here, then send it to nodes."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.apply import (
    DEADLINE_S,
    Change,
    Manner,
    manner_options,
    patch_node,
    patch_option,
    report,
    send,
    warn,
)
from edge.cli.confirm import confirm
from edge.cli.console import Line, Printer, choose_line, console_options
from edge.cli.nodes import Access, Results, choose_access, contact_node, on_clients, on_nodes
from edge.cli.options import NodeCommand, given_targets, insecure_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from edge.client.client import NodeClient
    from edge.client.model import Applied
    from edge.provision.console import Facts
    from edge.provision.contact import Contact


@click.command(cls=NodeCommand)
@click.argument("argument", metavar="[FILE]", required=False)
@click.option("-f", "--file", "option", metavar="FILE", help="The configuration; - is stdin.")
@patch_option
@manner_options
@click.option("-y", "--yes", is_flag=True, help="Do not ask about unproven nodes.")
@insecure_options
@console_options
def command(
    *,
    argument: str | None,
    option: str | None,
    patches: tuple[str, ...],
    mode: str,
    try_timeout_s: float,
    dry_run: bool,
    yes: bool,
    insecure: bool,
    pins: tuple[str, ...],
    console: str | None,
    board: str | None,
    baud: int | None,
    wait_s: float,
) -> None:
    """Send the machine configuration FILE to the nodes named with -n.

    With --insecure it is the first configuration of a node in maintenance mode. A node that
    boots from a card flashed here is recognised; any other needs a --cert-fingerprint or a yes.
    With patches and without FILE every node keeps its own configuration, patched.

    With --from-console the node is the one behind a serial console: its address and fingerprint
    are read there once it is in maintenance, and nothing is looked for on the network.
    """
    by_console = console is not None
    if by_console and given_targets().nodes:
        raise click.UsageError("-n and --from-console do not go together")
    manner = Manner(mode=mode, try_timeout_s=try_timeout_s, dry_run=dry_run)
    file = _one_file(argument, option, may_miss=bool(patches) and not (insecure or by_console))
    if file is None:
        _patch_all(patches, manner)
        return
    text, warnings = _read(file, patches)
    if by_console:
        line = choose_line(console or None, board, baud)
        access = _meet(line, wait_s=wait_s, pins=pins)
        insecure = True
    else:
        access = choose_access(insecure=insecure, pins=pins, named_only=True)
    results: Results[Applied]
    if insecure:
        action = _configuring(access, text, manner, yes=yes)
        # No deadline over all: somebody may be thinking about a question.
        results = on_nodes(access.nodes, action, deadline_s=None)
    else:
        results = on_clients(access, _sending(text, manner), deadline_s=DEADLINE_S)
    if results.found:
        # After the answer: it must not bury the reason of a failure.
        warn(warnings)
    for node, applied in results.found:
        report(node, applied, known=warnings, dry_run=dry_run)
    if insecure and results.found and not dry_run:
        click.echo(f"next: edgectl services -n {results.found[0][0]}", err=True)
    results.finish()


def _meet(line: Line, *, wait_s: float, pins: tuple[str, ...]) -> Access:
    """Wait for the node behind a console and return how to reach it, pinned to its fingerprint."""
    import asyncio

    from edge.cli.output import inert
    from edge.errors import TrustError
    from edge.provision.console import StageDetector, open_console
    from edge.provision.console.meet import find_address, meet_node

    with open_console(line.name, line.baud) as console:
        click.echo(f"waiting for maintenance on {console.name}; ctrl-C ends it", err=True)
        detector = StageDetector(line.family)
        printer = Printer(output="text", stages=False, expects=True, shows_console=False)
        facts = meet_node(
            console,
            printer,
            timeout_s=wait_s,
            detector=detector,
            connect=line.connect,
            # With pins nothing is believed that the console says: they are what counts.
            is_proven=lambda facts: bool(pins) or _is_flashed_here(facts, line.name),
        )
    if pins and facts.fingerprint not in pins:
        raise TrustError(
            f"console {line.name}: this is another node, with fingerprint {facts.fingerprint}",
            hint="check which board the adapter is connected to",
        )
    address = asyncio.run(find_address(facts.addresses, facts.fingerprint))
    whose = f"card {facts.card}" if facts.card else "no card of ours"
    text = f"sending to {address} if its key has the fingerprint {facts.fingerprint} ({whose})"
    click.echo(inert(text), err=True)
    return Access(nodes=(address,), pins=(facts.fingerprint,))


def _is_flashed_here(facts: "Facts", console: str) -> bool:
    """Say whether the key is that of a card flashed here; a known card with another is refused."""
    from edge.errors import TrustError
    from flasher.record import card_records

    records = card_records()
    if records.find_by_fingerprint(facts.fingerprint):
        return True
    card = records.find_by_enrolment(facts.card) if facts.card else None
    if card and card.attempt.fingerprint:
        raise TrustError(
            f"console {console}: card {facts.card} was flashed here with fingerprint"
            f" {card.attempt.fingerprint}, but {facts.fingerprint} is named",
            hint="something else writes to this console, or the card's key is new: look, then name"
            " the key that is right with --cert-fingerprint",
        )
    return False


def _one_file(argument: str | None, option: str | None, *, may_miss: bool) -> str | None:
    if may_miss and not argument and not option:
        return None
    if bool(argument) == bool(option):
        raise click.UsageError("name one configuration: -f FILE")
    return argument or option


def _patch_all(patches: tuple[str, ...], manner: Manner) -> None:
    from edge.config.patch import read_patch

    read = [read_patch(each) for each in patches]
    access = choose_access(named_only=True)

    async def patch(client: "NodeClient") -> Change:
        return await patch_node(client, read, manner)

    results = on_clients(access, patch, deadline_s=DEADLINE_S)
    warn(dict.fromkeys(each for _, change in results.found for each in change.warnings))
    for node, change in results.found:
        report(node, change.applied, known=change.warnings, dry_run=manner.dry_run)
    results.finish()


def _read(file: str, patches: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the configuration with its patches applied, and the warnings about it."""
    from edge.config.patch import patch_config, read_patch
    from edge.config.validate import load_valid
    from edge.text import name_given, read_given

    source = name_given(Path(file))
    text = read_given(Path(file))
    if patches:
        text = patch_config(text, [read_patch(each) for each in patches], source=source)
    _, warnings = load_valid(text, source=source)
    return text, warnings


def _configuring(
    access: Access, text: str, manner: Manner, *, yes: bool
) -> "Callable[[str], Awaitable[Applied]]":
    async def configure_node(node: str) -> "Applied":
        from edge.client.model import ApplyMode
        from edge.provision.contact import configure, wait_configured

        contact = await contact_node(node, access.pins)
        if contact.card is None and not access.pins:
            # A dry run, too, sends all of it.
            _ask_to_trust(contact, yes=yes)
        mode = ApplyMode(manner.mode)
        applied = await configure(contact, text, mode=mode, dry_run=manner.dry_run)
        if not manner.dry_run and not await wait_configured(contact):
            click.echo(f"{node}: no longer answers here; edgectl discover finds it", err=True)
        return applied

    return configure_node


def _ask_to_trust(contact: "Contact", *, yes: bool) -> None:
    from edge.errors import TrustError

    if not yes and not sys.stdin.isatty():
        raise TrustError(
            f"nobody proved who {contact.node} is, so it was not sent the cluster's secrets",
            hint=f"compare with its console, then add --cert-fingerprint '{contact.fingerprint}';"
            " -y sends them blindly",
        )
    confirm(f"send the cluster's secrets to {contact.node} all the same?", yes=yes)


def _sending(text: str, manner: Manner) -> "Callable[[NodeClient], Awaitable[Applied]]":
    async def apply(client: "NodeClient") -> "Applied":
        return await send(client, text, manner)

    return apply
