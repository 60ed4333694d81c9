# SPDX-License-Identifier: Apache-2.0
"""One socket of rtnetlink: questions that the kernel answers with a list, and requests."""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from edge.node.network.rtnetlink.message import (
    ACK,
    DONE,
    DUMP,
    ERROR,
    INTERRUPTED,
    REQUEST,
    Message,
    read_messages,
    write_message,
)

TIMEOUT_S = 10.0
DUMPS = 8
"""How often a list is asked for that changes while the kernel tells it."""
_SOL_NETLINK, _STRICT_CHECK = 270, 12
# The kernel never sends more at once, and what it has to tell waits for us.
_RECEIVE_BYTES = 1 << 16
_BUFFER_BYTES = 1 << 20
_ERRNO = struct.Struct("=i")


class Channel:
    """A conversation with the kernel; whatever it refuses is an OSError."""

    def __init__(
        self,
        connect: Callable[[], socket.socket] | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._connect = connect or _connect
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._sequence = 0

    def open(self) -> None:
        """Open the socket.

        Raises:
            OSError: when the system has none to give.
        """
        self._socket = self._connect()

    def close(self) -> None:
        """Close the socket."""
        if self._socket:
            self._socket.close()
            self._socket = None

    async def dump(self, kind: int, body: bytes) -> list[bytes]:
        """Return the bodies of all that the kernel has of a kind.

        Raises:
            OSError: when the kernel refuses, says nothing, or changes its mind all the time.
        """
        for _ in range(DUMPS):
            answers = await self._ask(kind, REQUEST | DUMP, body)
            if not any(flags & INTERRUPTED for _kind, flags, _sequence, _body in answers):
                return [body for kind, _flags, _sequence, body in answers if kind != DONE]
        raise OSError(errno.EBUSY, "the network changes faster than it can be read")

    async def request(self, kind: int, flags: int, body: bytes) -> None:
        """Have the kernel change something.

        Raises:
            OSError: when it refuses or says nothing.
        """
        await self._ask(kind, REQUEST | ACK | flags, body)

    async def _ask(self, kind: int, flags: int, body: bytes) -> list[Message]:
        assert self._socket, "the channel is not open"
        self._sequence += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                self._socket.send(write_message(kind, flags, self._sequence, body))
                return await self._answers(self._socket)
        except TimeoutError:
            raise TimeoutError(errno.ETIMEDOUT, "the kernel does not answer") from None

    async def _answers(self, opened: socket.socket) -> list[Message]:
        """Return the answers to the latest question, up to the one that ends them."""
        answers: list[Message] = []
        while True:
            data = await asyncio.get_running_loop().sock_recv(opened, _RECEIVE_BYTES)
            for message in read_messages(data):
                kind, _flags, sequence, body = message
                if sequence != self._sequence:
                    continue  # belongs to a question that was given up
                if kind in (ERROR, DONE):
                    _raise_for(body)
                answers.append(message)
                if kind in (ERROR, DONE):
                    return answers


def _connect() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        # With it the kernel leaves out what was not asked for; before Linux 4.20 we do.
        with suppress(OSError):
            opened.setsockopt(_SOL_NETLINK, _STRICT_CHECK, 1)
        # Only the kernel may answer.
        opened.connect((0, 0))
    except OSError:
        opened.close()
        raise
    return opened


def _raise_for(body: bytes) -> None:
    # The end of a list may tell an error, too.
    code = -_ERRNO.unpack_from(body)[0] if len(body) >= _ERRNO.size else 0
    if code > 0:
        raise OSError(code, os.strerror(code))
