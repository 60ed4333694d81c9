# SPDX-License-Identifier: Apache-2.0
"""Data to stdout as a table, JSON or YAML. Narration goes to stderr elsewhere."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

Row = Mapping[str, Any]

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
# What turns the direction of text around makes a terminal show other words than were said.
_TURNS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROLS |= {code: f"\\u{code:04x}" for code in _TURNS}
_CONTROLS_IN_LINES = {code: text for code, text in _CONTROLS.items() if chr(code) not in "\n\t"}


def output_option(*formats: str) -> Callable[[Any], Any]:
    """Return the `-o/--output` option offering `formats`, the first being the default."""
    choices = formats or ("table", "yaml", "json", "jsonl")
    return click.option(
        "-o",
        "--output",
        type=click.Choice(choices),
        default=choices[0],
        show_default=True,
        help="How to print the result.",
    )


def emit(rows: Iterable[Row], *, columns: Sequence[str], output: str) -> None:
    """Print `rows`; a table shows `columns` (keys of the rows), the other formats everything."""
    rows = list(rows)
    if output == "jsonl":
        for row in rows:
            click.echo(json.dumps(row, default=str))
    elif output == "json":
        click.echo(json.dumps(rows, indent=2, default=str))
    elif output == "yaml":
        click.echo(as_yaml(rows), nl=False)
    else:
        click.echo(as_table(rows, columns))


def as_yaml(value: Any) -> str:
    """Return `value` as a YAML document in its own key order."""
    import yaml

    return yaml.safe_dump(json.loads(json.dumps(value, default=str)), sort_keys=False)


def as_table(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """Return `rows` as aligned text columns under upper-case headings."""
    cells = [[column.replace("_", " ").upper() for column in columns]]
    cells += [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    lines = (
        "   ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        for line in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def inert(text: str, *, lines: bool = False) -> str:
    """Return `text` with nothing in it that a terminal would obey; `lines` and tabs may stay.

    Names of files, logs and errors of nodes are what others say, some of them anybody.

    >>> inert("a\\x1b]0;b\\n")
    'a\\\\x1b]0;b\\\\x0a'
    """
    return text.translate(_CONTROLS_IN_LINES if lines else _CONTROLS)


def show_line(text: str) -> None:
    """Print a line of somebody else's, as it is unless a person reads it on a terminal."""
    click.echo(inert(text, lines=True) if sys.stdout.isatty() else text)


def _cell(value: Any) -> str:
    return inert(_text(value))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ",".join(_text(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, default=str)
    return str(value)
