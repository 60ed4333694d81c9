# SPDX-License-Identifier: Apache-2.0
"""Listing, measuring and copying a tree, as the calls answer it."""

import asyncio
import gzip
import io
import os
import socket
import stat
import tarfile
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.api import machine_pb2
from edge.errors import NodeError
from edge.node.api import archive as archive_module
from edge.node.api import pump
from edge.node.api.archive import kernel_devices
from edge.node.api.file import FileCalls
from edge.node.api.guard import caller_roles
from edge.node.api.listing import go_mode, usage
from edge.node.api.tree import Tree
from edge.node.machine import Machine
from edge.pki.role import Role
from tests.fakes.call import CONTEXT, FakeContext, Refused
from tests.fakes.node import FakePlatform

Request = machine_pb2.ListRequest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small tree with one of everything."""
    root = tmp_path / "root"
    (root / "folder/inner").mkdir(parents=True)
    (root / "folder/inner/deep").write_bytes(b"d" * 1000)
    (root / "folder/file").write_bytes(b"f" * 10)
    (root / "folder/link").symlink_to("file")
    os.mkfifo(root / "folder/pipe")
    (root / "system/state").mkdir(parents=True)
    (root / "system/state/config.yaml").write_text("a secret")
    for each in [root, *root.rglob("*")]:
        os.utime(each, (1.7e9, 1.7e9), follow_symlinks=False)
    return root


@pytest.fixture
async def calls(
    new_machine: Callable[[], Machine], platform: FakePlatform, root: Path
) -> FileCalls:
    caller_roles.set({Role.ADMIN})
    platform.root = root
    calls = FileCalls()
    calls.machine = new_machine()
    return calls


async def _list(calls: FileCalls, path: str, **more: Any) -> list[machine_pb2.FileInfo]:
    return [info async for info in calls.List(Request(root=path, **more), CONTEXT)]


async def _names(calls: FileCalls, path: str, **more: Any) -> list[str]:
    return [info.relative_name for info in await _list(calls, path, **more)]


async def test_a_folder_and_what_is_right_in_it(calls: FileCalls) -> None:
    """The folder itself comes first; nothing is the root."""
    assert await _names(calls, "/folder") == [".", "file", "inner", "link", "pipe"]
    assert await _names(calls, "") == [".", "folder", "system"]


async def test_a_file_is_listed_by_its_name(calls: FileCalls) -> None:
    """Alone, by whatever link it was found."""
    assert await _names(calls, "/folder/file") == ["file"]
    assert await _names(calls, "/folder/link") == ["file"]


async def test_everything_below_as_deep_as_wanted(calls: FileCalls) -> None:
    """Depth counts only when it is recursive; nought is everything."""
    assert "inner/deep" in await _names(calls, "/folder", recurse=True)
    assert "inner/deep" in await _names(calls, "/folder", recurse=True, recursion_depth=2)
    assert "inner/deep" not in await _names(calls, "/folder", recurse=True, recursion_depth=1)
    assert "inner/deep" not in await _names(calls, "/folder", recursion_depth=5)


@pytest.mark.parametrize(
    ("types", "names"),
    [
        ([Request.REGULAR], ["file", "inner/deep"]),
        ([Request.DIRECTORY], [".", "inner"]),
        ([Request.SYMLINK], ["link"]),
        ([Request.SYMLINK, Request.REGULAR], ["file", "inner/deep", "link"]),
        ([77], []),
    ],
)
async def test_types(calls: FileCalls, types: list[int], names: list[str]) -> None:
    """Those that are not wanted are still looked into."""
    assert await _names(calls, "/folder", recurse=True, types=types) == names


async def test_what_is_said_of_a_file(calls: FileCalls, root: Path) -> None:
    """Its place in both forms, size, time, owner, and where a link leads."""
    found = {info.relative_name: info for info in await _list(calls, "/folder")}
    (root / "folder/file").chmod(0o640)
    file, link = found["file"], found["link"]
    assert (file.name, file.size, file.modified) == ("/folder/file", 10, 1_700_000_000)
    assert (file.uid, file.gid, file.is_dir) == (os.getuid(), os.getgid(), False)
    assert (link.link, link.mode >> 27) == ("file", 1)
    assert found["."].is_dir
    assert found["."].mode >> 31 == 1


@pytest.mark.parametrize(
    ("mode", "go"),
    [
        (stat.S_IFREG | 0o644, 0o644),
        (stat.S_IFDIR | 0o1777, 1 << 31 | 1 << 20 | 0o777),
        (stat.S_IFLNK | 0o777, 1 << 27 | 0o777),
        (stat.S_IFBLK | 0o660, 1 << 26 | 0o660),
        (stat.S_IFCHR | 0o620, 1 << 26 | 1 << 21 | 0o620),
        (stat.S_IFIFO | 0o600, 1 << 25 | 0o600),
        (stat.S_IFSOCK | 0o755, 1 << 24 | 0o755),
        (stat.S_IFREG | 0o6755, 1 << 23 | 1 << 22 | 0o755),
    ],
)
def test_modes_as_go_has_them(mode: int, go: int) -> None:
    """Clients print them with a library of their language."""
    assert go_mode(mode) == go


async def test_attributes_of_files(calls: FileCalls, root: Path) -> None:
    """Only when they are asked for."""
    os.setxattr(root / "folder/file", "user.note", b"\x00\x01")
    found = {each.relative_name: each for each in await _list(calls, "/folder", report_xattrs=True)}
    assert [(each.name, each.data) for each in found["file"].xattrs] == [("user.note", b"\x00\x01")]
    assert not any(each.xattrs for each in await _list(calls, "/folder"))


async def test_names_that_are_no_text(calls: FileCalls, root: Path) -> None:
    """A message can hold no other bytes; in an archive they are whole."""
    name = os.fsdecode(b"\xff\xfe")
    (root / "folder" / name).write_text("x")
    (root / "folder" / os.fsdecode(b"to-\xff")).symlink_to(name)
    found = {info.relative_name: info for info in await _list(calls, "/folder")}
    assert found["��"].size == 1
    assert found["to-�"].link == "��"
    assert name in (await _copy(calls, "/folder")).getnames()


async def test_who_is_no_administrator_sees_no_secrets(calls: FileCalls) -> None:
    """Neither names nor sizes in STATE; an administrator does."""
    assert "state/config.yaml" in await _names(calls, "/system", recurse=True)
    caller_roles.set({Role.READER})
    found = await _list(calls, "/system", recurse=True)
    assert [(each.relative_name, bool(each.error)) for each in found] == [
        (".", False),
        ("state", False),
        ("state", True),
    ]
    sizes = await _usage(calls, paths=["/system/state"], all=True)
    assert [each.relative_name for each in sizes if not each.error] == ["."]


async def _usage(calls: FileCalls, **more: Any) -> list[machine_pb2.DiskUsageInfo]:
    request = machine_pb2.DiskUsageRequest(**more)
    return [info async for info in calls.DiskUsage(request, CONTEXT)]


def _size(*paths: Path) -> int:
    return sum(path.lstat().st_size for path in paths)


async def test_sizes_are_summed_from_below(calls: FileCalls, root: Path) -> None:
    """A folder comes after what is in it, and counts itself."""
    inner = _size(root / "folder/inner", root / "folder/inner/deep")
    folder = inner + _size(
        root / "folder", *(root / "folder" / each for each in ("file", "link", "pipe"))
    )
    found = await _usage(calls, paths=["/folder"])
    assert [(each.name, each.relative_name, each.size) for each in found] == [
        ("/folder/inner", "inner", inner),
        ("/folder", ".", folder),
    ]
    names = [each.relative_name for each in await _usage(calls, paths=["/folder"], all=True)]
    assert names == ["file", "inner/deep", "inner", "link", "pipe", "."]


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join),
        st.integers(0, 5000),
        max_size=12,
    )
)
def test_law_of_sizes(files: dict[str, int]) -> None:
    """A folder is as large as itself and all that is right in it, whatever there is."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for name, size in files.items():
            path = root / f"{name}.d/file"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(size))
        tree = Tree(root)
        with tree.at("/") as found:
            request = machine_pb2.DiskUsageRequest(all=True)
            sizes = {
                each.relative_name: each.size for each in usage(tree.walk(found), request) if each
            }
        for name, size in sizes.items():
            path = root / name
            parts = (
                [str(each.relative_to(root)) for each in path.iterdir()] if path.is_dir() else []
            )
            assert size == path.lstat().st_size + sum(sizes[part] for part in parts)


