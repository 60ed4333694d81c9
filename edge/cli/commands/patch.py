# SPDX-License-Identifier: Apache-2.0
"""`edgectl patch`: change the machine configuration of nodes by a patch."""

from typing import TYPE_CHECKING

import click

from edge.cli.apply import (
    DEADLINE_S,
    Change,
    Manner,
    check_kind,
    manner_options,
    patch_node,
    report,
    warn,
)
from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand

if TYPE_CHECKING:
    from edge.client.client import NodeClient


@click.command(cls=NodeCommand)
@click.argument("kind")
@click.argument("resource_id", metavar="[ID]", required=False)
@click.option(
    "-p",
    "--patch",
    "patches",
    multiple=True,
    metavar="PATCH",
    help="Patch to apply: @FILE or text. Repeatable.",
)
@click.option("--patch-file", "files", multiple=True, metavar="FILE", help="File with a patch.")
@manner_options
def command(
    *,
    kind: str,
    resource_id: str | None,
    patches: tuple[str, ...],
    files: tuple[str, ...],
    mode: str,
    try_timeout_s: float,
    dry_run: bool,
) -> None:
    """Patch the machine configuration (KIND is mc) of the nodes named with -n.

    Each node's own configuration is read, patched here, checked and sent back.
    """
    from edge.config.patch import read_patch

    check_kind(kind, resource_id)
    read = [read_patch(each) for each in (*patches, *(f"@{file}" for file in files))]
    if not read:
        raise click.UsageError("say what to change: -p '{machine: {…}}' or -p @FILE")
    manner = Manner(mode=mode, try_timeout_s=try_timeout_s, dry_run=dry_run)

    async def patch(client: "NodeClient") -> Change:
        return await patch_node(client, read, manner)

    results = on_clients(choose_access(named_only=True), patch, deadline_s=DEADLINE_S)
    warn(dict.fromkeys(each for _, change in results.found for each in change.warnings))
    for node, change in results.found:
        report(node, change.applied, known=change.warnings, dry_run=dry_run)
    results.finish()
