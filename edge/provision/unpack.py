# SPDX-License-Identifier: Apache-2.0
"""Unpack an archive that a node sends, as if the node wished us ill.

Everything goes to a folder beside the destination first and appears there only when the archive
was whole. Names never lead out of it, nothing is written through a link, and what is neither a
file nor a folder nor a link inside stays out.
"""

import asyncio
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, cast

from edge.errors import EdgeError, NodeError

_COPY_BYTES = 256 * 1024
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(slots=True)
class Unpacked:
    """What came out of an archive; `skipped` are lines that say what did not, and why."""

    files: int = 0
    size_bytes: int = 0
    skipped: list[str] = field(default_factory=list)


async def unpack(
    chunks: AsyncIterator[bytes], destination: Path, *, limit_bytes: int | None = None
) -> Unpacked:
    """Unpack a compressed tar archive into the folder `destination`, which may exist already.

    Raises:
        NodeError: when the archive is damaged, leads out of its folder, or is larger than
            `limit_bytes` once it is not compressed any more.
        EdgeError: when the destination cannot be written; what was there is still there then.
    """
    loop = asyncio.get_running_loop()

    def fetch() -> bytes:
        return asyncio.run_coroutine_threadsafe(_next(chunks), loop).result()

    return await asyncio.to_thread(_unpack, _Inflated(fetch, limit_bytes), destination)


async def read_single(chunks: AsyncIterator[bytes], *, limit_bytes: int) -> bytes:
    """Return the one file of a small compressed tar archive.

    Raises:
        NodeError: when the archive is damaged, too large, or holds no file.
    """
    with tempfile.TemporaryDirectory() as folder:
        await unpack(chunks, Path(folder), limit_bytes=limit_bytes)
        return await asyncio.to_thread(_only_file, Path(folder), limit_bytes)


def _only_file(folder: Path, limit_bytes: int) -> bytes:
    files = [path for path in folder.rglob("*") if path.is_file()]
    if len(files) != 1 or files[0].stat().st_size > limit_bytes:
        raise NodeError(f"an archive with one small file was expected, it has {len(files)}")
    return files[0].read_bytes()


async def _next(chunks: AsyncIterator[bytes]) -> bytes:
    return await anext(chunks, b"")