async def test_sizes_that_are_wanted(calls: FileCalls, root: Path) -> None:
    """A threshold is a least or, below nought, a largest size; depth only hides."""
    names = [
        each.relative_name
        for each in await _usage(calls, paths=["/folder"], all=True, threshold=500)
    ]
    assert "file" not in names
    assert "inner/deep" in names
    names = [
        each.relative_name
        for each in await _usage(calls, paths=["/folder"], all=True, threshold=-500)
    ]
    assert "file" in names
    assert "." not in names
    (shallow,) = await _usage(calls, paths=["/folder"], recursion_depth=1)
    assert shallow.size > 1000
    assert shallow.relative_name == "."


async def test_each_path_is_measured(calls: FileCalls) -> None:
    """One that is not there is an entry with a fault; a slash is put before a name."""
    found = await _usage(calls, paths=["/nosuch", "folder/inner", "/a\0b"])
    assert [(each.name, bool(each.error)) for each in found] == [
        ("/nosuch", True),
        ("/folder/inner", False),
        ("/a\0b", True),
    ]


async def _copy(calls: FileCalls, path: str) -> tarfile.TarFile:
    parts = [part async for part in calls.Copy(machine_pb2.CopyRequest(root_path=path), CONTEXT)]
    assert not any(part.metadata.error for part in parts)
    content = gzip.decompress(b"".join(part.bytes for part in parts))
    return tarfile.open(fileobj=io.BytesIO(content))


