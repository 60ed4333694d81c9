# SPDX-License-Identifier: Apache-2.0
"""Archives that nodes send: unpacked whole or not at all, and never out of their folder."""

import gzip
import io
import os
import tarfile
from collections.abc import AsyncIterator
from itertools import permutations
from pathlib import Path

import pytest

from edge.errors import EdgeError, NodeError
from edge.provision.unpack import read_single, unpack


def entry(
    name: str, *, type_: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644
) -> tarfile.TarInfo:
    """Return one member of an archive."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = type_, link, mode
    return info


def archive(*members: tuple[tarfile.TarInfo, bytes], tail: bool = True) -> bytes:
    """Return a compressed archive, without its end if `tail` is false."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        end = raw.tell()
    data = raw.getvalue() if tail else raw.getvalue()[:end]
    return gzip.compress(data)


async def chunked(data: bytes, size: int = 7) -> AsyncIterator[bytes]:
    """Yield `data` in pieces."""
    for at in range(0, len(data), size):
        yield data[at : at + size]


def names(folder: Path) -> list[str]:
    """Return the names of everything below a folder."""
    return sorted(each.name for each in folder.rglob("*"))


async def test_files_folders_and_links_are_unpacked(tmp_path: Path) -> None:
    """Content, rights and links inside arrive; rights that would surprise do not."""
    data = archive(
        (entry(".", type_=tarfile.DIRTYPE), b""),
        (entry("a/b.txt", mode=0o4755), b"hello" * 1000),
        (entry("a/link", type_=tarfile.SYMTYPE, link="b.txt"), b""),
        (entry("a/same", type_=tarfile.LNKTYPE, link="a/b.txt"), b""),
    )
    result = await unpack(chunked(data), tmp_path / "out")
    assert (tmp_path / "out/a/b.txt").read_bytes() == b"hello" * 1000
    assert (tmp_path / "out/a/b.txt").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "out/a/link").readlink() == Path("b.txt")
    assert (tmp_path / "out/a/same").read_bytes() == b"hello" * 1000
    assert (result.files, result.skipped) == (2, [])
    assert names(tmp_path) == ["a", "b.txt", "link", "out", "same"]


async def test_archive_without_its_end_is_whole(tmp_path: Path) -> None:
    """Upstream's servers leave out the blocks that end an archive."""
    data = archive((entry("kubeconfig"), b"apiVersion: v1\n"), tail=False)
    assert await read_single(chunked(data), limit_bytes=1 << 20) == b"apiVersion: v1\n"


@pytest.mark.parametrize(
    "bad",
    [
        archive((entry("good"), b"1"), (entry("../evil"), b"2")),
        archive((entry("good"), b"1"), (entry("/evil"), b"2")),
        archive((entry("good"), b"1"), (entry("x", type_=tarfile.LNKTYPE, link="../evil"), b"")),
        archive((entry("good"), b"1"), (entry("big"), os.urandom(5000)))[:-900],
        b"this is no archive",
        b"",
    ],
)
async def test_bad_archives_leave_nothing(tmp_path: Path, bad: bytes) -> None:
    """Neither what leads out nor what is cut short leaves a single file behind."""
    (tmp_path / "out").mkdir()
    with pytest.raises(NodeError):
        await unpack(chunked(bad), tmp_path / "out")
    assert names(tmp_path) == ["out"]


async def test_what_is_dangerous_stays_out(tmp_path: Path) -> None:
    """Devices, pipes and links that lead out are named, not made."""
    data = archive(
        (entry("null", type_=tarfile.CHRTYPE), b""),
        (entry("pipe", type_=tarfile.FIFOTYPE), b""),
        (entry("etc", type_=tarfile.SYMTYPE, link="/etc"), b""),
        (entry("up", type_=tarfile.SYMTYPE, link="../.."), b""),
        (entry("file"), b"x"),
    )
    result = await unpack(chunked(data), tmp_path / "out")
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["file"]
    assert [line.partition(":")[0] for line in result.skipped] == ["null", "pipe", "etc", "up"]


async def test_chain_of_links_does_not_lead_out(tmp_path: Path) -> None:
    """A link is judged by where it really ends."""
    data = archive(
        (entry("a/b/c", type_=tarfile.DIRTYPE), b""),
        (entry("a/b/c/top", type_=tarfile.SYMTYPE, link="../../.."), b""),
        (entry("out", type_=tarfile.SYMTYPE, link="a/b/c/top/.."), b""),
    )
    result = await unpack(chunked(data), tmp_path / "out")
    assert result.skipped == ["out: may lead out of the copy, to a/b/c/top/.."]


