# SPDX-License-Identifier: Apache-2.0
"""A bundle for support: all that nodes tell about themselves, without their secrets, in one zip.

What one node or one call does not give is noted in the bundle and never stops the rest. The file
appears under its name only once it is whole.
"""

import asyncio
import json
import os
import re
import tempfile
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import yaml

from edge import __version__
from edge.client.client import NodeClient
from edge.client.model import Definition, Document
from edge.client.report import SocketFilter, SocketQuery
from edge.config.mask import MASK, LineMask, is_secret_name, mask_text
from edge.config.redact import redact_text
from edge.errors import EdgeError
from edge.provision.restart import Opener
from edge.provision.saving import saving

PART_DEADLINE_S = 60.0
NODE_DEADLINE_S = 300.0
QUIET_S = 1.0
LOG_LIMIT_BYTES = 64 << 20
_MEMORY_BYTES = 1 << 20
_EVERY_SOCKET = SocketQuery(filter=SocketFilter.ALL, programs=True)
_MACHINE_CONFIG = "MachineConfigs.config.talos.dev"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleReport:
    """What is in a bundle, and what is missing from it."""

    path: Path
    size_bytes: int
    nodes: tuple[str, ...]
    dead: tuple[str, ...]
    faults: tuple[str, ...]


async def make_bundle(
    openers: Mapping[str, Opener],
    path: Path,
    *,
    overwrite: bool = False,
    workers: int = 4,
    tell: Tell = lambda _: None,
) -> BundleReport:
    """Collect from all nodes, `workers` at a time, into the zip file `path`.

    Raises:
        EdgeError: when `path` exists and `overwrite` is off, or cannot be written.
    """
    saved = saving(
        path,
        overwrite=overwrite,
        exists_hint="--force overwrites it, -O names another",
        folder_hint="-O names a file in a folder that you may write",
    )
    async with saved as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            writer, slots = _Writer(archive), asyncio.Semaphore(workers)

            async def collect(node: str) -> list[str]:
                async with slots:
                    return await _Collector(node, openers[node], writer, tell).run()

            faults = await asyncio.gather(*map(collect, openers))
            dead = [node for node in openers if not writer.has(node)]
            await writer.text("summary.yaml", _dump(_summary(openers, faults)))
        size = file.seek(0, os.SEEK_END)
    return BundleReport(
        path=path,
        size_bytes=size,
        nodes=tuple(openers),
        dead=tuple(dead),
        faults=tuple(fault for each in faults for fault in each),
    )


