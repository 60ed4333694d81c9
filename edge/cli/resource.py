# SPDX-License-Identifier: Apache-2.0
"""Resources as `edgectl get` prints them, in the layouts that users of talosctl know."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import click

from edge.cli.output import inert

if TYPE_CHECKING:
    from edge.client.model import Definition, Document

_GAP = "   "
_MARKS = {"created": "+", "updated": " ", "destroyed": "-"}
_STAMP = re.compile(r'^(    (?:created|updated): )"(.*)"$', re.MULTILINE)
_FRACTION = re.compile(r"\.\d+(?=Z$)")


class Printer(Protocol):
    """Prints resources one by one; `event` is empty unless something is watched."""

    def show(self, node: str, kind: "Definition", document: "Document", event: str = "") -> None:
        """Take one resource."""

    def flush(self) -> None:
        """Print what was taken so far."""


def new_printer(output: str, *, watch: bool) -> Printer:
    """Return the printer for a value of `-o`: table, yaml, json, jsonl or jsonpath=PATH.

    Raises:
        click.BadParameter: when it is none of these.
    """
    form, _, path = output.partition("=")
    if form == "jsonpath" and path:
        return _JsonPath(path)
    printers: dict[str, Printer] = {
        "table": _Table(watch=watch),
        "yaml": _Yaml(),
        "json": _Json(),
        "jsonl": _JsonLines(),
    }
    if output not in printers:
        raise click.BadParameter(
            f"{output!r} is none of table, yaml, json, jsonl, jsonpath=PATH", param_hint="--output"
        )
    return printers[output]


class _Table:
    """Rows in columns; a watched table keeps its widths and lets them grow."""

    def __init__(self, *, watch: bool) -> None:
        self._watch = watch
        self._columns: Sequence[tuple[str, str]] = ()
        self._widths: list[int] = []
        self._pending: list[list[str]] = []

    def show(self, node: str, kind: "Definition", document: "Document", event: str = "") -> None:
        if not self._widths:
            self._begin(kind)
        metadata = document.metadata
        names = [metadata["namespace"], kind.display, metadata["id"], metadata["version"]]
        mark = [_MARKS.get(event, "")] if self._watch else []
        self._add([node, *mark, *map(str, names), *_cells(document.spec, self._columns)])

    def flush(self) -> None:
        last = len(self._widths) - 1
        for row in self._pending:
            cells = (
                cell if index == last else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(row, self._widths, strict=True))
            )
            click.echo(_GAP.join(cells).rstrip())
        self._pending.clear()

    def _begin(self, kind: "Definition") -> None:
        # All rows share the columns of the first node, whatever version another one runs.
        self._columns = kind.columns
        titles = [name.upper() for name, _ in kind.columns]
        mark = ["*"] if self._watch else []
        heading = ["NODE", *mark, "NAMESPACE", "TYPE", "ID", "VERSION", *titles]
        self._widths = [0] * len(heading)
        self._add(heading)

    def _add(self, row: list[str]) -> None:
        row = [inert(cell) for cell in row]
        self._pending.append(row)
        self._widths = [
            max(width, len(cell)) for width, cell in zip(self._widths, row, strict=True)
        ]


def _cells(spec: Any, columns: Sequence[tuple[str, str]]) -> list[str]:
    from edge.client.jsonpath import render

    return [render(spec, path) for _, path in columns]


class _Yaml:
    """One YAML document a resource."""

    def __init__(self) -> None:
        self._is_first = True

    def show(self, node: str, kind: "Definition", document: "Document", event: str = "") -> None:  # noqa: ARG002
        from edge.config.dump import dump_stream

        fields = as_fields(node, document, event)
        spec = fields.pop("spec")
        head = _STAMP.sub(r"\1\2", dump_stream([fields]))
        click.echo("" if self._is_first else "---\n", nl=False)
        click.echo(head + dump_stream([{"spec": spec}]), nl=False)
        self._is_first = False

    def flush(self) -> None:
        pass


class _Json:
    """One indented JSON object a resource."""

    def show(self, node: str, kind: "Definition", document: "Document", event: str = "") -> None:  # noqa: ARG002
        fields = as_fields(node, document, event)
        click.echo(json.dumps(fields, indent=4, sort_keys=True, ensure_ascii=False))

    def flush(self) -> None:
        pass


class _JsonLines:
    """One line of JSON a resource."""

    def show(self, node: str, kind: "Definition", document: "Document", event: str = "") -> None:  # noqa: ARG002
        click.echo(json.dumps(as_fields(node, document, event), ensure_ascii=False))

    def flush(self) -> None:
        pass


class _JsonPath:
    """One line a resource: what the path selects from its JSON form."""

    def __init__(self, path: str) -> None:
        self._path = path

    def show(self, node: str, kind: "Definition", document: "Document", event: str = "") -> None:  # noqa: ARG002
        from edge.client.jsonpath import render

        click.echo(render(as_fields(node, document, event), self._path))

    def flush(self) -> None:
        pass


def as_fields(node: str, document: "Document", event: str = "") -> dict[str, Any]:
    """Return a resource as plain values in the order in which it prints."""
    metadata = dict(document.metadata)
    for name in ("created", "updated"):
        metadata[name] = _FRACTION.sub("", metadata[name])
    watched = {"event": event} if event else {}
    return {"node": node, **watched, "metadata": metadata, "spec": _plain(document.spec)}


def _plain(value: Any) -> Any:
    """Return `value` without the types that YAML has and JSON lacks."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
