# SPDX-License-Identifier: Apache-2.0
"""A configured lab node to measure, and everything that a client of it needs."""

import asyncio
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from edge.client.client import connect
from edge.client.trust import Blind, Mutual
from edge.config.generate import Generated, generate
from edge.config.talosconfig import save_talosconfig
from edge.errors import EdgeError
from edge.pki.key import new_labelled_key
from edge.pki.secrets import new_secrets
from edge.provision.lab import Lab, LabNode
from flasher.record import CardRecords

NAME = "bench"
_DEADLINE_S = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchNode:
    """One lab node that is a control plane; `home` is the EDGECTL_HOME that knows it."""

    home: Path
    lab: Lab
    node: LabNode
    generated: Generated

    @property
    def address(self) -> str:
        """Return where it answers."""
        return self.node.address

    @property
    def talosconfig(self) -> Path:
        """Return the client configuration."""
        return self.home / "lab/talosconfig"

    @property
    def trust(self) -> Mutual:
        """Return the administrator's trust."""
        context = self.generated.talosconfig.contexts[NAME]
        return Mutual(ca=context.ca, crt=context.crt, key=context.key)

    def tls(self) -> ssl.SSLContext:
        """Return a context that proves the administrator."""
        path = self.home / "client.pem"
        path.write_bytes(self.trust.crt + self.trust.key)
        context = ssl.create_default_context(cadata=self.trust.ca.decode())
        context.load_cert_chain(path)
        context.set_alpn_protocols(["h2"])
        return context

    def resident_bytes(self) -> int:
        """Return the memory of the node's process."""
        for line in (self._proc / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def cpu_s(self) -> float:
        """Return the processor time of the node's process so far."""
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def descriptors(self) -> int:
        """Return how many files the node's process has open."""
        return len(list((self._proc / "fd").iterdir()))

    @property
    def pid(self) -> int:
        """Return the node's process, which changes when it has crashed."""
        children = Path(f"/proc/{self.node.pid}/task/{self.node.pid}/children")
        return int(children.read_text().split()[0])

    @property
    def _proc(self) -> Path:
        return Path("/proc", str(self.pid))


@contextmanager
def bench_node(home: Path) -> Iterator[BenchNode]:
    """Give a node that was just started, below `home`, and take it down afterwards."""
    lab = Lab(home / "lab", CardRecords(home / "cards.sqlite3"))
    try:
        lab.create(NAME, enrolment=False)
        node = lab.start(NAME)
        endpoint = f"https://{node.address}:6443"
        now = datetime.now(UTC)
        # An RSA key takes a quarter of a second to check, which a fleet does hundreds of times.
        secrets = replace(new_secrets(now=now), service_account_key=new_labelled_key("p256"))
        generated = generate(NAME, endpoint, secrets, now=now)
        made = BenchNode(home=home, lab=lab, node=node, generated=generated)
        save_talosconfig(generated.talosconfig.with_endpoints((node.address,)), made.talosconfig)
        asyncio.run(_configure(made))
        yield made
    finally:
        lab.down()


async def _configure(made: BenchNode) -> None:
    async with connect(made.address, Blind()) as client:
        await client.apply(made.generated.controlplane)
    async with asyncio.timeout(_DEADLINE_S):
        while True:
            try:
                async with connect(made.address, made.trust) as client:
                    await client.version()
            except EdgeError:
                await asyncio.sleep(0.1)
            else:
                return
