# SPDX-License-Identifier: Apache-2.0
"""The API's authority is exchanged on a cluster of three while clients call all the time."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge.client.authority import read_authorities
from edge.client.client import connect
from edge.client.trust import Mutual
from edge.config.talosconfig import Context, TalosConfig, load_talosconfig, save_talosconfig
from edge.errors import EdgeError, TrustError
from edge.pki.certificate import is_issued_by
from edge.pki.key import fingerprint
from edge.pki.secrets import dump_secrets, load_secrets
from edge.provision.lab import LabNode
from tests.integration.node.conftest import Bench, patiently

ROOT = Path(__file__).parents[3]
DEADLINE_S = 90.0


@dataclass
class Cluster:
    """Two control planes and a worker, and an administrator's client configuration."""

    bench: Bench
    nodes: Sequence[LabNode]
    talosconfig: Path
    secrets: Path

    @property
    def addresses(self) -> list[str]:
        """Return where the nodes are, control planes first."""
        return [node.address for node in self.nodes]

    def trust(self) -> Mutual:
        """Return what the client configuration says now."""
        context = load_talosconfig(self.talosconfig).context()
        return Mutual(ca=context.ca, crt=context.crt, key=context.key)

    def start(self, *more: str) -> Awaitable[Process]:
        """Begin `edgectl rotate-ca`, of all nodes unless told otherwise."""
        named = () if "-n" in more else ("-n", ",".join(self.addresses))
        return asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "edge", "rotate-ca", *named, *more),
            cwd=ROOT,
            env={**os.environ, "TALOSCONFIG": str(self.talosconfig)},
            stdout=PIPE,
            stderr=PIPE,
        )

    async def rotate(self, *more: str) -> tuple[int, str, str]:
        """Run `edgectl rotate-ca`; return code, output and narration."""
        process = await self.start(*more)
        async with asyncio.timeout(DEADLINE_S):
            out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    async def authorities(self, node: str) -> tuple[bytes, tuple[bytes, ...]]:
        """Return who issues and who is accepted besides, as the node's configuration says."""
        async with connect(node, self.trust()) as client:
            type_ = "MachineConfigs.config.talos.dev"
            document = await client.resource(type_, "config", "persistent")
        found = read_authorities(str(document.spec))
        return found.issuing, found.accepted

    async def trusted(self, node: str) -> tuple[bytes, ...]:
        """Return every authority whose clients a node lets in."""
        issuing, accepted = await self.authorities(node)
        return issuing, *accepted


@pytest.fixture
async def cluster(bench: Bench, tmp_path: Path) -> Cluster:
    """Give a cluster of three that has the authority of its secrets file."""
    bench.lab.down()
    nodes = [await asyncio.to_thread(bench.start, name) for name in ("one", "two", "three")]
    generated = bench.generate(nodes[0])
    texts = (generated.controlplane, generated.controlplane, generated.worker)
    for node, text in zip(nodes, texts, strict=True):
        await bench.apply(node, text)
    for node in nodes:
        async with bench.administrator(node):
            pass
    trust = bench.mutual(nodes[0])
    addresses = tuple(node.address for node in nodes)
    context = Context(nodes=addresses, ca=trust.ca, crt=trust.crt, key=trust.key)
    made = Cluster(bench, nodes, tmp_path / "talosconfig", tmp_path / "secrets.yaml")
    save_talosconfig(TalosConfig(current="bench", contexts={"bench": context}), made.talosconfig)
    made.secrets.write_text(dump_secrets(bench.secrets))
    return made