class _Inflated:
    """A file object, as much of it as tarfile needs, that decompresses what `fetch` gives."""

    def __init__(self, fetch: Callable[[], bytes], limit_bytes: int | None) -> None:
        self._fetch = fetch
        self._limit = limit_bytes
        self._size = 0
        self._inflate = zlib.decompressobj(_GZIP)
        self._ready = b""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, fewer only at the end."""
        parts, missing = [], size
        while missing:
            if not self._ready and not self._refill(missing):
                break
            part, self._ready = self._ready[:missing], self._ready[missing:]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def finish(self) -> None:
        """Read to the end, and throw it away."""
        while self.read(_COPY_BYTES):
            pass
        while self._fetch():
            pass

    def _refill(self, wanted: int) -> bool:
        while not self._ready:
            # Limited, so that a small message never becomes a large one in memory.
            data = self._inflate.unconsumed_tail or (b"" if self._inflate.eof else self._fetch())
            if not data:
                if not self._inflate.eof:
                    raise NodeError("the archive ended too early")
                return False
            try:
                self._ready = self._inflate.decompress(data, max(wanted, _COPY_BYTES))
            except zlib.error as error:
                raise NodeError(f"the archive is damaged: {error}") from error
        self._size += len(self._ready)
        if self._limit is not None and self._size > self._limit:
            raise NodeError(f"the archive is larger than {self._limit} bytes")
        return True


def _unpack(source: _Inflated, destination: Path) -> Unpacked:
    try:
        return _unpack_beside(source, destination)
    except OSError as error:
        raise EdgeError(f"writing {destination}: {error.strerror or error}") from error


def _unpack_beside(source: _Inflated, destination: Path) -> Unpacked:
    destination.parent.mkdir(parents=True, exist_ok=True)
    if destination.exists() and not destination.is_dir():
        raise EdgeError(f"{destination} is there and is no folder", hint="name a folder")
    with tempfile.TemporaryDirectory(prefix=".edgectl-", dir=destination.parent) as staging:
        folder = Path(staging) / "tree"
        folder.mkdir()
        result = _extract(source, folder)
        # What went wrong on the way is told at the very end.
        source.finish()
        # All is looked at first: nothing is moved when anything is in the way.
        _check_way(folder, destination)
        _move_into(folder, destination)
    return result


def _extract(source: _Inflated, folder: Path) -> Unpacked:
    result, links = Unpacked(), list[tarfile.TarInfo]()
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", source), mode="r|") as archive:
            for member in archive:
                # Links come last: nothing can be written through them then.
                if member.issym():
                    links.append(member)
                else:
                    _take(archive, member, folder, result)
    except tarfile.TarError as error:
        raise NodeError(f"the archive is damaged: {error}") from error
    for member in links:
        _link(member, folder, result)
    return result


def _take(
    archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, result: Unpacked
) -> None:
    path = folder / _inside(member.name)
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
    elif member.islnk():
        original = folder / _inside(member.linkname)
        if original.is_file():
            _write(path, lambda target: shutil.copyfile(original, target))
            result.files += 1
        else:
            result.skipped.append(f"{member.name}: is another name of a file that is not here")
    elif member.isreg():
        content = archive.extractfile(member)
        assert content
        _write(path, lambda target: _fill(content, target))
        path.chmod(member.mode & 0o777 | 0o600)
        os.utime(path, (member.mtime, member.mtime))
        result.files += 1
        result.size_bytes += member.size
    else:
        result.skipped.append(f"{member.name}: is neither a file nor a folder")


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise NodeError(f"the archive leads out of its folder: {name!r}")
    return path


def _write(path: Path, fill: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise NodeError(f"the archive has {path.name!r} as a folder and as a file")
    path.unlink(missing_ok=True)
    fill(path)


def _fill(content: IO[bytes], target: Path) -> None:
    with target.open("xb") as file:
        shutil.copyfileobj(content, file, _COPY_BYTES)


def _link(member: tarfile.TarInfo, folder: Path, result: Unpacked) -> None:
    name = _inside(member.name)
    path = folder / name
    if any((folder / parent).is_symlink() for parent in name.parents):
        raise NodeError(f"the archive leads through a link: {member.name!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(path):
        result.skipped.append(f"{member.name}: is there twice")
    elif _stays_inside(member.linkname, path.parent, folder):
        path.symlink_to(member.linkname)
    else:
        result.skipped.append(f"{member.name}: may lead out of the copy, to {member.linkname}")


def _stays_inside(target: str, start: Path, folder: Path) -> bool:
    """Say whether a link in the folder `start` leads nowhere else, whatever links come later.

    The way back up is taken from real folders only. Where it would end behind a link, or behind
    a name that is not there, another link decides: of this archive, or of the next one.
    """
    if "\0" in target or PurePosixPath(target).is_absolute():
        return False
    at, behind_link = start, False
    for part in PurePosixPath(target).parts:
        if part != "..":
            at /= part
            behind_link |= at.is_symlink()
        elif at == folder or behind_link or not at.is_dir():
            return False
        else:
            at = at.parent
    return True


def _check_way(folder: Path, destination: Path) -> None:
    """Refuse when something at the destination is no place for what was unpacked."""
    if not os.path.lexists(destination):
        return
    for path in folder.iterdir():
        target, is_folder = destination / path.name, path.is_dir() and not path.is_symlink()
        if is_folder and target.is_symlink():
            raise EdgeError(f"{target} is a link: nothing is written through it")
        if os.path.lexists(target) and is_folder != (target.is_dir() and not target.is_symlink()):
            what = ("a folder", "a file") if is_folder else ("a file", "a folder")
            raise EdgeError(f"{target} is {what[1]}, and {what[0]} is to be copied there")
        if is_folder:
            _check_way(path, target)


def _move_into(folder: Path, destination: Path) -> None:
    if not os.path.lexists(destination):
        folder.rename(destination)
        destination.chmod(0o755)
        return
    for path in sorted(folder.iterdir()):
        target = destination / path.name
        if path.is_dir() and not path.is_symlink():
            _move_into(path, target)
        else:
            path.replace(target)
