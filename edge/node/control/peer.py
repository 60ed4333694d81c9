# SPDX-License-Identifier: Apache-2.0
"""Where the other nodes of the cluster are heard of: multicast DNS, or the lab's folders.

Both hand on what nodes say of themselves. Who of them belongs to the cluster is judged later.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol

from discovery.record import NodeRecord, NodeState
from discovery.roster import NodeEvent, NodeLost
from edge.errors import NodeError
from edge.node.identity import machine_uuid
from edge.node.log import logger
from edge.node.machine import Machine, Stage
from edge.node.membership import prove
from edge.node.resource import kind

FILE = "peer.json"
FORGET_AFTER_S = 120.0
REFRESH_S = 50.0
RECHECK_S = 10.0
NODES_A_SECOND = 20
_STATES = {Stage.MAINTENANCE: NodeState.MAINTENANCE, Stage.RUNNING: NodeState.RUNNING}
_TEXTS = ("name", "id", "version", "fingerprint", "cluster", "machine_type", "membership")
_log = logger("discovery")

Found = Mapping[tuple[str, str], NodeRecord]
Wanted = Callable[[NodeRecord], bool]


def own_record(machine: Machine) -> NodeRecord:
    """Return what this node says about itself."""
    image, view = machine.platform.image, machine.active.view if machine.active else None
    name = machine.store.spec(kind.HOSTNAME_STATUS, "hostname").get("hostname", "edge")
    record = NodeRecord(
        name=name,
        id=machine_uuid(machine),
        state=_STATES.get(machine.stage, NodeState.BOOTING),
        version=image.version,
        arch=image.arch,
        board=image.board,
        fingerprint=machine.fingerprint,
        card=machine.enrolment.id if machine.enrolment else "",
        cluster=view.cluster_name if view else "",
        machine_type=str(view.machine_type or "") if view else "",
    )
    if view is None or not view.discovery or not view.cluster_secret:
        return record
    return replace(record, membership=prove(view.cluster_secret, record))


class Peers(Protocol):
    """A way to hear of other nodes."""

    source: str
    """What it is called in the ids of raw affiliates."""

    def hear(self, own: Callable[[], NodeRecord], is_wanted: Wanted) -> AsyncGenerator[Found]:
        """Yield who is there of those that are wanted, now and whenever it changes.

        `own` is what we say of ourselves.
        """


class MulticastPeers:
    """Nodes that announce themselves on a link of this one."""

    source = "mdns"

    async def hear(
        self,
        own: Callable[[], NodeRecord],  # noqa: ARG002
        is_wanted: Wanted,
    ) -> AsyncGenerator[Found]:
        """Yield who is in sight; our own announcement is made elsewhere."""
        # Nobody listens on a node that waits for its configuration.
        from discovery.browse import watch

        while True:
            found: dict[tuple[str, str], NodeRecord] = {}
            try:
                async with aclosing(watch(recheck_s=RECHECK_S)) as events:
                    async for event in events:
                        # Strangers cost a look each, however many announce themselves.
                        if _note(found, event, is_wanted):
                            yield dict(found)
            except NodeError as error:
                # No link is up yet.
                _log.info("%s", error)
                await asyncio.sleep(RECHECK_S)


def _note(found: dict[tuple[str, str], NodeRecord], event: NodeEvent, is_wanted: Wanted) -> bool:
    """Take what happened to a node into `found`; say whether it makes a difference."""
    key = (event.node.id, event.node.fingerprint)
    if not isinstance(event, NodeLost) and is_wanted(event.node):
        found[key] = event.node
        return True
    return found.pop(key, None) is not None


class FolderPeers:
    """Nodes of one lab: each keeps a file about itself in its folder, beside the others'."""

    source = "lab"

    def __init__(self, folder: Path, forget_after_s: float = FORGET_AFTER_S) -> None:
        self._file = folder / FILE
        self._lab = folder.parent
        self._forget_after_s = forget_after_s
        self._written = ""
        self._cache: dict[Path, tuple[int, NodeRecord]] = {}

    async def hear(self, own: Callable[[], NodeRecord], is_wanted: Wanted) -> AsyncGenerator[Found]:
        """Yield who is in the lab, looking less often the more there are."""
        known: dict[tuple[str, str], NodeRecord] | None = None
        try:
            while True:
                self._write(own())
                everybody = self._read()
                found = {key: each for key, each in everybody.items() if is_wanted(each)}
                if found != known:
                    known = found
                    yield found
                await asyncio.sleep(max(1.0, len(everybody) / NODES_A_SECOND))
        finally:
            self._file.unlink(missing_ok=True)

    def _write(self, record: NodeRecord) -> None:
        fields: dict[str, Any] = {name: getattr(record, name) for name in _TEXTS}
        text = json.dumps(fields | {"addresses": [str(each) for each in record.addresses]})
        with suppress(FileNotFoundError):
            if text == self._written:
                if time.time() - self._file.stat().st_mtime > REFRESH_S:
                    os.utime(self._file)
                return
        temporary = self._file.with_suffix(".new")
        temporary.write_text(text)
        temporary.replace(self._file)
        self._written = text

    def _read(self) -> dict[tuple[str, str], NodeRecord]:
        oldest = time.time() - self._forget_after_s
        cache: dict[Path, tuple[int, NodeRecord]] = {}
        for path in sorted(self._lab.glob(f"*/{FILE}")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                stat = path.stat()
                if stat.st_mtime < oldest:
                    continue
                known = self._cache.get(path)
                if known is None or known[0] != stat.st_mtime_ns:
                    known = (stat.st_mtime_ns, _from_json(json.loads(path.read_text())))
                cache[path] = known
        self._cache = cache
        return {(each.id, each.fingerprint): each for _, each in cache.values()}


def _from_json(fields: dict[str, Any]) -> NodeRecord:
    texts: dict[str, Any] = {name: str(fields[name]) for name in _TEXTS}
    return NodeRecord(addresses=tuple(map(ip_address, fields["addresses"])), **texts)
