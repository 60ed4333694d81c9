# SPDX-License-Identifier: Apache-2.0
"""`edgectl kubeconfig`: the administrator's access to Kubernetes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.nodes import choose_access, on_clients
from edge.cli.options import NodeCommand
from edge.cli.single import only_node
from edge.errors import EdgeError

if TYPE_CHECKING:
    from edge.client.client import NodeClient

_LIMIT_BYTES = 4 << 20


@click.command(cls=NodeCommand)
@click.argument("path", required=False, metavar="[FILE|FOLDER|-]")
@click.option("-f", "--force", is_flag=True, help="Overwrite what is there, file or context.")
@click.option(
    "-m",
    "--merge/--no-merge",
    default=True,
    show_default=True,
    help="Add to the file that is there instead of refusing it.",
)
@click.option(
    "--force-context-name", "name", default="", metavar="NAME", help="Call the context NAME."
)
def command(*, path: str | None, force: bool, merge: bool, name: str) -> None:
    """Fetch a kubeconfig from one control plane.

    It is merged into the file that kubectl uses, or goes to FILE, to FOLDER/kubeconfig, or with -
    to stdout.
    """
    access = only_node(choose_access(), "kubeconfig")

    async def fetch(client: NodeClient) -> bytes:
        from edge.provision.unpack import read_single

        return await read_single(client.kubeconfig(), limit_bytes=_LIMIT_BYTES)

    results = on_clients(access, fetch)
    for _, text in results.found:
        if path == "-":
            sys.stdout.write(text.decode())
        else:
            _store(text, _target(path), name=name, force=force, merge=merge)
    results.finish()


def _target(path: str | None) -> Path:
    import os

    if path is None:
        first = os.environ.get("KUBECONFIG", "").partition(os.pathsep)[0]
        return Path(first or Path.home() / ".kube/config")
    return Path(path) / "kubeconfig" if Path(path).is_dir() else Path(path)


def _store(text: bytes, target: Path, *, name: str, force: bool, merge: bool) -> None:
    from edge.config.file import write_file
    from edge.provision.kubeconfig import merge_kubeconfig, rename_context

    fetched = rename_context(text.decode(), name) if name else text.decode()
    if target.exists() and merge:
        fetched = merge_kubeconfig(target.read_text(), fetched, overwrite=force)
    elif target.exists() and not force:
        raise EdgeError(f"{target} is there already", hint="--force overwrites it")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_file(target, fetched)
    click.echo(f"{target}: written", err=True)
