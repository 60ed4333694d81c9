# SPDX-License-Identifier: Apache-2.0
"""Processes and mounts of this machine, and of a lab node on it."""

import os
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from edge.api import machine_pb2
from edge.node.api import mount, process
from edge.node.api.guard import caller_roles
from edge.node.api.mount import FileSystemService, MountCalls
from edge.node.api.process import ProcessCalls
from edge.node.machine import Machine
from edge.pki.role import Role
from tests.fakes.call import CONTEXT, Refused
from tests.fakes.node import FakePlatform

STAT = "20 (a (b) c) S 1 20 20 0 -1 4194304 100 0 0 0 250 150 0 0 20 0 7 0 1000 4096000 256 0\n"


class Calls(ProcessCalls, MountCalls):
    """Both parts of the service."""


@pytest.fixture
async def calls(new_machine: Callable[[], Machine]) -> Calls:
    calls = Calls()
    calls.machine = new_machine()
    return calls


async def test_this_process_is_listed(calls: Calls) -> None:
    """With its parent, threads, memory and program."""
    answer = await calls.Processes(None, CONTEXT)
    me = next(info for info in answer.messages[0].processes if info.pid == os.getpid())
    assert me.ppid == os.getppid()
    assert me.threads >= 1
    assert me.resident_memory > 1024 * 1024
    assert me.args
    assert Path(me.executable).name.startswith("python")


async def test_a_lab_node_lists_itself_alone(calls: Calls, platform: FakePlatform) -> None:
    """The processes that it was started as."""
    platform.mode = "container"
    listed = (await calls.Processes(None, CONTEXT)).messages[0].processes
    assert os.getpid() in {info.pid for info in listed}
    assert {os.getpgid(info.pid) for info in listed} == {os.getpgrp()}


def test_every_column_of_a_process(tmp_path: Path) -> None:
    """Names may hold what else divides the columns; a thread of the kernel has little to say."""
    for pid, arguments in (("20", b"a\0--b\0"), ("21", b"")):
        (tmp_path / pid / "attr").mkdir(parents=True)
        (tmp_path / pid / "stat").write_text(STAT)
        (tmp_path / pid / "cmdline").write_bytes(arguments)
    (tmp_path / "20/exe").symlink_to("/usr/bin/a")
    (tmp_path / "20/attr/current").write_bytes(b"system_u:system_r:a_t:s0\0")
    (tmp_path / "22").mkdir()
    first, second = process._processes(proc=tmp_path)
    assert (first.command, first.args, first.executable) == ("a (b) c", "a --b", "/usr/bin/a")
    assert (first.ppid, first.state, first.threads) == (1, "S", 7)
    assert first.cpu_time == 400 / os.sysconf("SC_CLK_TCK")
    assert first.virtual_memory == 4096000
    assert first.resident_memory == 256 * os.sysconf("SC_PAGE_SIZE")
    assert first.label == "system_u:system_r:a_t:s0"
    assert (second.executable, second.args, second.label) == ("", "", "")


def test_a_mount_is_measured(tmp_path: Path) -> None:
    """One that is gone by then is left out, as is one on a file."""
    found = mount._mount("proc /proc proc rw 0 0")
    assert found
    assert (found.filesystem, found.mounted_on) == ("proc", "/proc")
    assert mount._mount("nothing /not/there ext4 rw 0 0") is None
    (tmp_path / "file").touch()
    assert mount._mount(f"nsfs {tmp_path}/file nsfs rw 0 0") is None
    (tmp_path / "a b").mkdir()
    spaced = mount._mount(f"disk {tmp_path}/a\\040b ext4 rw 0 0")
    assert spaced
    assert spaced.mounted_on == f"{tmp_path}/a b"


async def test_this_machines_mounts(calls: Calls) -> None:
    """There is one for the root."""
    found = (await calls.Mounts(None, CONTEXT)).messages[0].stats
    assert "/" in {each.mounted_on for each in found}


async def test_a_lab_nodes_volumes(calls: Calls, platform: FakePlatform) -> None:
    """Where its files show them."""
    platform.mode, platform.root = "container", platform.folder
    await calls.machine.boot()
    await calls.machine.open_rest()
    found = (await calls.Mounts(None, CONTEXT)).messages[0].stats
    assert [each.mounted_on for each in found] == ["/STATE", "/EPHEMERAL"]
    assert all(each.size for each in found)


async def test_how_full_a_file_system_is(calls: Calls, tmp_path: Path) -> None:
    """As the system says of the same place."""
    caller_roles.set({Role.READER})
    service = FileSystemService(calls.machine)
    request = machine_pb2.StorageServiceStatfsRequest(path=str(tmp_path))
    found = await service.Statfs(request, CONTEXT)
    usage = os.statvfs(tmp_path)
    assert found.size == usage.f_blocks * usage.f_frsize
    assert found.inodes == usage.f_files
    assert found.used + found.available <= found.size
    request = machine_pb2.StorageServiceStatfsRequest(path="/nosuch")
    with pytest.raises(Refused) as caught:
        await service.Statfs(request, CONTEXT)
    assert caught.value.args[0] is grpc.StatusCode.NOT_FOUND
