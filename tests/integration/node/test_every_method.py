# SPDX-License-Identifier: Apache-2.0
"""Every method of every service of a real lab node works, or says in a sentence why it does not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest_asyncio

from edge.api import machine_pb2
from edge.provision.lab import LabNode
from tests.integration.node.conftest import Bench, patiently
from tests.integration.node.walk import ENDING, OUTCOMES, REQUESTS, fault, request_of
from tests.integration.node.wire import METHODS, call, connected

_MACHINE = "/machine.MachineService"


@pytest_asyncio.fixture(loop_scope="function")
async def node(bench: Bench) -> LabNode:
    """A node that is a cluster's control plane."""
    node = bench.start("walked", enrolment=False)
    if await bench.stage(node) == "maintenance":
        await bench.apply(node, bench.generate(node).controlplane)
    async with bench.administrator(node):
        return node


@pytest_asyncio.fixture(loop_scope="function")
async def channel(bench: Bench, node: LabNode) -> AsyncIterator[Any]:
    async with connected(node, bench.mutual(node)) as channel:
        yield channel


def test_every_request_is_for_a_method_that_there_is() -> None:
    """A name that is misspelt would be walked past."""
    assert not {f"/{path}" for path in REQUESTS} - METHODS.keys()


async def test_every_method_works_or_says_why_not(
    bench: Bench, node: LabNode, channel: Any
) -> None:
    """With the request of a client that means it."""
    text = bench.generate(node).controlplane
    faults, outcomes = {}, []
    # Backwards: what is written is then deleted, what is stopped is then started.
    for path in sorted(METHODS.keys() - ENDING, reverse=True):
        outcome = await call(channel, path, request_of(path, text))
        outcomes.append(f"{path.removeprefix('/')} {outcome.code.name}\n")
        if wrong := fault(path, outcome):
            faults[path] = wrong
    assert not faults, "\n".join(f"{path}: {wrong}" for path, wrong in sorted(faults.items()))
    assert "".join(outcomes[::-1]) == OUTCOMES.read_text()


async def test_methods_that_end_the_machine(bench: Bench, node: LabNode) -> None:
    """They answer first, with the actor that their events will have; each is really done."""
    reset = machine_pb2.ResetRequest(
        reboot=True,
        system_partitions_to_wipe=[machine_pb2.ResetPartitionSpec(label="EPHEMERAL", wipe=True)],
    )
    for name, request in (("Reboot", machine_pb2.RebootRequest()), ("Reset", reset)):
        before = await _boot_id(bench, node)
        async with connected(node, bench.mutual(node)) as channel:
            outcome = await call(channel, f"{_MACHINE}/{name}", request)
        assert not fault(name, outcome)
        assert outcome.answers[0].messages[0].actor_id

        async def restarted(before: str = before) -> None:
            assert await _boot_id(bench, node) != before

        await patiently(restarted)
    async with connected(node, bench.mutual(node)) as channel:
        outcome = await call(channel, f"{_MACHINE}/Shutdown", machine_pb2.ShutdownRequest())
    assert not fault("Shutdown", outcome)

    async def off() -> None:
        assert bench.lab.node(node.name).pid is None

    await patiently(off)


async def _boot_id(bench: Bench, node: LabNode) -> str:
    request = machine_pb2.ReadRequest(path="/proc/sys/kernel/random/boot_id")

    async def read() -> str:
        async with connected(node, bench.mutual(node)) as channel:
            outcome = await call(channel, f"{_MACHINE}/Read", request)
        assert outcome.code is grpc.StatusCode.OK, outcome
        return bytes(outcome.answers[0].bytes).decode()

    return await asyncio.wait_for(patiently(read), 30)
