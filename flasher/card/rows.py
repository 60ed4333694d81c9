# SPDX-License-Identifier: Apache-2.0
"""Reads a list of cards, CSV or YAML, into rows of plain values that know where they stand."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.config.stream import parse_stream
from edge.errors import ConfigError
from edge.text import read_text

COLUMNS = (
    "name",
    "hostname",
    "interface",
    "address",
    "gateway",
    "nameservers",
    "config",
    "patch",
    "files",
    "asset_tag",
    "enrolment",
)
KEYS = (*COLUMNS, "meta")
_ALSO = {"patches": "patch", "addresses": "address"}
_KNOWN_COLUMNS = frozenset({*COLUMNS, *_ALSO})
_UNKNOWN = "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One card of a list, as it was written; empty values are left out."""

    place: str
    """Where it stands, as messages begin."""
    name: str = ""
    """What it is called when it says nothing about that itself."""
    folder: Path
    """What file names are relative to."""
    values: Mapping[str, Any]

    @property
    def is_partial(self) -> bool:
        """Say whether it has values of unknown names, which may be what it seems to lack."""
        return not self.values.keys() <= {*KEYS}

    def fault(self, column: str, message: str) -> str:
        """Return `message` with row and column in front."""
        return f"{self.place}, {column}: {message}"


def read_rows(
    path: Path, defaults: Mapping[str, Any] | None = None
) -> tuple[tuple[Row, ...], list[str]]:
    """Return the rows of the list at `path` that can be read, and the faults of its form.

    `defaults` are for what neither a card nor the list itself says.

    Raises:
        ConfigError: when it cannot be read, or lists no card.
    """
    text = read_text(path)
    read = _read_csv if path.suffix.lower() in (".csv", ".tsv", ".txt") else _read_yaml
    rows, faults = read(text, path)
    if not rows and not faults:
        raise ConfigError(f"{path} lists no card", hint=f"columns: {', '.join(COLUMNS)}")
    found = tuple(
        Row(
            place=place,
            name=f"card-{number}",
            folder=path.parent,
            values=overlay(defaults or {}, values),
        )
        for number, (place, values) in enumerate(rows, start=1)
    )
    return found, faults


def overlay(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with what only `defaults` have; patches and files of both add up."""
    merged = {**defaults, **values}
    for key in ("patch", "files", "meta"):
        if key in defaults and key in values:
            merged[key] = _join(defaults[key], values[key])
    return merged


def normal(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Return `values` under their proper names and without empty ones."""
    named = {_ALSO.get(str(key), str(key)): value for key, value in values.items()}
    return {key: value for key, value in named.items() if value not in (None, "", [], {})}


_Rows = list[tuple[str, Mapping[str, Any]]]


def _join(first: Any, second: Any) -> Any:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return {**first, **second}
    return [*_as_list(first), *_as_list(second)]


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [f"{key}={inner}" for key, inner in value.items()]
    return list(value) if isinstance(value, list) else [value]


def _read_csv(text: str, path: Path) -> tuple[_Rows, list[str]]:
    text = text.removeprefix("\ufeff")
    header = text.splitlines()[0] if text else ""
    # Spreadsheets in half of Europe separate by semicolons.
    separator = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: _Rows = []
    faults: list[str] = []
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        faults += _header_faults(path, names)
        keys = [name if name in _KNOWN_COLUMNS else _UNKNOWN for name in names]
        for cells in reader:
            place = f"{path}: row {reader.line_num}"
            if len(cells) > len(names) and any(cells[len(names) :]):
                # Which of its cells stand in the wrong column cannot be known.
                faults.append(f"{place}: has {len(cells)} cells, the header {len(names)}")
            elif any(cells):
                pairs = zip(keys, (cell.strip() for cell in cells), strict=False)
                rows.append((place, normal(dict(pairs))))
    except csv.Error as error:
        faults.append(f"{path}: row {reader.line_num}: {error}")
    return rows, faults


def _header_faults(path: Path, names: list[str]) -> Iterator[str]:
    for at, name in enumerate(names):
        if name not in _KNOWN_COLUMNS:
            yield f"{path}: row 1: there is no column {name!r}; columns are {', '.join(COLUMNS)}"
        if name in names[:at]:
            yield f"{path}: row 1: the column {name!r} is given twice"


def _read_yaml(text: str, path: Path) -> tuple[_Rows, list[str]]:
    documents = parse_stream(text, source=str(path))
    value = documents[0].value if len(documents) == 1 else None
    defaults: Any = {}
    faults: list[str] = []
    if isinstance(value, Mapping):
        faults = [
            f"{path}: there is no key {key!r} here; keys are defaults and cards"
            for key in value
            if key not in ("defaults", "cards")
        ]
        defaults, value = value.get("defaults") or {}, value.get("cards")
    if not isinstance(value, list) or not isinstance(defaults, Mapping):
        return [], [*faults, f"{path}: a list of cards is expected, or cards: and defaults:"]
    faults += _key_faults(f"{path}: defaults", defaults)
    rows: _Rows = []
    for number, each in enumerate(value, start=1):
        place = f"{path}: card {number}"
        if not isinstance(each, Mapping):
            faults.append(f"{place}: a mapping is expected")
            continue
        faults += _key_faults(place, each)
        rows.append((place, overlay(normal(defaults), normal(each))))
    return rows, faults


def _key_faults(place: str, values: Mapping[Any, Any]) -> Iterator[str]:
    for key in values:
        if key not in {*KEYS, *_ALSO}:
            yield f"{place}: there is no key {str(key)!r}; keys are {', '.join(KEYS)}"
