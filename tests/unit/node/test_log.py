# SPDX-License-Identifier: Apache-2.0
"""Logs and events in memory: bounded, followed, in order."""

import asyncio
import re
import time
from threading import Event, Thread, Timer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.api import machine_pb2
from edge.node.event import HISTORY, EventBus
from edge.node.log import Ring, logger, start_logging


@given(st.lists(st.text(), max_size=30), st.integers(-1, 40))
def test_tail_is_the_end(lines: list[str], count: int) -> None:
    """Of what fits; a negative count is everything."""
    ring = Ring(10)
    for line in lines:
        ring.add(line)
    kept = lines[-10:]
    assert ring.tail(count) == (kept if count < 0 else kept[len(kept) - min(count, len(kept)) :])


async def test_a_follower_gets_every_line_once() -> None:
    """Those that came while it was still reading the past, too."""
    ring = Ring()
    ring.add("a")
    ring.add("b")
    seen = []
    async for line in ring.read(follow=True):
        seen.append(line)
        if line == "a":
            ring.add("c")
        if line == "c":
            break
    assert seen == ["a", "b", "c"]


async def test_a_follower_that_does_not_read_costs_nothing_more() -> None:
    """It loses the oldest lines."""
    ring = Ring(10)
    ring.add("first")
    lines = ring.read(follow=True)
    assert await anext(lines) == "first"
    for number in range(100):
        ring.add(str(number))
    assert [await anext(lines) for _ in range(10)] == [str(number) for number in range(90, 100)]


async def test_a_line_of_another_thread_wakes_its_reader() -> None:
    """At once, not when something else happens."""
    ring, loop = Ring(), asyncio.get_running_loop()
    ring.add("first")
    lines = ring.read(follow=True)
    assert await anext(lines) == "first"
    waiting = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    # By then the loop waits for whatever comes.
    Timer(0.2, ring.add, args=("from a thread",)).start()
    started = loop.time()
    await asyncio.wait([waiting], timeout=60)
    assert waiting.result() == "from a thread"
    assert loop.time() - started < 30


async def test_readers_come_and_go_while_a_thread_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever logs is not troubled by it."""
    ring, enough, failed = Ring(), Event(), list[BaseException]()
    ring.add("first")

    def is_full(_queue: object) -> bool:
        # Others have their turn in the middle of handing a line over.
        time.sleep(0)
        return False

    def log() -> None:
        try:
            while not enough.is_set():
                ring.add("more")
        except RuntimeError as error:
            failed.append(error)

    monkeypatch.setattr(asyncio.Queue, "full", is_full)
    thread = Thread(target=log)
    thread.start()
    for _ in range(10):
        readers = [ring.read(follow=True) for _ in range(10)]
        for reader in readers:
            await anext(reader)
        for reader in readers:
            await reader.aclose()  # type: ignore[attr-defined]
    enough.set()
    thread.join()
    assert failed == []


async def test_subscribers_and_history_of_events_are_bounded() -> None:
    """Nobody can fill the memory by not reading."""
    bus = EventBus()
    with bus.subscribe() as queue:
        for number in range(HISTORY + 50):
            bus.publish("RestartEvent", {"cmd": number})
        assert queue.qsize() == HISTORY
        assert len(bus.history()) == HISTORY
        assert queue.get_nowait().payload == machine_pb2.RestartEvent(cmd=50)


def test_event_ids_are_twenty_characters_in_time_order() -> None:
    """As upstream's clients compare them."""
    bus = EventBus()
    for _ in range(20):
        bus.publish("RestartEvent", {}, actor="me")
    ids = [event.id for event in bus.history()]
    assert all(re.fullmatch("[0-9a-v]{20}", each) for each in ids)
    assert len(set(ids)) == 20


async def test_warnings_reach_the_console() -> None:
    """Everything else is read through the API."""
    said: list[str] = []
    book = start_logging(said.append)
    logger("network").info("quiet")
    logger("network.dhcp").warning("link %s is gone", "eth0")
    assert said == ["network: link eth0 is gone"]
    assert [line.split(" ", 2)[2] for line in book.open("network").tail()] == [
        "   quiet",
        "link eth0 is gone",
    ]
    await asyncio.sleep(0)


@given(st.lists(st.text(max_size=60), max_size=60))
def test_a_ring_is_bounded_in_characters(lines: list[str]) -> None:
    """Long lines push out more of the old ones; the last one is always there."""
    ring = Ring(40, 500)
    for line in lines:
        ring.add(line)
    kept = ring.tail()
    assert sum(map(len, kept)) <= 500 or len(kept) == 1
    assert kept == lines[len(lines) - len(kept) :]
    assert bool(kept) == bool(lines)


def test_a_callers_text_is_one_short_line() -> None:
    """Nobody fills the memory, forges a line or drives a terminal by what he asks for."""
    book = start_logging(lambda _text: None)
    logger("apid").info("%s refused", "/a\nb\x1b]0;title" + "x" * 100_000)
    ring = book.ring("apid")
    assert ring
    (line,) = ring.tail(1)
    assert line.isprintable()
    assert len(line) < 5_000
    assert "/a\\x0ab\\x1b]0;titlexxx" in line
