# SPDX-License-Identifier: Apache-2.0
"""Sockets in a network namespace of its own, as pods have them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.api import machine_pb2
from edge.node.api.netstat import NetstatCalls
from edge.node.log import start_logging
from edge.node.machine import Machine
from tests.fakes.call import CONTEXT
from tests.fakes.node import FakePlatform

_PORT = 4455
_PROGRAM = (
    f"import socket; server = socket.create_server(('0.0.0.0', {_PORT}));"
    "print(flush=True); server.accept()"
)
Request = machine_pb2.NetstatRequest


@pytest.fixture
def space() -> Iterator[tuple[str, int]]:
    """A namespace with one process that listens: its name, and the process's number."""
    name = f"edge-test-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        pytest.skip("network namespaces need root")
    command = ["ip", "netns", "exec", name, sys.executable, "-c", _PROGRAM]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    yield name, process.pid
    process.kill()
    process.communicate()
    subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.mark.parametrize("wanted", ["named", "all"])
async def test_a_process_in_a_namespace(
    space: tuple[str, int], wanted: str, tmp_path: Path
) -> None:
    """Its sockets are shown with the namespace's name, and not among the machine's."""
    name, pid = space
    calls = NetstatCalls()
    calls.machine = Machine(FakePlatform(tmp_path), start_logging(lambda _text: None))
    spaces = Request.NetNS(netns=[name]) if wanted == "named" else Request.NetNS(allnetns=True)
    request = Request(netns=spaces, feature=Request.Feature(pid=True))
    found = (await calls.Netstat(request, CONTEXT)).messages[0].connectrecord
    (record,) = (each for each in found if each.netns == name)
    assert (record.localport, record.process.pid) == (_PORT, pid)
    request = Request(netns=Request.NetNS(hostnetwork=True))
    found = (await calls.Netstat(request, CONTEXT)).messages[0].connectrecord
    assert {each.netns for each in found} == {""}
    assert record.inode not in {each.inode for each in found}
