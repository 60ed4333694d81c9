# SPDX-License-Identifier: Apache-2.0
"""`edgectl list`: the files of nodes."""

from __future__ import annotations

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
    from edge.client.report import FileEntry

# Bits of the modes that nodes send, with the letters that stand for them.
_KINDS = ((31, "d"), (27, "l"), (21, "c"), (26, "b"), (25, "p"), (24, "s"))
_SPECIALS = ((23, 2, "s"), (22, 5, "s"), (20, 8, "t"))
_LONG = ("mode", "uid", "gid", "size", "modified", "name")


@click.command(cls=NodeCommand)
@click.argument("path", default="/")
@click.option("-l", "--long", is_flag=True, help="Show rights, owners, sizes and times.")
@click.option("-r", "--recurse", is_flag=True, help="Show what is in folders of folders too.")
@click.option(
    "-d",
    "--depth",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="LEVELS",
    help="Go down so many levels; 0 is no limit.",
)
@click.option(
    "-t",
    "--type",
    "types",
    multiple=True,
    metavar="LETTERS",
    help="Only files (f), folders (d) or symbolic links (l). Repeatable.",
)
@click.option("-H", "--humanize", is_flag=True, help="Show sizes and times as people say them.")
@output_option()
def command(
    *,
    path: str,
    long: bool,
    recurse: bool,
    depth: int,
    types: tuple[str, ...],
    humanize: bool,
    output: str,
) -> None:
    """List the files in the folder PATH of nodes."""
    kinds = _kinds(types)

    async def read(client: NodeClient) -> list[dict[str, Any]]:
        entries = client.list_files(
            path,
            recurse=recurse or depth != 1,
            depth=0 if recurse else depth,
            kinds=kinds,
        )
        return [_row(each, humanize=humanize) async for each in entries]

    columns = _LONG if long else ("name",)
    show_rows(choose_access(), read, columns=columns, output=output, shown=_shown, deadline_s=None)


def _kinds(types: tuple[str, ...]) -> tuple[str, ...]:
    letters = "".join(types).replace(",", "").lower()
    if unknown := sorted(set(letters) - set("fdl")):
        raise click.BadParameter(f"{unknown[0]!r} is not one of f, d and l", param_hint="--type")
    return tuple(dict.fromkeys(letters))


def _row(entry: FileEntry, *, humanize: bool) -> dict[str, Any]:
    size = format_size(entry.size_bytes) if humanize else entry.size_bytes
    modified = f"{entry.modified:%b %e %Y %H:%M}" if humanize else entry.modified.isoformat()
    return {
        "name": entry.name,
        "path": entry.path,
        "mode": mode_text(entry.mode),
        "uid": entry.user,
        "gid": entry.group,
        "size": size,
        "modified": modified,
        "link": entry.link,
        "error": entry.error,
    }


def mode_text(mode: int) -> str:
    """Return `mode`, with the bits that nodes send, as `ls -l` shows it."""
    kind = next((letter for bit, letter in _KINDS if mode >> bit & 1), "-")
    rights = [letter if mode >> (8 - at) & 1 else "-" for at, letter in enumerate("rwxrwxrwx")]
    for bit, at, letter in _SPECIALS:
        if mode >> bit & 1:
            rights[at] = letter if rights[at] == "x" else letter.upper()
    return kind + "".join(rights)


def _shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    name = f"{row['name']} -> {row['link']}" if row["link"] else row["name"]
    return {"name": f"{name} (error: {row['error']})" if row["error"] else name}
