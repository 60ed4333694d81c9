# SPDX-License-Identifier: Apache-2.0
"""`edgectl edit`: change the machine configuration of nodes in an editor."""

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import click

from edge.cli.apply import (
    DEADLINE_S,
    Manner,
    check_kind,
    fetch,
    manner_options,
    report,
    send,
    warn,
)
from edge.cli.draft import Draft
from edge.cli.nodes import Access, choose_access, on_clients
from edge.cli.options import NodeCommand
from edge.errors import ConfigError, EdgeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from edge.client.client import NodeClient
    from edge.client.model import Applied

_T = TypeVar("_T")


@click.command(cls=NodeCommand)
@click.argument("kind")
@click.argument("resource_id", metavar="[ID]", required=False)
@manner_options
def command(
    *, kind: str, resource_id: str | None, mode: str, try_timeout_s: float, dry_run: bool
) -> None:
    """Edit the machine configuration (KIND is mc) of the nodes named with -n, one by one.

    The editor is $EDITOR. It opens again with what is wrong as comments until the node takes
    the configuration; saving it as it was, or empty, ends it without sending anything.
    """
    check_kind(kind, resource_id)
    manner = Manner(mode=mode, try_timeout_s=try_timeout_s, dry_run=dry_run)
    access = choose_access(named_only=True)
    for node in access.nodes:
        _edit(replace(access, nodes=(node,)), manner)


def _edit(access: Access, manner: Manner) -> None:
    (node,) = access.nodes
    before = _on_node(access, fetch)
    draft = Draft(before, f"machineconfig-{node}", heading=_heading(node), aid=_aid(before))
    try:
        applied, known = _until_taken(access, draft, before, manner)
    except (EdgeError, click.Abort, KeyboardInterrupt):
        click.echo(f"what you wrote is in {draft.path}", err=True)
        raise
    warn(known)
    report(node, applied, known=known, dry_run=manner.dry_run)
    if applied and manner.dry_run:
        click.echo(f"what you wrote is in {draft.path}", err=True)
    else:
        draft.discard()


def _until_taken(
    access: Access, draft: Draft, before: str, manner: Manner
) -> "tuple[Applied | None, tuple[str, ...]]":
    """Edit until the node takes it; nothing is sent that is as it was."""
    (node,) = access.nodes
    refused = ""
    faults: tuple[str, ...] = ()
    while True:
        text = draft.edit()
        if text.strip() in ("", before.strip()):
            return None, ()
        if text == refused:
            raise ConfigError(
                f"the configuration for {node} is as wrong as before; it was not sent",
                faults=faults,
            )
        refused = text
        try:
            return _check_and_send(access, draft, manner)
        except ConfigError as error:
            faults = error.faults or (error.message,)
            draft.remark((error.message, *(f"  {fault}" for fault in error.faults)))


def _check_and_send(
    access: Access, draft: Draft, manner: Manner
) -> "tuple[Applied, tuple[str, ...]]":
    from edge.config.validate import load_valid

    async def send_text(client: "NodeClient") -> "Applied":
        return await send(client, draft.text, manner)

    try:
        _, warnings = load_valid(draft.text, source=draft.path.name)
    except ConfigError as error:
        # Once more, for the lines that the faults will be in below the remarks about them.
        load_valid(draft.place(1 + len(error.faults)), source=draft.path.name)
        raise
    return _on_node(access, send_text), warnings


def _on_node(access: Access, action: "Callable[[NodeClient], Awaitable[_T]]") -> _T:
    results = on_clients(access, action, deadline_s=DEADLINE_S)
    return results.found[0][1]


def _aid(text: str) -> str:
    """Return the comment that brings editors the schema, unless the text has one."""
    from edge.config.schema import modeline

    mine = modeline()
    return "" if text.startswith(mine.partition("$")[0]) else mine


def _heading(node: str) -> tuple[str, ...]:
    return (
        f"this is the machine configuration of {node}",
        "lines that begin as this one are taken out; an unchanged or empty file sends nothing",
    )
