# SPDX-License-Identifier: Apache-2.0
"""Laws of the resource store: what a watcher sees is what happened."""

from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from edge.node.resource import kind
from edge.node.resource.resource import Change, ChangeType, Resource
from edge.node.resource.store import BACKLOG, Changes, Store

_IDS = st.sampled_from("abc")
_SPECS = st.fixed_dictionaries({"value": st.sampled_from("xyz")})
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _IDS, _SPECS),
        st.tuples(st.just("remove"), _IDS, st.none()),
        st.tuples(st.just("publish"), st.dictionaries(_IDS, _SPECS), st.none()),
    ),
    max_size=30,
)


def _clock() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def _do(store: Store, step: tuple[str, object, object]) -> None:
    match step:
        case ("put", str(name), spec):
            store.put(kind.META_KEY, name, spec, owner="test")
        case ("remove", str(name), _):
            store.remove(kind.META_KEY, name)
        case ("publish", dict(specs), _):
            store.publish(kind.META_KEY, specs, owner="test")


def _read_all(changes: Changes) -> list[Change]:
    return [changes.get_nowait() for _ in range(changes.qsize())]


@given(_STEPS)
def test_changes_rebuild_the_store(steps: list[tuple[str, object, object]]) -> None:
    """Who applies every change to an empty copy has the same resources."""
    store = Store(_clock)
    copy: dict[str, Resource] = {}
    with store.watch(lambda _: True) as changes:
        for step in steps:
            _do(store, step)
        for change in _read_all(changes):
            if change.type is ChangeType.DESTROYED:
                del copy[change.resource.id]
            else:
                copy[change.resource.id] = change.resource
    assert {r.id: r for r in store.of_kind(kind.META_KEY)} == copy


@given(_STEPS)
def test_versions_count_changes(steps: list[tuple[str, object, object]]) -> None:
    """A resource begins at version 1 and goes up by one with every real change."""
    store = Store(_clock)
    with store.watch(lambda _: True) as changes:
        for step in steps:
            _do(store, step)
        for change in _read_all(changes):
            assert change.resource.version == (change.old.version + 1 if change.old else 1) or (
                change.type is ChangeType.DESTROYED
            )
            assert (change.old is not None) == (change.type is ChangeType.UPDATED)
            assert change.old is None or change.old.spec != change.resource.spec


@given(_STEPS)
def test_an_equal_specification_is_no_change(before: list[tuple[str, object, object]]) -> None:
    """Publishing what is there wakes nobody."""
    store = Store(_clock)
    for step in before:
        _do(store, step)
    with store.watch(lambda _: True) as changes:
        specs = {each.id: dict(each.spec) for each in store.of_kind(kind.META_KEY)}
        store.publish(kind.META_KEY, specs, owner="test")
        assert changes.empty()


@given(st.dictionaries(_IDS, _SPECS))
def test_publish_holds_exactly_what_it_was_given(specs: dict[str, dict[str, str]]) -> None:
    """Others of the kind are gone, other kinds are not touched."""
    store = Store(_clock)
    store.put(kind.META_KEY, "old", {"value": "x"}, owner="test")
    store.put(kind.VERSION, "version", {"version": "v1"}, owner="test")
    store.publish(kind.META_KEY, specs, owner="test")
    assert {each.id: each.spec for each in store.of_kind(kind.META_KEY)} == specs
    assert store.spec(kind.VERSION, "version") == {"version": "v1"}


def test_times_tell_creation_from_change() -> None:
    """`created` stays, `updated` moves, an equal put moves nothing."""
    start, ticks = datetime(2026, 1, 1, tzinfo=UTC), count()
    store = Store(lambda: start + timedelta(seconds=next(ticks)))
    first = store.put(kind.META_KEY, "a", {"value": "x"}, owner="test")
    second = store.put(kind.META_KEY, "a", {"value": "y"}, owner="test")
    third = store.put(kind.META_KEY, "a", {"value": "y"}, owner="test")
    assert second.created == first.created < second.updated
    assert third is second


def test_a_watcher_sees_only_what_it_wants() -> None:
    """The filter decides, before the queue."""
    store = Store()
    with store.watch(lambda resource: resource.id == "b") as changes:
        store.put(kind.META_KEY, "a", {"value": "x"}, owner="test")
        store.put(kind.META_KEY, "b", {"value": "x"}, owner="test")
        assert [change.resource.id for change in _read_all(changes)] == ["b"]
    store.put(kind.META_KEY, "b", {"value": "y"}, owner="test")
    assert changes.empty()


def test_a_watcher_that_does_not_read_is_told_that_it_missed_something() -> None:
    """Its queue is bounded: one slow client must not eat the node's memory."""
    store = Store()
    with store.watch(lambda _: True) as changes:
        for number in range(BACKLOG):
            store.put(kind.META_KEY, "a", {"value": str(number)}, owner="test")
        assert not changes.missed
        store.put(kind.META_KEY, "a", {"value": "more"}, owner="test")
        assert changes.missed
        assert changes.qsize() == BACKLOG


def test_a_resource_is_found_in_its_own_namespace_only() -> None:
    """Type, namespace and id together are the key."""
    store = Store()
    store.put(kind.META_KEY, "a", {"value": "x"}, owner="test")
    assert store.find(kind.META_KEY.type, "runtime", "a")
    assert store.find(kind.META_KEY.type, "network", "a") is None
    assert store.get(kind.META_KEY, "b") is None
    assert store.spec(kind.META_KEY, "b") == {}
