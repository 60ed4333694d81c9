# SPDX-License-Identifier: Apache-2.0
"""Exchange the authority of the machine API on every node of a running cluster.

```
 accept ──► use ──► issue ──► adopt ──► drop
 nodes      client  nodes     client    nodes
```
First every node accepts the new authority beside the old one, then the client shows a certificate
of the new one, then nodes are issued theirs by it, and at last nobody accepts the old one. The
client configuration is good before, during and after each step, so no call has to fail. Every
step looks at what a node has first: one that was interrupted is simply taken again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from time import monotonic

from edge.client.authority import Authorities, accept, drop, read_authorities, switch
from edge.client.client import NodeClient, connect
from edge.client.model import ApplyMode
from edge.client.trust import Mutual
from edge.config.encode import encode
from edge.errors import ConfigError, EdgeError, NodeError, TrustError
from edge.events import Listener, ignore, step
from edge.pki.certificate import KeyPair, split_bundle

GRACE_S = 1.0
"""How long who has just read the client configuration may take to connect with it."""
PATIENCE_S = 60.0
_POLL_S = 0.2
_KIND = ("MachineConfigs.config.talos.dev", "config")
_MEMBERS = ("Members.cluster.talos.dev", "cluster")

Save = Callable[[Mutual], None]
"""Keeps what the client is to show and to trust from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The client's trust before, the new authority, and the client's new certificate of it."""

    old: Mutual
    new: KeyPair
    client: KeyPair

    @property
    def authority(self) -> bytes:
        """Return the certificate of the new authority."""
        return split_bundle(self.new.certificate)[0]

    def trusting(self, *authorities: bytes) -> Mutual:
        """Return the client's new identity, with these authorities to judge nodes by."""
        ca = b"".join(dict.fromkeys(authorities))
        return Mutual(ca=ca, crt=self.client.certificate, key=self.client.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One node of the cluster and the authorities it had when it was looked at."""

    address: str
    authorities: Authorities


async def survey(
    rotation: Rotation, nodes: Sequence[str], *, left_out: Sequence[str] = ()
) -> list[Member]:
    """Look at every node, control planes first, and at the cluster for nodes that are not named.

    `left_out` may be cut off: they are gone, or somebody sees to them by hand.

    Raises:
        EdgeError: when a node cannot be reached: left out, it would be cut off.
        ConfigError: when a node keeps another configuration than the one it runs, or the
            cluster has further nodes.
    """
    members = [await _look(rotation, node) for node in dict.fromkeys(nodes)]
    members.sort(key=lambda member: not member.authorities.is_control_plane)
    if not members or not members[0].authorities.is_control_plane:
        raise ConfigError("there is no control plane among the nodes", hint="name all nodes: -n")
    await _check_complete(rotation, members, left_out)
    return members


class Rotator:
    """Takes the steps of one rotation; `save` is called as the client's identity changes."""

    def __init__(
        self,
        rotation: Rotation,
        members: Sequence[Member],
        *,
        save: Save,
        listener: Listener = ignore,
        grace_s: float = GRACE_S,
    ) -> None:
        self._rotation = rotation
        self._members = members
        self._save = save
        self._listener = listener
        self._grace_s = grace_s
        known = [*split_bundle(rotation.old.ca), *(m.authorities.issuing for m in members)]
        own = rotation.authority
        self._old = [each for each in dict.fromkeys(known) if each and each != own]

    async def run(self) -> None:
        """Take all steps.

        Raises:
            EdgeError: what stopped it; another run goes on where it was.
        """
        both = self._rotation.trusting(self._rotation.authority, *self._old)
        only_new = self._rotation.trusting(self._rotation.authority)
        await self._everywhere("accepts the new authority", self._accept, both)
        await self._adopt(both)
        await self._everywhere("is issued by the new authority", self._switch, only_new)
        await self._adopt(only_new)
        await self._everywhere("forgets the old authority", self._drop, only_new)

    def _accept(self, _member: Member, text: str) -> str:
        return accept(text, self._rotation.authority)

    def _switch(self, member: Member, text: str) -> str:
        # Workers know the authority's certificate only.
        key = self._rotation.new.key if member.authorities.is_control_plane else b""
        return switch(text, KeyPair(certificate=self._rotation.authority, key=key))

    def _drop(self, _member: Member, text: str) -> str:
        return drop(text, self._old)

    async def _adopt(self, trust: Mutual) -> None:
        self._save(trust)
        await asyncio.sleep(self._grace_s)

    async def _everywhere(
        self, what: str, change: Callable[[Member, str], str], proof: Mutual
    ) -> None:
        """Change every node that needs it, and see each agree with a client that has `proof`."""
        for member in self._members:
            with step(self._listener, f"{member.address} {what}") as running:
                running.detail = "" if await self._change(member, change) else "already"
                await _prove(member.address, proof)

    async def _change(self, member: Member, change: Callable[[Member, str], str]) -> bool:
        async with _reach(self._rotation, member.address, self._old) as client:
            before = await _read(client)
            after = change(member, before)
            if after == before:
                return False
            await client.apply(after, mode=ApplyMode.NO_REBOOT)
            return True


async def _prove(node: str, trust: Mutual) -> None:
    """Wait until the node and a client with `trust` take each other for genuine."""
    deadline = monotonic() + PATIENCE_S
    while True:
        try:
            async with connect(node, trust) as client:
                await client.version()
                return
        except (NodeError, TrustError):
            if monotonic() > deadline:
                raise
        await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def _reach(
    rotation: Rotation, node: str, further: Sequence[bytes] = ()
) -> AsyncIterator[NodeClient]:
    """Open a client with whichever identity the node takes at this point.

    Raises:
        EdgeError: when it takes none.
    """
    new = rotation.trusting(rotation.authority, *split_bundle(rotation.old.ca), *further)
    refusal: EdgeError = NodeError(f"{node} cannot be reached")
    for trust in (replace(rotation.old, ca=new.ca), new):
        async with AsyncExitStack() as stack:
            try:
                client = await stack.enter_async_context(connect(node, trust))
                await client.version()
            except (NodeError, TrustError) as error:
                refusal = error
                continue
            yield client
            return
    raise refusal


async def _look(rotation: Rotation, node: str) -> Member:
    async with _reach(rotation, node) as client:
        text = await _read(client)
        kept = await _read(client, "persistent")
    if kept != text:
        raise ConfigError(
            f"{node} keeps another configuration than the one it runs",
            hint="one is staged or being tried: wait for it, restart the node, or apply one",
        )
    return Member(address=node, authorities=read_authorities(text))


async def _read(client: NodeClient, resource_id: str = "v1alpha1") -> str:
    spec = (await client.resource(*_KIND, resource_id)).spec
    return spec if isinstance(spec, str) else encode([spec])


async def _check_complete(
    rotation: Rotation, members: Sequence[Member], left_out: Sequence[str]
) -> None:
    """Refuse when the cluster knows of nodes that are not among `members`."""
    async with _reach(rotation, members[0].address) as client:
        # Where nobody looks for others there are none; an error is no such answer.
        known = await client.resources(*_MEMBERS)
    named = {*(member.address for member in members), *left_out}
    missing = []
    for each in known:
        addresses = [str(address) for address in each.spec.get("addresses") or ()]
        names = {*addresses, str(each.spec.get("hostname", "")), str(each.metadata["id"])}
        if addresses and not named & names:
            missing.append(addresses[0])
    if missing:
        raise ConfigError(
            f"the cluster has further nodes: {', '.join(missing)}",
            hint="they would be cut off: name all nodes with -n,"
            " or say --leave-out NODE of those that are gone",
        )