@dataclass
class Tally:
    """How many calls there were, and how those failed that did."""

    done: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    outlived: dict[str, bool] = field(default_factory=dict)
    """Connections that were refused from some moment on; whether their authority was gone."""

    async def keep_calling(self, name: str, call: Callable[[], Awaitable[object]]) -> None:
        """Call again and again, until cancelled."""
        while True:
            try:
                await call()
            except EdgeError as error:
                if "no longer trusted" in error.message:
                    return
                self.failed.append(f"{name}: {error.message}")
            self.done[name] = self.done.get(name, 0) + 1
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _callers(cluster: Cluster) -> AsyncIterator[Tally]:
    """Call every node all the time in three ways: see each for what it proves."""
    tally, tasks, holding = Tally(), list[asyncio.Task[None]](), list[asyncio.Task[None]]()
    first, *others = cluster.addresses
    old = cluster.trust()

    async def anew(node: str, endpoint: str = "") -> None:
        async with connect(node, cluster.trust(), endpoint=endpoint) as client:
            await client.version()

    async def hold(node: str) -> None:
        # One connection for all calls, from before the rotation.
        async with connect(node, old) as client:
            await tally.keep_calling(f"held {node}", client.version)
        tally.outlived[node] = old.ca not in await cluster.trusted(node)

    async def forwarded(node: str) -> None:
        await tally.keep_calling(f"forwarded {node}", lambda: anew(node, first))

    for node in cluster.addresses:
        holding.append(asyncio.create_task(hold(node)))
        tasks.append(
            asyncio.create_task(
                tally.keep_calling(f"new {node}", lambda node=node: anew(node))  # type: ignore[misc]
            )
        )
    tasks += [*holding, *(asyncio.create_task(forwarded(node)) for node in others)]
    try:
        await patiently(lambda: _all_call(tally, len(tasks)))
        yield tally
    finally:
        ended = [task for task in tasks if task.done() and task not in holding]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        assert not ended


async def _all_call(tally: Tally, count: int) -> None:
    assert len(tally.done) == count


async def test_no_call_fails_while_the_authority_is_exchanged(cluster: Cluster) -> None:
    """New connections and forwarded calls work at every moment, old ones as long as they may."""
    before = cluster.trust()
    async with _callers(cluster) as tally:
        code, _, err = await cluster.rotate(
            "--dry-run=false", "--no-kubernetes", "--with-secrets", str(cluster.secrets)
        )
        assert code == 0, err
        counts = dict(tally.done)
        await asyncio.sleep(1.0)
    assert not tally.failed
    assert all(count > 20 for count in counts.values()), counts
    assert all(tally.done[name] > counts[name] for name in counts if "held" not in name)
    assert tally.outlived == dict.fromkeys(cluster.addresses, True)
    await _assert_exchanged(cluster, before)
    assert load_secrets(cluster.secrets.read_text()).os.certificate == cluster.trust().ca


async def _assert_exchanged(cluster: Cluster, before: Mutual) -> None:
    after = cluster.trust()
    assert after.ca != before.ca
    assert is_issued_by(after.crt, after.ca)
    for node in cluster.addresses:
        assert await cluster.authorities(node) == (after.ca, ())
        # Who comes with what the old authority signed is a stranger now.
        with pytest.raises(EdgeError):
            async with connect(node, Mutual(ca=after.ca, crt=before.crt, key=before.key)) as client:
                await client.version()
        with pytest.raises(TrustError):
            async with connect(node, before) as client:
                await client.version()
    folder = cluster.talosconfig.parent
    names = {path.name for path in folder.iterdir() if path.name.startswith("talosconfig")}
    assert names == {"talosconfig", "talosconfig.bak"}
    assert load_talosconfig(folder / "talosconfig.bak").context().crt == before.crt
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600 or path.name == "secrets.yaml"


