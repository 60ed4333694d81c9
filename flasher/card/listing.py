# SPDX-License-Identifier: Apache-2.0
"""Loads what a list, or the options of a command, wants of cards: all of it valid, or nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.config.stream import count_faults
from edge.errors import ConfigError
from flasher.card.check import Checker
from flasher.card.rows import Row, normal, read_rows
from flasher.card.spec import CardSpec


def load_list(path: Path, defaults: Mapping[str, Any] | None = None) -> tuple[CardSpec, ...]:
    """Read a list of cards; `defaults` are for columns that a card leaves empty.

    Relative file names in the list are relative to it, those in `defaults` must be absolute.

    Raises:
        ConfigError: listing everything that is wrong, in all rows, by row and column.
    """
    rows, faults = read_rows(path, normal(defaults or {}))
    return _check(rows, str(path), faults)


def make_card(values: Mapping[str, Any], *, folder: Path = Path()) -> CardSpec:
    """Return one card from values named like the columns of a list.

    Raises:
        ConfigError: listing everything that is wrong with them.
    """
    row = Row(place="card", folder=folder, values=normal(values))
    return _check([row], "the card")[0]


def _check(rows: Sequence[Row], source: str, known: Sequence[str] = ()) -> tuple[CardSpec, ...]:
    """Return the cards of `rows`, unless a fault is `known` or found."""
    specs: list[CardSpec] = []
    faults = list(known)
    for row in rows:
        checker = Checker(row)
        specs.append(checker.spec())
        faults += checker.faults
    faults += _repeated(rows, specs)
    if faults:
        # What is wrong with a file that all rows name is wrong once.
        once = tuple(dict.fromkeys(faults))
        raise ConfigError(f"{source} has {count_faults(once)}", faults=once)
    return tuple(specs)


def _repeated(rows: Sequence[Row], specs: Sequence[CardSpec]) -> Iterator[str]:
    """Yield a fault for everything that is one card's own and given to two."""
    for column, read in _OWN.items():
        first: dict[str, Row] = {}
        for row, spec in zip(rows, specs, strict=True):
            for value in read(spec):
                known = first.setdefault(value.lower(), row)
                if known is not row:
                    where = known.place.rpartition(": ")[2]
                    yield row.fault(column, f"{value} is that of {where} already")


def _addresses(spec: CardSpec) -> list[str]:
    return [str(each.ip) for each in spec.network.addresses] if spec.network else []


_OWN: dict[str, Callable[[CardSpec], list[str]]] = {
    "name": lambda spec: [spec.name],
    "hostname": lambda spec: [spec.hostname] if spec.hostname else [],
    "address": _addresses,
    "asset_tag": lambda spec: [spec.asset_tag] if spec.asset_tag else [],
    "enrolment": lambda spec: [spec.enrolment.id] if spec.enrolment else [],
}