def mask(value: Any, *, hide: bool = False) -> Any:
    """Return `value` with whatever looks secret masked, by name or by looks."""
    if isinstance(value, Mapping):
        return {
            key: mask(inner, hide=hide or is_secret_name(str(key))) for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [mask(each, hide=hide) for each in value]
    if hide:
        return MASK if value and not isinstance(value, bool) else value
    return mask_text(value) if isinstance(value, str) else value


class _Writer:
    """Writes one file of the archive at a time, whoever it comes from."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._lock = asyncio.Lock()

    def has(self, node: str) -> bool:
        """Say whether there is anything of `node` but what is missing."""
        return f"{_file_name(node)}/version.yaml" in self._archive.namelist()

    async def text(self, name: str, text: str) -> None:
        """Write a small file."""
        async with self._lock:
            await asyncio.to_thread(self._archive.writestr, name, text)

    async def lines(self, name: str, lines: AsyncIterator[str]) -> None:
        """Write what comes, once all has come; on disk when it is much."""
        with tempfile.SpooledTemporaryFile(_MEMORY_BYTES) as spool:
            size, masked = 0, LineMask()
            try:
                async with aclosing(cast("Any", lines)):
                    async for line in lines:
                        data = f"{masked.mask(line)}\n".encode()
                        size += len(data)
                        if size > LOG_LIMIT_BYTES:
                            spool.write(b"(cut here: too long)\n")
                            break
                        spool.write(data)
            finally:
                # Half a log is better than none.
                spool.seek(0)
                async with self._lock:
                    await asyncio.to_thread(self._copy, name, cast("IO[bytes]", spool))

    def _copy(self, name: str, source: IO[bytes]) -> None:
        with self._archive.open(name, "w") as target:
            while chunk := source.read(_MEMORY_BYTES):
                target.write(chunk)


@dataclass(slots=True)
class _Collector:
    """Collects from one node; `faults` are lines about what it did not give."""

    node: str
    opener: Opener
    writer: _Writer
    tell: Tell
    faults: list[str] = field(default_factory=list)

    async def run(self) -> list[str]:
        """Collect everything that can be had."""
        self.tell(f"{self.node}: collecting")
        try:
            async with asyncio.timeout(NODE_DEADLINE_S), self.opener() as client:
                await self._collect(client)
        except (EdgeError, TimeoutError) as error:
            self._note("", error)
            self.tell(self.faults[-1])
        if self.faults:
            await self.writer.text(self._name("errors.txt"), "\n".join((*self.faults, "")))
        self.tell(f"{self.node}: done" + (f", {len(self.faults)} missing" if self.faults else ""))
        return self.faults

    async def _collect(self, client: NodeClient) -> None:
        # First the cheapest: who does not answer this is dead.
        version = asdict(await client.version())
        await self.writer.text(self._name("version.yaml"), _dump(mask(version)))
        tables: dict[str, Callable[[], Awaitable[Any]]] = {
            "memory": client.memory,
            "mounts": client.mounts,
            "processes": client.processes,
            "disks": client.disks,
            "services": client.services,
            "netstat": partial(client.connections, _EVERY_SOCKET),
        }
        for name, read in tables.items():
            await self._part(f"{name}.yaml", self._table(f"{name}.yaml", read))
        await self._part("dependencies.dot", self._dependencies(client))
        await self._part("dmesg.log", self.writer.lines(self._name("dmesg.log"), client.dmesg()))
        await self._part("events.jsonl", self._events(client))
        await self._part("service-logs", self._logs(client))
        await self._part("resources", self._resources(client))

    async def _part(self, name: str, work: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(PART_DEADLINE_S):
                await work
        except (EdgeError, TimeoutError) as error:
            self._note(name, error)

    async def _table(self, name: str, read: Callable[[], Awaitable[Any]]) -> None:
        value = await read()
        rows = [asdict(each) for each in value] if isinstance(value, list) else dict(value)
        await self.writer.text(self._name(name), _dump(mask(rows)))

    async def _dependencies(self, client: NodeClient) -> None:
        edges = await client.dependencies()
        lines = sorted(
            f'  "{each.controller}" -> "{each.type}" [label="{each.edge}"];'
            if each.is_output
            else f'  "{each.type}" -> "{each.controller}" [label="{each.edge}"];'
            for each in edges
        )
        text = "\n".join(("digraph {", *lines, "}", ""))
        await self.writer.text(self._name("dependencies.dot"), text)

    async def _events(self, client: NodeClient) -> None:
        async def past() -> AsyncIterator[str]:
            events = client.events(-1)
            try:
                # Events never end; the past does, when nothing comes for a moment.
                while True:
                    event = await asyncio.wait_for(anext(events), QUIET_S)
                    yield json.dumps(mask(asdict(event)), default=str)
            except (TimeoutError, StopAsyncIteration):
                return

        await self.writer.lines(self._name("events.jsonl"), past())

    async def _logs(self, client: NodeClient) -> None:
        services = {each.id for each in await client.services()}
        for name in await client.log_names():
            folder = "service-logs/" if name in services else ""
            file = f"{folder}{_file_name(name)}.log"
            await self._part(file, self.writer.lines(self._name(file), client.logs(name)))
        for each in await client.services():
            state = self._name(f"service-logs/{_file_name(each.id)}.state")
            await self.writer.text(state, _dump(mask(asdict(each))))

    async def _resources(self, client: NodeClient) -> None:
        for kind in await client.definitions():
            name = f"resources/{_file_name(kind.type.lower())}.yaml"
            await self._part(name, self._resource(client, kind, name))

    async def _resource(self, client: NodeClient, kind: Definition, name: str) -> None:
        found = await client.resources(kind.type, kind.namespace)
        documents = [_document(kind, each) for each in found]
        text = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False) if documents else ""
        await self.writer.text(self._name(name), text)

    def _name(self, name: str) -> str:
        return f"{_file_name(self.node)}/{name}"

    def _note(self, name: str, error: Exception) -> None:
        said = error.message if isinstance(error, EdgeError) else "did not answer in time"
        said = mask_text(said)
        self.faults.append(f"{self.node}: {name}: {said}" if name else f"{self.node}: {said}")


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such, which is how people read configurations."""

    def represent_str(self, text: str) -> yaml.ScalarNode:
        """Return a text in the style that shows its lines."""
        style = "|" if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def _document(kind: Definition, document: Document) -> dict[str, Any]:
    if kind.type == _MACHINE_CONFIG:
        spec = _masked_config(document.spec)
    elif kind.sensitive:
        spec = MASK
    else:
        spec = mask(document.spec)
    return {"metadata": _plain(mask(document.metadata)), "spec": _plain(spec)}


def _masked_config(spec: Any) -> Any:
    text = spec if isinstance(spec, str) else yaml.safe_dump(_plain(spec), sort_keys=False)
    try:
        return redact_text(text)
    except EdgeError:
        # What cannot be read cannot be told from secrets.
        return MASK


def _summary(openers: Mapping[str, Opener], faults: list[list[str]]) -> dict[str, Any]:
    return {
        "edgectl": __version__,
        "collected": datetime.now(UTC).isoformat(timespec="seconds"),
        "nodes": [
            {"node": node, "missing": missing}
            for node, missing in zip(openers, faults, strict=True)
        ],
    }


def _dump(value: Any) -> str:
    return yaml.safe_dump(_plain(value), sort_keys=False)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def _file_name(text: str) -> str:
    # Nodes choose names of logs and kinds; they do not choose where files go.
    safe = re.sub(r"[^\w.:@-]", "_", text)
    return safe if safe.strip(".") else "_"