@pytest.mark.parametrize("until", ["accepts", "is issued by", "forgets"])
async def test_an_interrupted_rotation_goes_on(cluster: Cluster, until: str) -> None:
    """Killed in the middle of a step, it is finished by the same command, and no call fails."""
    before = cluster.trust()
    async with _callers(cluster) as tally:
        process = await cluster.start("--dry-run=false")
        assert process.stderr
        async with asyncio.timeout(DEADLINE_S):
            while f"{cluster.addresses[1]} {until}" not in await _line(process.stderr):
                assert process.returncode is None
        process.kill()
        await process.communicate()
        unfinished = cluster.talosconfig.with_name("talosconfig.rotation")
        assert unfinished.stat().st_mode & 0o777 == 0o600
        code, out, err = await cluster.rotate()
        assert (code, "forget the old one" in out) == (0, True), err
        assert "go on with the rotation that was begun" in err
        code, _, err = await cluster.rotate("--dry-run=false")
        assert code == 0, err
    assert not tally.failed
    assert all(tally.outlived.values())
    await _assert_exchanged(cluster, before)


async def _line(stream: asyncio.StreamReader) -> str:
    return (await stream.readline()).decode()


async def test_trying_changes_nothing(cluster: Cluster) -> None:
    """Without --dry-run=false it only shows what there is, and what it would do."""
    files = {path: path.read_bytes() for path in cluster.talosconfig.parent.iterdir()}
    code, out, err = await cluster.rotate()
    assert code == 0, err
    rows = [line.split() for line in out.splitlines()[1:]]
    mark = fingerprint(cluster.trust().ca)
    assert [row[:3] for row in rows] == [
        [cluster.addresses[0], "controlplane", mark],
        [cluster.addresses[1], "controlplane", mark],
        [cluster.addresses[2], "worker", mark],
    ]
    assert "there is no Kubernetes on these nodes yet" in err
    assert {path: path.read_bytes() for path in cluster.talosconfig.parent.iterdir()} == files
    for node in cluster.addresses:
        assert await cluster.authorities(node) == (cluster.trust().ca, ())


async def test_nothing_begins_while_a_node_is_away(cluster: Cluster) -> None:
    """It would be cut off for ever."""
    await asyncio.to_thread(cluster.bench.lab.stop, "three")
    code, _, err = await cluster.rotate("--dry-run=false")
    assert code != 0
    assert cluster.addresses[2] in err
    assert [path.name for path in cluster.talosconfig.parent.glob("talosconfig*")] == [
        "talosconfig"
    ]
    assert (await cluster.authorities(cluster.addresses[0]))[1] == ()


async def test_nothing_begins_while_a_member_is_not_named(cluster: Cluster) -> None:
    """The cluster knows its nodes; one that is gone for good can be left out."""
    first, second, third = cluster.addresses
    await patiently(lambda: _all_known(cluster))
    code, _, err = await cluster.rotate("--dry-run=false", "-n", f"{first},{second}")
    assert code != 0
    assert f"further nodes: {third}" in err
    assert not cluster.talosconfig.with_name("talosconfig.rotation").exists()
    code, out, err = await cluster.rotate("-n", f"{first},{second}", "--leave-out", third)
    assert code == 0, err
    assert third not in out


async def _all_known(cluster: Cluster) -> None:
    async with connect(cluster.addresses[0], cluster.trust()) as client:
        members = await client.resources("Members.cluster.talos.dev", "cluster")
    assert len(members) == len(cluster.nodes)


async def test_the_new_file_may_stand_beside_the_old_one(cluster: Cluster, tmp_path: Path) -> None:
    """With -o the client configuration in use stays as it was."""
    before, beside = cluster.talosconfig.read_bytes(), tmp_path / "new"
    code, _, err = await cluster.rotate("--dry-run=false", "-o", str(beside))
    assert code == 0, err
    assert cluster.talosconfig.read_bytes() == before
    context = load_talosconfig(beside).context()
    async with connect(
        cluster.addresses[2], Mutual(ca=context.ca, crt=context.crt, key=context.key)
    ) as client:
        await client.version()


async def test_kubernetes_is_not_there_yet(cluster: Cluster) -> None:
    """Asked for by name, it is refused in a sentence."""
    code, _, err = await cluster.rotate("--kubernetes", "--no-talos")
    assert code != 0
    assert "there is no Kubernetes on these nodes yet" in err
