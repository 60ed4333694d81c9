# SPDX-License-Identifier: Apache-2.0
"""The journal of a kind: every reader sees every change once, or learns that it cannot."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.node.resource.journal import Journal, Overrun
from edge.node.resource.resource import Change, ChangeType, Resource

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def change(number: int) -> Change:
    """Return the change of this number."""
    resource = Resource(
        type="t",
        namespace="n",
        id=str(number),
        spec={},
        version=1,
        owner="",
        created=NOW,
        updated=NOW,
    )
    return Change(type=ChangeType.CREATED, resource=resource, position=number)


@given(st.integers(1, 5), st.lists(st.booleans(), max_size=30))
def test_a_reader_sees_everything_or_an_overrun(length: int, steps: list[bool]) -> None:
    """Reading (false) after any number of changes (true) never skips one silently."""
    journal, position = Journal(length), 0
    for is_change in steps:
        if is_change:
            journal.append(change(journal.end))
            continue
        if journal.end - position > length:
            with pytest.raises(Overrun):
                journal.since(position)
            position = journal.end
            continue
        found = journal.since(position)
        assert [each.position for each in found] == list(range(position, journal.end))
        position = journal.end
    assert journal.end - journal.start <= length


async def test_everybody_who_waits_is_woken() -> None:
    """Two hundred who wait cost one change; one who gave up is forgotten."""
    journal = Journal()
    waiting = [asyncio.create_task(journal.wait(0)) for _ in range(200)]
    await asyncio.sleep(0)
    waiting.pop().cancel()
    journal.append(change(0))
    async with asyncio.timeout(60):
        await asyncio.gather(*waiting)
    await journal.wait(0)
