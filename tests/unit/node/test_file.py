# SPDX-License-Identifier: Apache-2.0
"""Files as a board hands them out."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from edge.api import machine_pb2
from edge.errors import ConfigError
from edge.node.api.archive import CHUNK_BYTES
from edge.node.api.file import BOOT_ID, FileCalls
from edge.node.machine import Machine
from tests.fakes.call import CONTEXT, Refused


@pytest.fixture
async def calls(new_machine: Callable[[], Machine]) -> FileCalls:
    calls = FileCalls()
    calls.machine = new_machine()
    return calls


async def _read(calls: FileCalls, path: object) -> list[bytes]:
    request = machine_pb2.ReadRequest(path=str(path))
    async with asyncio.timeout(60):
        return [part.bytes async for part in calls.Read(request, CONTEXT)]


async def test_a_file_comes_in_parts(calls: FileCalls, tmp_path: Path) -> None:
    """However large it is, no message is."""
    content = os.urandom(2 * CHUNK_BYTES + 7)
    (tmp_path / "file").write_bytes(content)
    parts = await _read(calls, tmp_path / "file")
    assert b"".join(parts) == content
    assert len(parts) == 3


async def test_boot_identity_is_the_platforms(calls: FileCalls) -> None:
    """Also where the kernel's would be that of another machine."""
    (part,) = await _read(calls, BOOT_ID)
    assert part.decode() == f"{calls.machine.platform.boot_id()}\n"


async def test_missing_file_is_not_found(calls: FileCalls, tmp_path: Path) -> None:
    """Clients tell this from other failures by its status."""
    with pytest.raises(Refused) as caught:
        await _read(calls, tmp_path / "nosuch")
    assert caught.value.args == (grpc.StatusCode.NOT_FOUND, f"{tmp_path}/nosuch does not exist")


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "relative"])
async def test_only_regular_files_are_read(calls: FileCalls, tmp_path: Path, kind: str) -> None:
    """Nor does a pipe without a writer hold the call."""
    os.mkfifo(tmp_path / "pipe")
    paths = {"folder": tmp_path, "pipe": tmp_path / "pipe", "device": "/dev/null"}
    with pytest.raises(ConfigError, match="is not"):
        await _read(calls, paths.get(kind, "etc/hosts"))
