# SPDX-License-Identifier: Apache-2.0
"""What a watch sends: first, after changes, from a bookmark, and when it has fallen behind."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edge.api import resource_pb2
from edge.errors import ConfigError
from edge.node.api.watch import BadBookmark, Watch
from edge.node.resource import kind
from edge.node.resource.journal import FRESH, LENGTH
from edge.node.resource.store import Store

KIND = kind.META_KEY
Seen = list[tuple[str, str]]


class Watcher:
    """One watch, read response by response."""

    def __init__(self, store: Store, resource_id: str | None = None, **options: Any) -> None:
        self.request = resource_pb2.WatchRequest(
            namespace=KIND.namespace,
            type=KIND.type,
            id=resource_id,
            api_version=options.pop("api_version", 1),
            options=resource_pb2.WatchOptions(**options),
        )
        self._responses: AsyncIterator[Any] = Watch(store, self.request).responses()

    async def read(self) -> list[resource_pb2.Event]:
        """Return the events of the next response."""
        async with asyncio.timeout(60):
            return list((await anext(self._responses)).event)

    async def begin(self) -> "Watcher":
        """Take the empty response that comes first."""
        assert await self.read() == []
        return self

    async def tell(self, count: int = 1) -> Seen:
        """Return types and ids of the events of the next `count` responses."""
        return [told(event) for _ in range(count) for event in await self.read()]


def told(event: resource_pb2.Event) -> tuple[str, str]:
    """Return the type of an event in lower case, and the id of its resource."""
    return resource_pb2.EventType.Name(event.event_type).lower(), event.resource.metadata.id


def put(store: Store, name: str, value: str = "", **labels: str) -> None:
    """Create or change a resource."""
    store.put(KIND, name, {"value": value}, owner="test", labels=labels)


@pytest.fixture
def store() -> Store:
    store = Store()
    put(store, "b")
    put(store, "a")
    return store


async def test_a_kind_begins_with_nothing_or_with_all_there_is(store: Store) -> None:
    """BOOTSTRAPPED follows the contents and carries a resource without id."""
    watcher = await Watcher(store, bootstrap_contents=True).begin()
    assert await watcher.tell(3) == [("created", "a"), ("created", "b"), ("bootstrapped", "")]
    quiet = await Watcher(store).begin()
    put(store, "c")
    assert await quiet.tell() == [("created", "c")]


async def test_changes_come_with_what_was_before(store: Store) -> None:
    """An update has the old version, a destruction has none; each has a bookmark of its own."""
    watcher = await Watcher(store).begin()
    put(store, "a", "new")
    store.remove(KIND, "b")
    (update,), (gone,) = await watcher.read(), await watcher.read()
    assert told(update) == ("updated", "a")
    assert (update.resource.metadata.version, update.old.metadata.version) == ("2", "1")
    assert told(gone) == ("destroyed", "b")
    assert not gone.HasField("old")
    assert gone.HasField("resource")
    assert len({update.bookmark, gone.bookmark}) == 2


async def test_aggregated_events_share_a_response(store: Store) -> None:
    """Both what there is and what comes at once."""
    watcher = await Watcher(store, bootstrap_contents=True, aggregated=True).begin()
    assert len(await watcher.read()) == 3
    put(store, "c")
    put(store, "d")
    assert await watcher.tell() == [("created", "c"), ("created", "d")]


async def test_one_resource_is_there_or_not(store: Store) -> None:
    """The first event says which; others of its kind are not told of."""
    there = await Watcher(store, "a").begin()
    assert await there.tell() == [("created", "a")]
    missing = await Watcher(store, "z").begin()
    (event,) = await missing.read()
    assert told(event) == ("destroyed", "z")
    assert event.resource.metadata.version == "undefined"
    put(store, "b", "x")
    put(store, "z")
    assert await missing.tell() == [("created", "z")]


async def test_old_clients_are_spared_new_events(store: Store) -> None:
    """Without a version of the API there is no BOOTSTRAPPED."""
    watcher = await Watcher(store, bootstrap_contents=True, api_version=0).begin()
    assert await watcher.tell(2) == [("created", "a"), ("created", "b")]
    put(store, "c")
    assert await watcher.tell() == [("created", "c")]


async def test_labels_bring_resources_into_sight_and_out_of_it(store: Store) -> None:
    """An update is a creation to whoever did not see it before, and the other way round."""
    term = resource_pb2.LabelTerm(key="on", op=resource_pb2.LabelTerm.EXISTS)
    query = resource_pb2.LabelQuery(terms=[term])
    watcher = await Watcher(store, label_query=[query]).begin()
    put(store, "a", "1", on="")
    put(store, "a", "2", on="")
    put(store, "b", "1")
    store.put(KIND, "a", {"value": "3"}, owner="test", labels={})
    events = [*await watcher.read(), *await watcher.read(), *await watcher.read()]
    assert [told(each) for each in events] == [
        ("created", "a"),
        ("updated", "a"),
        ("destroyed", "a"),
    ]
    assert [each.HasField("old") for each in events] == [False, True, False]


async def test_a_bookmark_is_a_place_to_go_on_from(store: Store) -> None:
    """Of any event, of BOOTSTRAPPED, and of NOOP before anything happened."""
    first = await Watcher(store, bootstrap_bookmark=True).begin()
    (noop,) = await first.read()
    assert told(noop) == ("noop", "")
    put(store, "a", "1")
    put(store, "b", "1")
    (event,) = await first.read()
    after_noop = await Watcher(store, start_from_bookmark=noop.bookmark).begin()
    assert await after_noop.tell(2) == [("updated", "a"), ("updated", "b")]
    after_event = await Watcher(store, start_from_bookmark=event.bookmark).begin()
    assert await after_event.tell() == [("updated", "b")]
    fresh = Store()
    empty = await Watcher(fresh, bootstrap_contents=True).begin()
    (end,) = await empty.read()
    put(fresh, "a")
    again = await Watcher(fresh, start_from_bookmark=end.bookmark).begin()
    assert await again.tell() == [("created", "a")]


async def test_bookmarks_of_another_run_or_too_old_are_not_known(store: Store) -> None:
    """So are bytes that are no bookmark."""
    (noop,) = await (await Watcher(store, bootstrap_bookmark=True).begin()).read()
    other = Store()
    put(other, "a")
    for _ in range(LENGTH + 2):
        put(store, "a", str(_))
    for of, bookmark in (
        (other, noop.bookmark),
        (store, noop.bookmark),
        (store, b""),
        (store, b"?"),
    ):
        with pytest.raises(BadBookmark, match="invalid watch bookmark"):
            Watcher(of, start_from_bookmark=bookmark)


async def test_the_last_events_can_be_had_again(store: Store) -> None:
    """Of a kind and of one resource; more than are kept is all that are kept."""
    put(store, "b", "1")
    put(store, "a", "1")
    kind_ = await Watcher(store, tail_events=2).begin()
    assert await kind_.tell(2) == [("updated", "b"), ("updated", "a")]
    one = await Watcher(store, "b", tail_events=1).begin()
    assert await one.tell() == [("updated", "b")]
    everything = await Watcher(store, tail_events=1000).begin()
    assert len(await everything.tell(4)) == 4


@pytest.mark.parametrize(
    "options",
    [
        {"bootstrap_contents": True, "tail_events": 1},
        {"tail_events": 1, "start_from_bookmark": b"x"},
    ],
)
async def test_beginnings_exclude_each_other(store: Store, options: dict[str, Any]) -> None:
    """Upstream's words for it."""
    with pytest.raises(ConfigError, match="cannot use"):
        Watcher(store, **options)


