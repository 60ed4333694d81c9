# SPDX-License-Identifier: Apache-2.0
"""`edgectl config new`: another client configuration, issued by a control plane."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.nodes import Access, choose_access, load_context, on_clients
from edge.cli.options import NodeCommand, given_targets
from edge.cli.single import only_node
from edge.cli.values import DURATION
from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.client.client import NodeClient
    from edge.client.identity import Issued


@click.command(cls=NodeCommand)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), default="talosconfig")
@click.option(
    "--roles",
    multiple=True,
    default=("os:admin",),
    show_default=True,
    help="Roles that it grants, separated by commas. Repeatable.",
)
@click.option(
    "--crt-ttl",
    "lifetime_s",
    type=DURATION,
    default="8760h",
    show_default=True,
    help="How long its certificate is good for.",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite PATH if it exists.")
def new(path: Path, *, roles: tuple[str, ...], lifetime_s: float, force: bool) -> None:
    """Write a new client configuration to PATH.

    A control plane issues the certificate in it; that needs an administrator's context.
    """
    from datetime import timedelta

    from edge.config.talosconfig import change_talosconfig, parse_talosconfig

    if path.exists() and not force:
        raise ConfigError(f"{path} already exists", hint="--force overwrites it")
    wanted = _known([part.strip() for text in roles for part in text.split(",") if part.strip()])

    async def issue(client: "NodeClient") -> "Issued":
        return await client.issue_client(wanted, lifetime=timedelta(seconds=lifetime_s))

    results = on_clients(_one_control_plane(), issue)
    ((_, issued),) = results.found
    config = parse_talosconfig(issued.talosconfig, source="the node's answer")
    used = load_context(given_targets())
    # Immediately useful: through the same nodes as the one that asked for it.
    context = replace(config.context(), endpoints=used.endpoints, nodes=used.nodes)
    change_talosconfig(config.with_context(config.current, context), path)
    click.echo(f"wrote {path}: context {config.current}, roles {', '.join(wanted)}", err=True)


def _known(names: list[str]) -> list[str]:
    from edge.pki.role import Role

    known = [str(role) for role in Role]
    if unknown := [name for name in names if name not in known]:
        raise click.BadParameter(
            f"{', '.join(unknown)}: choose from {', '.join(known)}", param_hint="--roles"
        )
    return list(dict.fromkeys(names))


def _one_control_plane() -> Access:
    """Return how to reach the node that was named, or else the first endpoint."""
    access = choose_access()
    if given_targets().nodes:
        return only_node(access, "config new")
    # The nodes of a context are for reading from; its endpoints are control planes.
    endpoints = access.endpoints or load_context(given_targets()).endpoints or access.nodes
    return replace(access, nodes=endpoints[:1])
