# SPDX-License-Identifier: Apache-2.0
"""Bringing images in: from a registry, or from an archive that a client sends.

Both are done by `ctr`. Containerd 1.7 has a service for it (Transfer), 1.6 has none, and no other
call of either puts an image together: fetching, registries' tokens, the formats of archives and
unpacking live in containerd's client library, which `ctr` is made of. It has the same words in
both versions.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from edge.errors import ConfigError, NodeError
from edge.node.containerd.client import Containerd, MissingError, connect
from edge.node.containerd.image import full_reference, is_complete, pinned
from edge.node.containerd.place import Place
from edge.node.containerd.program import Program, running
from edge.node.containerd.progress import Progress, Step

STALL_S = 300.0
"""How long a download may stand still."""
PULL_S = 3600.0
IMPORT_S = 1800.0
_AT_ONCE = 4
_LOOK_S = 0.1
_IMPORTED = "unpacking "

# However many clients want images: each takes a process, and a card has but so much to give.
_turns = asyncio.Semaphore(_AT_ONCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """The end of a pull: what the image is called for good."""

    name: str


async def pull(place: Place, reference: str) -> AsyncGenerator[Step | Pulled, None]:
    """Pull an image, saying how far it is, and what it is called at the end.

    An image that is there is not asked for again: a node may be out of reach of its registry.

    Raises:
        ConfigError: when `reference` is none.
        MissingError: when the registry has no such image.
        ImageError: when it cannot be fetched or unpacked.
        NodeError: when no containerd runs, or nothing moves any more.
    """
    name = full_reference(reference)
    async with connect(place) as containerd:
        if not await _has(containerd, name):
            async with aclosing(_fetch(containerd, place, name)) as steps:
                async for step in steps:
                    yield step
        image = await containerd.image(name)
    yield Pulled(name=pinned(name, image.target.digest))


async def load(place: Place, chunks: AsyncIterator[bytes]) -> str:
    """Import an archive and return the name of its first image.

    Raises:
        ConfigError: when there is no image in it.
        ImageError: when it cannot be read or unpacked.
        NodeError: when no containerd runs, or it takes too long.
    """
    arguments = ("images", "import", "--digests", "--skip-digest-for-named", "-")
    async with connect(place) as containerd:
        await containerd.version()
    try:
        async with (
            _turns,
            asyncio.timeout(IMPORT_S),
            running(place, arguments, fed=True) as program,
        ):
            names = await _import(program, chunks)
    except TimeoutError as error:
        raise NodeError(f"importing took longer than {IMPORT_S:.0f} s") from error
    if not names:
        raise ConfigError("the archive holds no image")
    return names[0]


async def _has(containerd: Containerd, name: str) -> bool:
    try:
        return await is_complete(containerd, await containerd.image(name))
    except MissingError:
        return False


async def _fetch(containerd: Containerd, place: Place, name: str) -> AsyncGenerator[Step, None]:
    progress = Progress(containerd, name)
    async with _turns, running(place, ("images", "pull", name)) as program:
        reading = asyncio.create_task(_note(program, progress))
        try:
            async with aclosing(_follow(reading, progress, name)) as steps:
                async for step in steps:
                    yield step
            await reading
            await program.finish(f"image {name} cannot be pulled")
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
    for step in progress.end():
        yield step


async def _note(program: Program, progress: Progress) -> None:
    async for line in program.lines():
        progress.note(line)


async def _follow(
    reading: "asyncio.Task[None]", progress: Progress, name: str
) -> AsyncGenerator[Step, None]:
    moved = began = time.monotonic()
    while not reading.done():
        await asyncio.wait({reading}, timeout=_LOOK_S)
        steps = await progress.look()
        for step in steps:
            yield step
        now = time.monotonic()
        # Unpacking a large layer onto a slow card shows nothing for long.
        moved = now if steps or progress.unpacking else moved
        if now - moved > STALL_S:
            raise NodeError(f"image {name}: nothing came from its registry for {STALL_S:.0f} s")
        if now - began > PULL_S:
            raise NodeError(f"image {name} was not there after {PULL_S:.0f} s")


async def _import(program: Program, chunks: AsyncIterator[bytes]) -> list[str]:
    feeding = asyncio.create_task(_feed(program, chunks))
    try:
        lines = [line async for line in program.lines() if line.startswith(_IMPORTED)]
        # A client that sent what is no chunk is told so, and not what ctr made of it.
        if feeding.done():
            feeding.result()
        await program.finish("the archive cannot be imported")
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    return [line.removeprefix(_IMPORTED).partition(" ")[0] for line in lines]


async def _feed(program: Program, chunks: AsyncIterator[bytes]) -> None:
    try:
        async for chunk in chunks:
            await program.feed(chunk)
    except (BrokenPipeError, ConnectionResetError):
        # It has had enough, and says why.
        return
    finally:
        await program.end_input()