async def test_who_falls_behind_is_told(store: Store) -> None:
    """The last event names how far behind; then the stream ends."""
    watcher = await Watcher(store).begin()
    for number in range(LENGTH + 1):
        put(store, "a", str(number))
    (event,) = await watcher.read()
    assert told(event) == ("errored", "")
    assert event.error.startswith('buffer overrun: namespace "runtime" type "MetaKeys.runtime')
    with pytest.raises(StopAsyncIteration):
        await watcher.read()


async def test_a_change_is_encoded_once_for_everybody(store: Store) -> None:
    """What two watchers get is the same object."""
    watches = [Watch(store, Watcher(store).request).responses() for _ in range(2)]
    for each in watches:
        await anext(each)
    put(store, "a", "new")
    first, second = [await anext(each) for each in watches]
    assert first is second


async def test_encoded_forms_are_kept_for_the_latest_changes_alone(store: Store) -> None:
    """Who is further behind gets them made again."""
    watcher = await Watcher(store).begin()
    journal = store.collection(KIND.type, KIND.namespace).journal
    for number in range(FRESH + 10):
        put(store, "a", str(number))
        await watcher.read()
    kept = [each for each in journal.since(journal.start) if each.memo]
    assert len(kept) == FRESH
    late = await Watcher(store, tail_events=FRESH + 10).begin()
    assert await late.tell(FRESH + 10) == [("updated", "a")] * (FRESH + 10)