async def test_a_tree_in_an_archive(calls: FileCalls, root: Path) -> None:
    """Names begin at the folder; kinds, modes, times and links are kept; sockets are not."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "folder/socket"))
    (root / "folder/file").chmod(0o4755)
    archive = await _copy(calls, "/folder")
    assert archive.getnames() == ["file", "inner", "inner/deep", "link", "pipe"]
    file = archive.extractfile("inner/deep")
    assert file
    assert file.read() == b"d" * 1000
    assert archive.getmember("link").linkname == "file"
    assert archive.getmember("pipe").isfifo()
    assert archive.getmember("file").mode == 0o4755
    assert archive.getmember("inner/deep").mtime == 1_700_000_000


async def test_a_file_in_an_archive(calls: FileCalls, root: Path) -> None:
    """Under its own name; also one with a long name and of several pieces."""
    name = "n" * 150
    content = os.urandom(300_000)
    (root / name).write_bytes(content)
    archive = await _copy(calls, f"/{name}")
    (member,) = archive.getmembers()
    assert member.name == name
    file = archive.extractfile(member)
    assert file
    assert file.read() == content


async def test_the_kernels_files_have_their_content(
    calls: FileCalls, platform: FakePlatform
) -> None:
    """They have no size before they are read; those that cannot be read are empty."""
    platform.root = Path("/")
    archive = await _copy(calls, "/proc/sys/kernel/random")
    boot_id = archive.extractfile("boot_id")
    assert boot_id
    assert len(boot_id.read()) == 37
    archive = await _copy(calls, "/sys/fs/cgroup")
    assert archive.getmembers()
    archive = await _copy(calls, "/sys/dev/block")
    assert all(member.issym() for member in archive.getmembers())


async def test_the_kernels_file_systems_are_left_out(calls: FileCalls, root: Path) -> None:
    """Of a copy that did not begin in them."""
    devices = kernel_devices(
        "22 1 0:21 / /proc rw,nosuid shared:1 - proc proc rw\n"
        "30 1 0:40 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n"
        "31 1 179:2 / / rw - ext4 /dev/root rw\n"
    )
    assert devices == {os.makedev(0, 21), os.makedev(0, 40)}


async def test_a_file_that_becomes_shorter(
    calls: FileCalls, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is filled up: its size has been said already."""
    (root / "folder/file").write_bytes(b"x" * 200_000)
    real = archive_module._header

    def longer(*args: Any) -> tarfile.TarInfo:
        header = real(*args)
        header.size += 70_000 if header.name == "file" else 0
        return header

    monkeypatch.setattr(archive_module, "_header", longer)
    archive = await _copy(calls, "/folder")
    file = archive.extractfile("file")
    assert file
    assert file.read() == b"x" * 200_000 + bytes(70_000)
    assert "link" in archive.getnames()


async def test_what_nobody_may_read_is_left_out(
    calls: FileCalls, platform: FakePlatform, root: Path
) -> None:
    """The copy is complete without it."""
    platform.mode = "container"
    (root / "disk.img").write_text("with the node's key")
    names = (await _copy(calls, "/")).getnames()
    assert "disk.img" not in names
    assert "folder/file" in names


