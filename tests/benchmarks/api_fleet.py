# SPDX-License-Identifier: Apache-2.0
"""Hundreds of lab nodes in a few processes of one group: copies of one that was configured.

Each has its own machine, certificate, address and server; only the code is shared, and of the
controllers it runs those that the API needs.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copytree

from edge.config.talosconfig import load_talosconfig, save_talosconfig
from edge.node.control.api import ApiController
from edge.node.control.controller import Controller, run_controller
from edge.node.control.hostname import HostnameController
from edge.node.control.network import NetworkStatusController
from edge.node.lab import LabPlatform
from edge.node.log import start_logging
from edge.node.machine import Machine
from tests.benchmarks.api_node import BenchNode

API_PORT = 50000
PROCESSES = 2
_START_DEADLINE_S = 120.0
_CONTROLLERS: tuple[type[Controller], ...] = (
    NetworkStatusController,
    HostnameController,
    ApiController,
)


@contextmanager
def fleet(template: BenchNode, count: int) -> Iterator[list[str]]:
    """Run `count` copies of a node, give their addresses, and end them all.

    The client configuration of the template's lab is made to name them.
    """
    template.lab.stop(template.node.name)
    addresses = [f"127.43.{1 + number // 250}.{1 + number % 250}" for number in range(count)]
    folders = [_copy(template, each, number) for number, each in enumerate(addresses)]
    config = load_talosconfig(template.talosconfig)
    name, context = config.current, config.context()
    context = replace(context, endpoints=(addresses[0],), nodes=tuple(addresses))
    save_talosconfig(config.with_context(name, context), template.talosconfig)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for part in range(PROCESSES):
            group = processes[0].pid if processes else 0
            processes.append(_start(folders[part::PROCESSES], group))
        _await_all(addresses, processes)
        yield addresses
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(_START_DEADLINE_S)


def host(folders: Sequence[str]) -> None:
    """Run the lab nodes of these folders until told to end."""
    asyncio.run(_host([Path(folder) for folder in folders]))


async def _host(folders: Sequence[Path]) -> None:
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    logs = start_logging(lambda _text: None)
    tasks = []
    for folder in folders:
        machine = Machine(LabPlatform(folder), logs)
        await machine.boot()
        for controller in _CONTROLLERS:
            tasks.append(asyncio.create_task(run_controller(controller(machine))))
        # In turn, as each has a key to make a certificate with.
        await asyncio.sleep(0)
    await end.wait()
    # Nobody waits for an answer any more.
    os._exit(0)


def _copy(template: BenchNode, address: str, number: int) -> Path:
    source = template.node.folder
    folder = source.parent / f"fleet-{number:03}"
    folder.mkdir()
    # None of them writes to its disk.
    (folder / "disk.img").hardlink_to(source / "disk.img")
    for name in ("state", "ephemeral"):
        copytree(source / name, folder / name)
    description = json.loads((source / "node.json").read_text())
    description |= {"name": folder.name, "address": address, "uuid": str(uuid.uuid4())}
    (folder / "node.json").write_text(json.dumps(description))
    return folder


def _start(folders: Sequence[Path], group: int) -> "subprocess.Popen[bytes]":
    code = "import sys; from tests.benchmarks.api_fleet import host; host(sys.argv[1:])"
    words = [sys.executable, "-c", code, *map(str, folders)]
    return subprocess.Popen(words, process_group=group, stderr=subprocess.DEVNULL)


def _await_all(addresses: Sequence[str], processes: "Sequence[subprocess.Popen[bytes]]") -> None:
    deadline = time.monotonic() + _START_DEADLINE_S
    for address in addresses:
        while not _answers(address):
            if time.monotonic() > deadline or any(each.poll() is not None for each in processes):
                raise RuntimeError(f"the fleet did not start: nobody answers at {address}")
            time.sleep(0.1)


def _answers(address: str) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, API_PORT)) == 0
