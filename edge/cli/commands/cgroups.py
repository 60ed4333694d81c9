# SPDX-License-Identifier: Apache-2.0
"""`edgectl cgroups`: what the control groups of nodes use."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.nodes import choose_access
from edge.cli.options import NodeCommand
from edge.cli.output import output_option
from edge.cli.rows import show_rows
from edge.units import format_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge.client.client import NodeClient

_FOLDER = "/sys/fs/cgroup"
_PRESETS = ("cpu", "cpuset", "io", "memory", "process", "psi", "swap")
_BYTES = frozenset({"current", "peak", "min", "low", "high", "max", "read_bytes", "written_bytes"})


@click.command(cls=NodeCommand)
@click.option(
    "--preset",
    type=click.Choice(_PRESETS),
    default="memory",
    show_default=True,
    help="Which figures to show.",
)
@click.option("--schema-file", metavar="FILE", help="Taken and refused: only presets are shown.")
@click.option(
    "--skip-cri-resolve", is_flag=True, expose_value=False, help="Taken: groups keep their names."
)
@output_option()
def command(*, preset: str, schema_file: str | None, output: str) -> None:
    """Show what the control groups of nodes use, from /sys/fs/cgroup."""
    if schema_file:
        raise click.UsageError("only presets are shown: leave out --schema-file")

    async def read(client: NodeClient) -> list[dict[str, Any]]:
        from edge.provision.cgroup import read_groups
        from edge.provision.unpack import unpack

        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder) / "cgroup"
            # Groups that end meanwhile are none to show.
            await unpack(client.copy(_FOLDER, on_fault=lambda _: None), tree)
            return await asyncio.to_thread(lambda: list(read_groups(tree, preset)))

    def shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
        if preset == "process":
            return {}
        return {
            name: format_size(value)
            for name, value in row.items()
            if name in _BYTES and isinstance(value, int)
        }

    show_rows(
        choose_access(),
        read,
        columns=("name", *_columns(preset)),
        output=output,
        shown=shown,
        deadline_s=None,
    )


def _columns(preset: str) -> list[str]:
    from edge.provision.cgroup import PRESETS

    return list(PRESETS[preset])