async def test_what_cannot_be_copied_is_said_at_the_end(calls: FileCalls, root: Path) -> None:
    """After everything else, as clients expect it."""
    caller_roles.set({Role.READER})
    request = machine_pb2.CopyRequest(root_path="/")
    *parts, last = [part async for part in calls.Copy(request, CONTEXT)]
    assert last.metadata.error == "/system/state: not to be looked into with these rights"
    content = gzip.decompress(b"".join(part.bytes for part in parts))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = archive.getnames()
    assert "folder/inner/deep" in names
    assert "system/state/config.yaml" not in names


@pytest.mark.parametrize("call", ["List", "Copy"])
async def test_missing_paths_are_not_found(calls: FileCalls, call: str) -> None:
    """And a way that ends in circles cannot be gone."""
    request: Any
    request = Request(root="/no") if call == "List" else machine_pb2.CopyRequest(root_path="/no")
    with pytest.raises(Refused) as caught:
        [_ async for _ in getattr(calls, call)(request, CONTEXT)]
    assert caught.value.args[0] is grpc.StatusCode.NOT_FOUND


async def test_a_link_to_itself(calls: FileCalls, root: Path) -> None:
    """Is said as what it is."""
    (root / "loop").symlink_to("loop")
    with pytest.raises(NodeError, match="symbolic links"):
        await _list(calls, "/loop")


async def test_a_stream_takes_no_more_than_its_reader(calls: FileCalls) -> None:
    """A slow reader costs no memory, and one that goes has the source closed."""
    taken, closed = [], threading.Event()

    def source() -> Generator[int]:
        try:
            for number in range(10_000):
                taken.append(number)
                yield number
        finally:
            closed.set()

    numbers = pump.stream(source(), batch=4)
    assert await anext(numbers) == 0
    await asyncio.sleep(0.05)
    assert len(taken) <= 4
    await numbers.aclose()
    assert await asyncio.to_thread(closed.wait, 60)


async def test_work_for_nothing_can_be_stopped(calls: FileCalls) -> None:
    """A source that finds nothing to show for long is closed soon after its reader has gone."""
    closed = threading.Event()

    def source() -> Generator[int | None]:
        try:
            while True:
                yield None
        finally:
            closed.set()

    numbers = pump.stream(source())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await anext(numbers)
    assert await asyncio.to_thread(closed.wait, 60)


async def test_who_goes_does_not_wait_for_a_slow_disk(calls: FileCalls) -> None:
    """The step under way ends when it ends, and then the source is closed."""
    going, closed = threading.Event(), threading.Event()

    def source() -> Generator[int]:
        try:
            going.wait(60)
            yield 1
        finally:
            closed.set()

    numbers = pump.stream(source())
    reader = asyncio.ensure_future(anext(numbers))
    await asyncio.sleep(0.05)
    reader.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert time.monotonic() - began < 30
    assert not closed.is_set()
    going.set()
    assert await asyncio.to_thread(closed.wait, 60)


async def test_streams_of_files_are_so_many_at_a_time(calls: FileCalls) -> None:
    """One more is refused with a sentence, until another one ends; one caller has not all."""
    request, other = Request(root="/folder"), cast("Any", FakeContext("ipv4:192.0.2.2"))
    streams: list[Any] = [calls.List(request, CONTEXT) for _ in range(pump.MOST_OF_ONE)]
    for each in streams:
        await anext(each)
    with pytest.raises(Refused, match="ask again later") as caught:
        await _list(calls, "/folder")
    assert caught.value.args[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    more: list[Any] = [
        calls.List(request, other) for _ in range(pump.MOST_STREAMS - pump.MOST_OF_ONE)
    ]
    for each in more:
        await anext(each)
    with pytest.raises(Refused, match="ask again later"):
        await anext(cast("Any", calls.List(request, other)))
    for each in streams + more:
        await each.aclose()
    await _until_there_is_room(calls)


async def _until_there_is_room(calls: FileCalls) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                assert await _names(calls, "/folder/file") == ["file"]
            except Refused:
                # They are closed by threads.
                await asyncio.sleep(0.01)
            else:
                return


async def test_a_stream_that_nobody_reads_is_given_up(
    calls: FileCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are closed while it waits, and whoever comes back for more is told."""
    monkeypatch.setattr(pump, "UNREAD_S", 0.05)
    closed = threading.Event()

    def source() -> Generator[int]:
        try:
            yield from range(1000)
        finally:
            closed.set()

    numbers = pump.stream(source(), batch=2)
    assert await anext(numbers) == 0
    assert await asyncio.to_thread(closed.wait, 60)
    assert await anext(numbers) == 1
    with pytest.raises(pump.UnreadError):
        await anext(numbers)