def lead_out(folder: Path) -> list[str]:
    """Return the names of links that end outside of the folder."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())
    ]


LINKS = [("evil", "d/s/../../q"), ("d", "."), ("s", ".")]


@pytest.mark.parametrize("order", [*permutations(LINKS)])
async def test_later_link_does_not_redirect_an_earlier_one(
    tmp_path: Path, order: tuple[tuple[str, str], ...]
) -> None:
    """No link leads out, in whichever order they come."""
    links = [(entry(name, type_=tarfile.SYMTYPE, link=to), b"") for name, to in order]
    result = await unpack(chunked(archive(*links)), tmp_path / "out")
    assert lead_out(tmp_path / "out") == []
    assert result.skipped == ["evil: may lead out of the copy, to d/s/../../q"]


async def test_later_archive_does_not_redirect_a_link(tmp_path: Path) -> None:
    """Two copies to one folder lead out no more than one does."""
    for name, to in LINKS:
        data = archive((entry(name, type_=tarfile.SYMTYPE, link=to), b""))
        await unpack(chunked(data), tmp_path / "out")
    assert lead_out(tmp_path / "out") == []


async def test_link_that_is_replaced_does_not_redirect_another(tmp_path: Path) -> None:
    """What a link went through in the first copy is elsewhere after the second."""
    first = archive(
        (entry("d/real", type_=tarfile.DIRTYPE), b""),
        (entry("l", type_=tarfile.SYMTYPE, link="d"), b""),
        (entry("evil", type_=tarfile.SYMTYPE, link="l/real/../q"), b""),
    )
    second = archive(
        (entry("e", type_=tarfile.DIRTYPE), b""),
        (entry("e/real", type_=tarfile.SYMTYPE, link=".."), b""),
        (entry("l", type_=tarfile.SYMTYPE, link="e"), b""),
    )
    for data in (first, second):
        await unpack(chunked(data), tmp_path / "out")
    assert (tmp_path / "out/l").readlink() == Path("e")
    assert lead_out(tmp_path / "out") == []


async def test_links_up_and_down_are_kept(tmp_path: Path) -> None:
    """Through folders that the archive has, and back up from them."""
    data = archive(
        (entry("a/b/file"), b"x"),
        (entry("a/up", type_=tarfile.SYMTYPE, link="../a/b/../b/file"), b""),
        (entry("top", type_=tarfile.SYMTYPE, link="a"), b""),
        (entry("far", type_=tarfile.SYMTYPE, link="top/b/file"), b""),
    )
    result = await unpack(chunked(data), tmp_path / "out")
    assert result.skipped == []
    assert [(tmp_path / "out" / each).read_bytes() for each in ("a/up", "far")] == [b"x", b"x"]


async def test_nothing_is_made_behind_a_link(tmp_path: Path) -> None:
    """Even a link that leads nowhere."""
    data = archive(
        (entry("a", type_=tarfile.SYMTYPE, link="nowhere"), b""),
        (entry("a/b", type_=tarfile.SYMTYPE, link="c"), b""),
    )
    with pytest.raises(NodeError, match="leads through a link"):
        await unpack(chunked(data), tmp_path / "out")


async def test_existing_folder_is_added_to(tmp_path: Path) -> None:
    """What is there stays, what has the same name is replaced, a link is not written through."""
    out = tmp_path / "out"
    (out / "d").mkdir(parents=True)
    (out / "d/old").write_text("old")
    (out / "d/new").write_text("old")
    await unpack(chunked(archive((entry("d/new"), b"new"))), out)
    assert ((out / "d/old").read_text(), (out / "d/new").read_text()) == ("old", "new")
    (out / "l").symlink_to(tmp_path)
    with pytest.raises(EdgeError, match="is a link"):
        await unpack(chunked(archive((entry("l/f"), b""))), out)
    assert not (tmp_path / "f").exists()


async def test_everything_is_read_to_the_end(tmp_path: Path) -> None:
    """Behind the archive a node tells what was wrong with it."""
    ended = False

    async def telling() -> AsyncIterator[bytes]:
        nonlocal ended
        async for chunk in chunked(archive((entry("file"), b"x")), 1):
            yield chunk
        ended = True

    await unpack(telling(), tmp_path / "out")
    assert ended


@pytest.mark.parametrize(
    ("there", "copied"), [("a/z/deeper", "a/z"), ("a/z", "a/z/deeper"), ("z/f", "z")]
)
async def test_what_is_in_the_way_is_found_before_anything_is_moved(
    tmp_path: Path, there: str, copied: str
) -> None:
    """A file where a folder is, or a folder where a file is, keeps everything as it was."""
    out = tmp_path / "out"
    (out / there).parent.mkdir(parents=True)
    (out / there).write_text("old")
    (out / "a").mkdir(exist_ok=True)
    (out / "a/first").write_text("old")
    data = archive((entry("a/first"), b"new"), (entry("b"), b"new"), (entry(copied), b"new"))
    with pytest.raises(EdgeError, match="is to be copied there"):
        await unpack(chunked(data), out)
    assert ((out / there).read_text(), (out / "a/first").read_text()) == ("old", "old")
    assert not (out / "b").exists()


async def test_system_faults_are_told_in_a_line(tmp_path: Path) -> None:
    """Such as a file where the folder's own folder should be."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(EdgeError, match=r"writing .*file/out: "):
        await unpack(chunked(archive((entry("f"), b"x"))), tmp_path / "file/out")


async def test_limit_is_of_what_comes_out() -> None:
    """A little that was compressed may be very much."""
    data = archive((entry("f"), bytes(1 << 20)))
    assert len(data) < 10_000
    with pytest.raises(NodeError, match="larger than 100000"):
        await read_single(chunked(data), limit_bytes=100_000)


async def test_single_file_has_a_limit() -> None:
    """What should be small is not read on when it is not."""
    data = archive((entry("f"), os.urandom(10_000)))
    with pytest.raises(NodeError, match="larger than 1000"):
        await read_single(chunked(data), limit_bytes=1000)
