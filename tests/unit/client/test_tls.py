# SPDX-License-Identifier: Apache-2.0
"""Which of a node's addresses is connected to, and that nothing stays open of the others."""

import asyncio
import gc
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from edge.client.tls import _reach


def opened() -> set[str]:
    """Return what this process has open."""
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """Give an address that neither takes connections nor refuses them: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
            waiting.append(one)
        yield listening.getsockname()
        for one in waiting:
            one.close()


@pytest.fixture
def good() -> Iterator[tuple[str, int]]:
    """Give an address that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()


@pytest.fixture
def refusing() -> tuple[str, int]:
    """Give an address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address: tuple[str, int] = listening.getsockname()
    return address


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Have every name mean these addresses."""

    async def find(*_args: Any, **_more: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", each) for each in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", find)


async def test_silent_addresses_cost_a_moment_each(
    silent: tuple[str, int], good: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of them stays open."""
    resolve_to(monkeypatch, silent, silent, good)
    loop, before = asyncio.get_running_loop(), opened()
    started = loop.time()
    with await _reach("node", 1) as found:
        assert found.getpeername() == good
        assert loop.time() - started < 2
    await asyncio.sleep(0.01)
    gc.collect()
    assert opened() <= before


async def test_a_refusal_costs_nothing(
    refusing: tuple[str, int], good: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next address is tried at once."""
    resolve_to(monkeypatch, *[refusing] * 20, good)
    started = asyncio.get_running_loop().time()
    with await _reach("node", 1) as found:
        assert found.getpeername() == good
    assert asyncio.get_running_loop().time() - started < 2


async def test_no_address_answers(
    refusing: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last reason is told."""
    resolve_to(monkeypatch, refusing, refusing)
    with pytest.raises(ConnectionRefusedError):
        await _reach("node", 1)
    resolve_to(monkeypatch)
    with pytest.raises(OSError, match="no address"):
        await _reach("node", 1)


async def test_who_gives_up_leaves_nothing_open(
    silent: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many attempts were under way."""
    resolve_to(monkeypatch, silent, silent, silent)
    before = opened()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.6):
            await _reach("node", 1)
    await asyncio.sleep(0.01)
    assert opened() <= before
