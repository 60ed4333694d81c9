# SPDX-License-Identifier: Apache-2.0
"""A client that costs next to nothing: calls are frames made beforehand, answers are counted.

What is measured with it is the server. It speaks as much HTTP/2 as a server of calls without
an argument needs: no flow control of its own, no header compression, no decoding.
"""

import asyncio
import ssl
import struct
from collections.abc import Iterable

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADER = struct.Struct(">BHBBI")
_DATA, _HEADERS, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_EMPTY_MESSAGE = b"\0\0\0\0\0"
_MOST_WINDOW = 0x7FFFFFFF
_SETTINGS_WANTED = struct.pack(">HIHI", 1, 0, 4, 0x7FFFFFFF)  # no table, no window to speak of
_GOOD = b"grpc-status\x010"
"""The trailer of a call that went well, as a server without a table must write it."""


class Wire(asyncio.Protocol):
    """One connection; `started` calls are under way or done, `finished` are done."""

    def __init__(self) -> None:
        self.started = self.finished = self.failed = 0
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._awaited: tuple[int, asyncio.Future[None]] | None = None
        self._again: bytes | None = None
        self._until = 0.0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin HTTP/2."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        window = struct.pack(">I", _MOST_WINDOW - 65535)
        transport.write(
            _PREFACE + _frame(_SETTINGS, 0, 0, _SETTINGS_WANTED) + _frame(_WINDOW, 0, 0, window)
        )

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell whoever waits that nothing more will come."""
        for future in (self.ready, self._awaited and self._awaited[1]):
            if future and not future.done():
                future.set_exception(ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Count ended streams and answer what has to be answered."""
        data = self._rest + data
        at = 0
        while at + 9 <= len(data):
            length_high, length_low, kind, flags, _stream = _HEADER.unpack_from(data, at)
            end = at + 9 + (length_high << 16 | length_low)
            if end > len(data):
                break
            self._take(kind, flags, data[at + 9 : end])
            at = end
        self._rest = data[at:]

    def call(self, headers: bytes, count: int) -> None:
        """Begin `count` calls at once."""
        assert self._transport
        frames = []
        for _ in range(count):
            stream = self.started * 2 + 1
            self.started += 1
            frames.append(_frame(_HEADERS, _END_HEADERS, stream, headers))
            frames.append(_frame(_DATA, _END_STREAM, stream, _EMPTY_MESSAGE))
        self._transport.write(b"".join(frames))

    def go_on(self, headers: bytes, until: float) -> None:
        """Begin another call for every one that ends, until this time of the loop."""
        self._again, self._until = headers, until

    async def settled(self, timeout_s: float) -> None:
        """Wait until as many calls have ended as were begun."""
        if self.finished < self.started or self._again:
            future = asyncio.get_running_loop().create_future()
            self._awaited = (0, future)
            async with asyncio.timeout(timeout_s):
                await future

    def close(self) -> None:
        """Hang up."""
        if self._transport:
            self._transport.abort()

    def _take(self, kind: int, flags: int, payload: bytes) -> None:
        assert self._transport
        if kind == _SETTINGS and not flags & _ACK:
            self._transport.write(_frame(_SETTINGS, _ACK, 0, b""))
            if not self.ready.done():
                self.ready.set_result(None)
        elif kind == _PING and not flags & _ACK:
            self._transport.write(_frame(_PING, _ACK, 0, payload))
        elif kind in (_HEADERS, _DATA) and flags & _END_STREAM:
            self.failed += _GOOD not in payload
            self._end_one()

    def _end_one(self) -> None:
        self.finished += 1
        if self._again and asyncio.get_running_loop().time() < self._until:
            self.call(self._again, 1)
        elif self.finished == self.started and self._awaited:
            self._again = None
            if not self._awaited[1].done():
                self._awaited[1].set_result(None)


async def connect(host: str, port: int, context: ssl.SSLContext) -> Wire:
    """Return a connection that the server has greeted."""
    loop = asyncio.get_running_loop()
    _transport, wire = await loop.create_connection(Wire, host, port, ssl=context)
    await asyncio.wait_for(wire.ready, 60)
    return wire


def headers(method: str, host: str, more: Iterable[tuple[str, str]] = ()) -> bytes:
    """Return the header block of a call of `method` (a full path)."""
    fields = [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", method),
        (":authority", host),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        *more,
    ]
    return b"".join(_field(name, value) for name, value in fields)


def _field(name: str, value: str) -> bytes:
    # Literals without indexing, lengths below 127.
    return b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return _HEADER.pack(len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream) + payload
