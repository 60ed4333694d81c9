# SPDX-License-Identifier: Apache-2.0
"""`edgectl etcd`: the database of Kubernetes, as its members are told to look after it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.confirm import confirm
from edge.cli.ending import choose_and_ask
from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand
from edge.cli.output import output_option
from edge.cli.rows import show_rows
from edge.cli.single import only_node
from edge.units import format_size

if TYPE_CHECKING:
    from edge.client.client import NodeClient
    from edge.client.report import EtcdMember

_SLOW_S = 120.0
_STATUS = ("member_id", "db_size", "in_use", "leader", "raft_index", "raft_term", "errors")


@click.group()
def command() -> None:
    """Look after etcd, the database of Kubernetes."""


@command.command(cls=NodeCommand)
@output_option()
def members(*, output: str) -> None:
    """List the members as each node knows them."""

    async def read(client: NodeClient) -> list[EtcdMember]:
        return await client.etcd_members()

    columns = ("id", "hostname", "peer_urls", "client_urls", "is_learner")
    show_rows(choose_access(), read, columns=columns, output=output)


@command.command(cls=NodeCommand)
@output_option()
def status(*, output: str) -> None:
    """Show how the members of nodes are."""

    async def read(client: NodeClient) -> list[dict[str, Any]]:
        return [await client.etcd_status()]

    def shown(row: Any) -> dict[str, str]:
        in_use = format_size(row["db_size_in_use"])
        return {"db_size": format_size(row["db_size"]), "in_use": in_use}

    show_rows(choose_access(), read, columns=_STATUS, output=output, shown=shown)


@command.command(cls=NodeCommand)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def leave(*, yes: bool) -> None:
    """Take the nodes named with -n out of etcd; their copy of the data is destroyed."""
    loss = ("their copy of the data is destroyed", "etcd needs the majority of its members")
    access = choose_and_ask("take out of etcd", loss=loss, yes=yes)

    async def go(client: NodeClient) -> None:
        await client.etcd_leave()

    on_clients(access, go, deadline_s=_SLOW_S).finish()


@command.command("forfeit-leadership", cls=NodeCommand)
def forfeit_leadership() -> None:
    """Have the member of a node give leadership to another."""

    async def forfeit(client: NodeClient) -> None:
        led = await client.etcd_forfeit()
        said = f"leadership went to {led}" if led else "did not lead"
        click.echo(f"{client.node}: {said}", err=True)

    on_clients(choose_access(named_only=True), forfeit).finish()


@command.command("remove-member", cls=NodeCommand)
@click.argument("member", required=False, metavar="ID")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def remove_member(*, member: str | None, yes: bool) -> None:
    """Remove the member ID (as `edgectl etcd members` shows it), whose node is gone for good."""
    if member is None:
        raise click.UsageError("name the member by its ID; edgectl etcd members shows them")
    number = _member_id(member)
    access = only_node(choose_access(named_only=True), "remove-member")
    click.echo(
        f"about to remove the member {number:016x} of etcd, by way of {access.spelled}", err=True
    )
    confirm("go on?", yes=yes)

    async def remove(client: NodeClient) -> None:
        await client.etcd_remove(number)

    on_clients(access, remove, deadline_s=_SLOW_S).finish()


@command.command(cls=NodeCommand)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("-f", "--force", is_flag=True, help="Overwrite FILE.")
def snapshot(*, file: Path, force: bool) -> None:
    """Save etcd's data from one node to FILE, and see that it arrived whole."""
    from edge.provision.snapshot import save_snapshot

    access = only_node(choose_access(), "snapshot")

    async def save(client: NodeClient) -> None:
        size = await save_snapshot(client.etcd_snapshot(), file, overwrite=force)
        click.echo(f"{file}: {format_size(size)}, whole", err=True)

    on_clients(access, save, deadline_s=None).finish()


@command.command(cls=NodeCommand)
def defrag() -> None:
    """Have the members of nodes give unused space back; each is slow meanwhile."""

    async def defragment(client: NodeClient) -> None:
        await client.etcd_defragment()

    on_clients(choose_access(named_only=True), defragment, deadline_s=_SLOW_S).finish()


@command.group()
def alarm() -> None:
    """Show and disarm alarms."""


@alarm.command("list", cls=NodeCommand)
@output_option()
def alarm_list(*, output: str) -> None:
    """List the alarms that are raised."""
    _alarms(output, disarm=False)


@alarm.command("disarm", cls=NodeCommand)
@output_option()
def alarm_disarm(*, output: str) -> None:
    """Disarm all alarms; list those that were raised."""
    _alarms(output, disarm=True)


@command.group()
def downgrade() -> None:
    """Prepare etcd for an older version, such as 3.5."""


@downgrade.command(cls=NodeCommand)
@click.argument("version")
def validate(*, version: str) -> None:
    """Say whether VERSION can follow."""
    _downgrade("validate", version)


@downgrade.command(cls=NodeCommand)
@click.argument("version")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def enable(*, version: str, yes: bool) -> None:
    """Make the data such that VERSION can read it."""
    _downgrade("enable", version, yes=yes)


@downgrade.command(cls=NodeCommand)
def cancel() -> None:
    """Stop preparing."""
    _downgrade("cancel", "")


def _member_id(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no hexadecimal number", param_hint="ID") from None


def _alarms(output: str, *, disarm: bool) -> None:
    async def read(client: NodeClient) -> list[dict[str, Any]]:
        return await client.etcd_alarms(disarm=disarm)

    show_rows(choose_access(named_only=disarm), read, columns=("member", "alarm"), output=output)


def _downgrade(action: str, version: str, *, yes: bool = True) -> None:
    access = only_node(choose_access(named_only=action != "validate"), "downgrade")
    if not yes:
        click.echo(f"about to make etcd's data fit version {version}", err=True)
    confirm("go on?", yes=yes)

    async def call(client: NodeClient) -> None:
        cluster = await client.etcd_downgrade(action, version)
        click.echo(f"{client.node}: the cluster has version {cluster or 'unknown'}", err=True)

    on_clients(access, call).finish()
