# SPDX-License-Identifier: Apache-2.0
"""A private local socket whose other end is a TLS connection that OpenSSL keeps.

grpc connects to the socket in the clear, as often as it likes; every connection becomes one to the
node. When either side ends, so does the other; a side that does not read stops the other's
reading, so at most a few hundred kilobytes wait in between.
"""

import asyncio
import os
import shutil
import socket
import ssl
import struct
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from edge.client.fault import explain_dial
from edge.client.tls import BUFFER_BYTES, Streams
from edge.errors import EdgeError, NodeError

_PATH_LIMIT = 100
_CLOSE_TIMEOUT_S = 2.0
_UCRED = struct.Struct("3i")

Dial = Callable[[], Awaitable[Streams]]


class Bridge:
    """Listens until it is closed; `fault` is why the last connection could not be made or broke."""

    def __init__(self, where: str, dial: Dial) -> None:
        self.fault: EdgeError | None = None
        self._where = where
        self._dial = dial
        self._first: Streams | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._folder: Path | None = None
        self._listener: socket.socket | None = None

    @property
    def target(self) -> str:
        """Return the socket's address as grpc writes it."""
        assert self._folder, "it is open"
        return f"unix:{self._folder}/node"

    async def open(self) -> None:
        """Connect to the node, so that its faults are known at once, and listen.

        Raises:
            NodeError: when the node cannot be reached, or there is no place for the socket.
            TrustError: when it is not the node we want.
        """
        self._first = await self._dial()
        try:
            self._folder = _private_folder()
            self._listener = _listen(self._folder / "node")
        except OSError as error:
            await self.close()
            raise NodeError(f"cannot make a local socket: {error.strerror}") from error
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    async def close(self) -> None:
        """End every connection and take the socket away."""
        if self._listener:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_TIMEOUT_S)
        if first := self._take_first():
            await _end(first[1])

    def _accept(self) -> None:
        # Not asyncio's server: it leaves a connection open that arrives while it closes.
        assert self._listener, "it listens"
        with suppress(BlockingIOError):
            near, _ = self._listener.accept()
            near.setblocking(False)
            task = asyncio.create_task(self._serve(near))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            # Also when the task was cancelled before its first step.
            task.add_done_callback(lambda _: near.close())

    async def _serve(self, plain: socket.socket) -> None:
        if not _is_own(plain):
            return
        near = await asyncio.open_connection(sock=plain, limit=BUFFER_BYTES)
        far: Streams | None = None
        try:
            far = self._take_first() or await self._dial()
            self.fault = None
            await self._join(near, far)
        except EdgeError as error:
            self.fault = error
        finally:
            # What the node said last still goes to grpc.
            await asyncio.gather(_end(near[1]), *([_end(far[1])] if far else ()))

    def _take_first(self) -> Streams | None:
        first, self._first = self._first, None
        if first and first[0].at_eof():
            first[1].transport.abort()
            return None
        return first

    async def _join(self, near: Streams, far: Streams) -> None:
        ways = (
            asyncio.create_task(_copy(near[0], far[1])),
            asyncio.create_task(_copy(far[0], near[1])),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            ends = await asyncio.gather(*ways, return_exceptions=True)
        for end in ends:
            # Any other end is an ordinary one: grpc notices it and says so by itself.
            if isinstance(end, ssl.SSLError):
                raise explain_dial(self._where, end) from end


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(BUFFER_BYTES):
        writer.write(data)
        await writer.drain()


async def _end(writer: asyncio.StreamWriter) -> None:
    """Close, and do not wait long for somebody who does not listen."""
    writer.close()
    try:
        with suppress(OSError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await writer.wait_closed()
    finally:
        writer.transport.abort()


def _private_folder() -> Path:
    """Return a new folder that only we may enter, with a path short enough for a socket."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    places = (runtime, tempfile.gettempdir(), "/tmp")  # noqa: S108 - mkdtemp makes it private
    for place in places:
        if place and len(place) < _PATH_LIMIT - 20 and os.access(place, os.W_OK):
            return Path(tempfile.mkdtemp(prefix="edgectl-", dir=place))
    raise OSError(0, "no folder for it may be written")


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        listener.listen()
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _is_own(plain: socket.socket) -> bool:
    """Say whether this very process connected: others must not borrow our identity."""
    if sys.platform != "linux":
        return True
    asked = plain.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return bool(_UCRED.unpack(asked)[0] == os.getpid())
