# SPDX-License-Identifier: Apache-2.0
"""Asking a time server, with a real one on the loopback."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.node.network import sntp

Answer = Callable[[bytes], bytes | None]


class Server(asyncio.DatagramProtocol):
    """Answers every datagram by a function of it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (reply := self._answer(data)) is not None:
            self._transport.sendto(reply, addr)


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    """Serve on the loopback and yield the port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Server(answer), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def reply(
    question: bytes, *, ahead_s: float = 0.0, stratum: int = 2, first: int = 0x24, origin: int = -1
) -> bytes:
    """Return what a server whose clock is ahead by so much answers."""
    sent = struct.unpack("!Q", question[40:48])[0] if origin < 0 else origin
    now = sntp._to_ntp(time.time() + ahead_s)
    return (
        struct.pack("!BBbb11xx", first, stratum, 6, -20)[:4]
        + bytes(20)
        + struct.pack("!QQQ", sent, now, now)
    )


@pytest.mark.parametrize("ahead_s", [0.0, 3600.0, -86400.0])
async def test_the_offset_is_the_difference_of_the_clocks(ahead_s: float) -> None:
    """Within what a loopback takes."""
    async with serving(lambda question: reply(question, ahead_s=ahead_s)) as port:
        sample = await sntp.ask("127.0.0.1", port)
    assert sample.offset_s == pytest.approx(ahead_s, abs=0.2)
    assert sample.remote - sample.local == pytest.approx(sample.offset_s, abs=1e-3)


@pytest.mark.parametrize(
    "answer",
    [
        lambda question: reply(question, stratum=0),  # "kiss of death"
        lambda question: reply(question, stratum=16),
        lambda question: reply(question, first=0xE4),  # not synchronised
        lambda question: reply(question, first=0x23),  # a question, not an answer
        lambda question: reply(question, origin=1),  # somebody guessing
        lambda question: reply(question)[:47],
        lambda _: b"x",
    ],
)
async def test_bad_answers_are_refused(answer: Answer) -> None:
    """A clock is not set by them."""
    async with serving(answer) as port:
        with pytest.raises(ValueError, match=r"127\.0\.0\.1"):
            await sntp.ask("127.0.0.1", port)


async def test_nobody_there_is_an_error_of_the_system() -> None:
    """A closed port answers by ICMP."""
    async with serving(lambda _: None) as port:
        pass
    with pytest.raises(OSError, match="refused"):
        await sntp.ask("127.0.0.1", port)


@given(st.floats(0, 4_233_462_143))
def test_stamps_survive_both_ways(seconds: float) -> None:
    """Until 2104, across the end of NTP's first era in 2036."""
    assert sntp._from_ntp(sntp._to_ntp(seconds)) == pytest.approx(seconds, abs=1e-3)
