# SPDX-License-Identifier: Apache-2.0
"""Cells, columns, filter and the difference between two tables."""

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.nodes import NOW, FakeNode
from tui.model import Failure, Fleet
from tui.row import COLUMNS, Cell, Row, Tone, changes, columns_for, matches, row_of
from tui.services import Sighting

ROWS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.fixed_dictionaries({"x": st.builds(Cell, st.sampled_from("12"))}),
)


def test_every_column_has_a_cell() -> None:
    """A row fills all columns, and the card is only claimed until the node answers."""
    fleet = Fleet()
    record = FakeNode(name="edge-1", address="10.0.0.11").record
    key = fleet.hear(Sighting(record=record, claimed_card=3), NOW)
    row = row_of(fleet.nodes[key], NOW)
    assert list(row) == [column.key for column in COLUMNS]
    assert row["state"] == Cell("◆ maintenance", Tone.WAITING)
    assert row["card"].text == "card 3?"
    fleet.fail(key, Failure(reason="connection refused"), NOW)
    assert row_of(fleet.nodes[key], NOW)["state"] == Cell("✗ unreachable", Tone.BAD)


@given(st.integers(80, 400))
def test_columns_fit(width: int) -> None:
    """From 80 characters on nothing is cut off, and state and name are always there."""
    columns = columns_for(width)
    assert sum(column.width + 2 for column in columns) <= width
    assert [column.key for column in columns][:2] == ["state", "name"]


def test_filter_looks_into_every_column_and_inverts() -> None:
    """Text in any column matches, in any case; an exclamation mark asks for the others."""
    row = {"state": Cell("◆ maintenance"), "name": Cell("Edge-1")}
    assert matches(row, "")
    assert matches(row, "edge")
    assert matches(row, "MAINT")
    assert not matches(row, "running")
    assert matches(row, "!running")
    assert not matches(row, "!edge")
    assert matches(row, "!")


@given(ROWS, ROWS)
def test_changes_lead_from_one_table_to_the_other(
    before: dict[str, Row], after: dict[str, Row]
) -> None:
    """Applying the difference gives exactly the new table, and equal tables have none."""
    difference = changes(before, after)
    table = {key: dict(row) for key, row in before.items() if key not in difference.removed}
    for key in difference.added:
        table[key] = dict(after[key])
    for key, column, cell in difference.updated:
        table[key][column] = cell
    assert table == after
    assert (difference.removed, difference.added, difference.updated) == ((), (), ()) or (
        before != after
    )
