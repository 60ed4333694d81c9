# SPDX-License-Identifier: Apache-2.0
"""Rows from many nodes in one table, each with the name of its node."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edge.cli.nodes import DEADLINE_S, Access, on_clients

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from edge.client.client import NodeClient

    Read = Callable[[NodeClient], Awaitable[Sequence[Any]]]


def show_rows(
    access: Access,
    read: Read,
    *,
    columns: Sequence[str],
    output: str,
    shown: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
    deadline_s: float | None = DEADLINE_S,
) -> None:
    """Read from every node and print what came: mappings, or dataclasses without nesting.

    A table shows `columns` of what `shown` makes of a row; the other formats have the rows as
    they are.
    """
    results = on_clients(access, read, deadline_s=deadline_s)
    rows = [{"node": node, **_fields(each)} for node, found in results.found for each in found]
    if output == "table":
        rows = [{**row, **shown(row)} for row in rows]
    results.emit(rows, columns=("node", *columns), output=output)
    results.finish()


def _fields(value: Any) -> Mapping[str, Any]:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
