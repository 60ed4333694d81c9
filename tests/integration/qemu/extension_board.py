# SPDX-License-Identifier: Apache-2.0
"""An emulated board whose image has extensions: what they bring runs, is told, and is ended.

    python -m tests.integration.qemu.extension_board --board qemu-arm64

A process of its own, because it moves into a network namespace.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from boards.catalog import load_profile
from edge.client.client import NodeClient, connect
from edge.client.trust import Mutual
from edge.config.generate import Generated, generate
from edge.errors import EdgeError
from edge.events import ignore
from edge.pki.secrets import new_secrets
from edge.provision.console import Stage
from edge.provision.demo import emulated
from edge.provision.demo.emulated import EmulatedBench
from edge.provision.demo.run import wait_ready
from flasher.card.listing import make_card
from flasher.record import CardRecords
from flasher.schematic.build import build_schematic
from flasher.schematic.canonical import schematic_id
from flasher.schematic.load import load_schematic
from flasher.schematic.model import Schematic

ADDRESS = "10.77.0.77"
PATIENCE = 90
SCHEMATIC = """
board: {board}
extensions: [iscsi, util-linux-tools, ./hello]
meta: [{{key: 0x0c, value: rack 4}}]
kernel: {{arguments: [edge.test=extensions]}}
"""
HELLO = """
name: hello
title: Hello
summary: Says hello once a second.
version: "1.0"
author: somebody
arch: [arm64, amd64]
services:
  - name: hello
    program: usr/bin/hello
    arguments: [world]
"""
PROGRAM = """#!/usr/bin/python3.13 -I
import os, sys, time
while True:
    print("hello", *sys.argv[1:], os.environ.get("COLOUR", "plain"), flush=True)
    time.sleep(1)
"""
SETTINGS = """---
apiVersion: v1alpha1
kind: ExtensionServiceConfig
name: hello
environment: [COLOUR=green]
"""


def write_schematic(folder: Path, board: str) -> Schematic:
    """Write a schematic with an extension of one's own beside it, and return it."""
    program = folder / "hello/rootfs/usr/bin/hello"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (folder / "hello/extension.yaml").write_text(HELLO)
    path = folder / "image.yaml"
    path.write_text(SCHEMATIC.format(board=board))
    return load_schematic(path)


async def play(bench: EmulatedBench, generated: Generated, schematic: Schematic) -> None:
    """See what the board tells of its extensions, and that its owner rules them."""
    context = generated.talosconfig.context()
    administrator = Mutual(ca=context.ca, crt=context.crt, key=context.key)
    assert (await bench.boot(ignore)).stage is Stage.RUNNING
    await wait_ready(ADDRESS, administrator)
    async with connect(ADDRESS, administrator) as client:
        await check_resources(client, schematic)
        await check_services(client)
        await client.shutdown()
    await check_end(bench.disk.with_name("console.log"))


async def check_end(console: Path) -> None:
    """What extensions run is ended first: no volume is busy when it is let go of."""

    async def is_off() -> bool:
        return "reboot: Power down" in read_console(console)

    await until(is_off, "the board is not switched off")
    assert "cannot unmount" not in read_console(console)


def read_console(path: Path) -> str:
    """Return what the console has shown."""
    return path.read_text(errors="replace")


async def check_resources(client: NodeClient, schematic: Schematic) -> None:
    """The image's parts are listed, the schematic among them, and META has its value."""
    found = {
        each.id: each.spec["metadata"]
        for each in await client.resources("ExtensionStatuses.runtime.talos.dev", "runtime")
    }
    assert set(found) == {"hello", "iscsi", "schematic", "util-linux-tools"}, found
    assert found["hello"]["author"] == "somebody"
    assert found["schematic"]["version"] == schematic_id(schematic)
    meta = await client.resource("MetaKeys.runtime.talos.dev", "runtime", "0x0c")
    assert meta.spec["value"] == "rack 4"
    cmdline = await client.resource("KernelCmdlines.runtime.talos.dev", "runtime", "cmdline")
    assert "edge.test=extensions" in cmdline.spec["cmdline"]
    loaded = await client.resources("LoadedKernelModules.runtime.talos.dev", "runtime")
    assert "iscsi_tcp" in {each.id for each in loaded}


async def check_services(client: NodeClient) -> None:
    """Programs run with the configuration's settings; stopped ones stay stopped."""
    await state(client, "ext-hello", "Running")
    await state(client, "ext-iscsid", "Running")
    await state(client, "ext-fstrim", "Finished")
    assert "hello world green" in await log(client, "ext-hello")
    group = b"".join([part async for part in client.read("/sys/fs/cgroup/ext-hello/cgroup.procs")])
    assert group.strip().isdigit(), group
    await client.stop_service("ext-hello")
    await state(client, "ext-hello", "Finished")
    await client.start_service("ext-hello")
    await state(client, "ext-hello", "Running")
    assert "trimmed on /dev/" in await log(client, "ext-fstrim")
    name = b"".join([part async for part in client.read("/etc/iscsi/initiatorname.iscsi")])
    assert name.startswith(b"InitiatorName=iqn."), name


async def state(client: NodeClient, name: str, wanted: str) -> None:
    """Wait until a service is in a state."""

    async def is_there() -> bool:
        return {each.id: each.state for each in await client.services()}.get(name) == wanted

    await until(is_there, f"{name} is not {wanted}")


async def log(client: NodeClient, name: str) -> str:
    """Return what a service has said."""
    return "\n".join([line async for line in client.logs(name)])


async def until(is_true: Callable[[], Awaitable[bool]], fault: str) -> None:
    """Ask again and again until it is true, as long as it is worth it."""
    for _ in range(PATIENCE):
        if await is_true():
            return
        await asyncio.sleep(1.0)
    raise AssertionError(fault)


def main() -> None:
    """Build, boot and look."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="qemu-arm64")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgectl-extensions-") as name:
        folder = Path(name)
        os.environ["EDGECTL_HOME"] = name
        schematic = write_schematic(folder, options.board)
        image = folder / "image.img"
        build_schematic(schematic, image)
        emulated.stock_image = lambda *_arguments, **_options: image  # type: ignore[attr-defined]
        now = datetime.now(UTC)
        generated = generate("card", f"https://{ADDRESS}:6443", new_secrets(now=now), now=now)
        (folder / "config.yaml").write_text(generated.controlplane + SETTINGS)
        card = {"address": f"{ADDRESS}/24", "gateway": "10.77.0.1", "config": "config.yaml"}
        records = CardRecords(folder / "cards.sqlite")
        bench = EmulatedBench(load_profile(options.board), folder / "bench", records)
        try:
            bench.prepare(ignore, make_card(card, folder=folder))
            bench.open(dhcp=False)
            asyncio.run(_play(bench, generated, schematic))
        except (AssertionError, EdgeError, TimeoutError) as error:
            console = folder / "bench/console.log"
            text = console.read_text(errors="replace")[-3000:] if console.exists() else ""
            raise SystemExit(f"{text}\n{error!r}") from error
        finally:
            bench.close()


async def _play(bench: EmulatedBench, generated: Generated, schematic: Schematic) -> None:
    try:
        await play(bench, generated, schematic)
    finally:
        await bench.cut_power()


if __name__ == "__main__":
    main()
