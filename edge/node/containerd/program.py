# SPDX-License-Identifier: Apache-2.0
"""`ctr`, the program beside containerd, as a child process that cannot outlive its call."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from edge.errors import ImageError, NodeError
from edge.node.containerd.client import MissingError
from edge.node.containerd.place import Place

_SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE")
_LINE_LIMIT = 64 * 1024
_COMPLAINT_BYTES = 4096
_GRACE_S = 2.0
_PREFIX = "ctr: "


class Program:
    """A running `ctr`; make it with `running`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._complaint = bytearray()
        self._listening = asyncio.create_task(self._listen())

    async def lines(self) -> AsyncIterator[str]:
        """Yield what it prints.

        Raises:
            NodeError: when it prints a line without an end.
        """
        assert self._process.stdout
        try:
            async for line in self._process.stdout:
                yield line.decode(errors="replace").rstrip("\r\n")
        except ValueError as error:
            raise NodeError("ctr prints what is not for this node to read") from error

    async def feed(self, data: bytes) -> None:
        """Give it input, waiting while it has enough.

        Raises:
            OSError: when it does not want any.
        """
        assert self._process.stdin
        self._process.stdin.write(data)
        await self._process.stdin.drain()

    async def end_input(self) -> None:
        """Tell it that there is no more input."""
        assert self._process.stdin
        self._process.stdin.close()
        # What went wrong is in what it says.
        with suppress(OSError):
            await self._process.stdin.wait_closed()

    async def finish(self, doing: str) -> None:
        """Wait for its end; `doing` begins the sentence of what went wrong.

        Raises:
            MissingError: when it did not find what it was to work on.
            ImageError: when it failed otherwise.
        """
        if not await self._process.wait():
            return
        await asyncio.wait({self._listening}, timeout=_GRACE_S)
        reason = _reason(self._complaint.decode(errors="replace"))
        if reason.endswith(": not found"):
            raise MissingError(f"{doing}: {reason}")
        raise ImageError(f"{doing}: {reason or f'ctr failed ({self._process.returncode})'}")

    async def end(self) -> None:
        """End it if it still runs: politely first."""
        self._listening.cancel()
        if self._process.stdin:
            self._process.stdin.close()
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(_GRACE_S):
                    await self._process.wait()
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await asyncio.wait({self._listening})

    async def _listen(self) -> None:
        assert self._process.stderr
        while part := await self._process.stderr.read(_COMPLAINT_BYTES):
            self._complaint += part
            del self._complaint[:-_COMPLAINT_BYTES]


@asynccontextmanager
async def running(
    place: Place, arguments: Sequence[str], *, fed: bool = False
) -> AsyncIterator[Program]:
    """Run `ctr`; with `fed` it gets input. It is ended with the block, whatever happens.

    It stays in the node's own process group, so that it goes too when the node is killed.

    Raises:
        NodeError: when the node has no such program.
    """
    program = shutil.which("ctr", path=_SEARCH)
    if program is None:
        raise NodeError("this node has no program ctr, which comes with containerd")
    process = await asyncio.create_subprocess_exec(
        program,
        f"--address={place.socket.resolve()}",
        f"--namespace={place.namespace}",
        *arguments,
        stdin=asyncio.subprocess.PIPE if fed else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
        env={"PATH": _SEARCH} | {k: os.environ[k] for k in _PASSED_ON if k in os.environ},
    )
    child = Program(process)
    try:
        yield child
    finally:
        await child.end()


def _reason(complaint: str) -> str:
    """Return the last thing that it said itself, without what it logged on the way."""
    said = [each for each in complaint.splitlines() if each.startswith(_PREFIX)]
    return said[-1].removeprefix(_PREFIX) if said else ""
