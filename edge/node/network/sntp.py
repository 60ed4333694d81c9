# SPDX-License-Identifier: Apache-2.0
"""One question to a time server (SNTP, RFC 4330)."""

import asyncio
import struct
import time
from dataclasses import dataclass

PORT = 123
TIMEOUT_S = 3.0
_EPOCH_1900 = 2208988800
_CLIENT_V4 = 0x23


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a server answered: its time and ours then (Unix seconds), and the offset between."""

    server: str
    remote: float
    local: float
    offset_s: float


async def ask(server: str, port: int = PORT) -> Sample:
    """Ask `server` for the time.

    Raises:
        OSError: when it cannot be reached.
        TimeoutError: when it does not answer in `TIMEOUT_S`.
        ValueError: when the answer is not one of a synchronised server.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(TIMEOUT_S):
        transport, protocol = await loop.create_datagram_endpoint(
            _Answer, remote_addr=(server, port)
        )
        try:
            sent = time.time()
            transport.sendto(struct.pack("!B39xQ", _CLIENT_V4, _to_ntp(sent)))
            return _read(server, await protocol.data, sent, time.time())
        finally:
            transport.close()


class _Answer(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.data: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002
        if not self.data.done():
            self.data.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.data.done():
            self.data.set_exception(exc)


def _read(server: str, data: bytes, sent: float, received: float) -> Sample:
    if len(data) < 48 or data[0] & 7 != 4 or data[0] >> 6 == 3 or not 1 <= data[1] <= 15:
        raise ValueError(f"{server} is not a synchronised time server")
    origin, arrived, departed = struct.unpack("!QQQ", data[24:48])
    if origin != _to_ntp(sent):
        raise ValueError(f"{server} answered a question that was not asked")
    offset = ((_from_ntp(arrived) - sent) + (_from_ntp(departed) - received)) / 2
    return Sample(server=server, remote=received + offset, local=received, offset_s=offset)


def _to_ntp(seconds: float) -> int:
    return int((seconds + _EPOCH_1900) * (1 << 32)) & (1 << 64) - 1


def _from_ntp(stamp: int) -> float:
    # Era 1 begins in 2036; stamps of either era are told apart by their first bit (RFC 4330).
    era = 0 if stamp >> 63 else 1 << 32
    return stamp / (1 << 32) + era - _EPOCH_1900
