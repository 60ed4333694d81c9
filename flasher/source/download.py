# SPDX-License-Identifier: Apache-2.0
"""Downloads images into the cache.

    downloads/KEY/NAME, NAME.json               the whole file, what the server said of it
    downloads/KEY/NAME.part, NAME.part.json     what has come so far, and the same of that

A download that was killed goes on where it stopped, if the server still has the same file.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

from edge.errors import ImageError
from edge.events import Listener, Noted, Progressed, ignore, step
from edge.paths import cache_dir
from edge.units import KIB, format_size
from flasher.source.fault import storing
from flasher.source.store import locked
from flasher.source.web import (
    TIMEOUTS_S,
    DroppedError,
    asking,
    check_address,
    host_of,
    open_session,
    refuse,
    shown,
)

if TYPE_CHECKING:
    import requests

_ATTEMPTS = 6  # in a row that brought nothing
_LONGEST_PAUSE_S = 30.0
_CHUNK_BYTES = 256 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    """What the server said of the file that is being downloaded."""

    etag: str = ""
    modified: str = ""
    total_bytes: int | None = None

    @property
    def validator(self) -> str:
        """What a range of the same file can be asked for with; weak tags cannot."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


@dataclass(slots=True, kw_only=True)
class _Place:
    """Where a download lies, and what it is of."""

    url: str
    path: Path
    listener: Listener
    tag: _Tag = field(default_factory=_Tag)
    """Of the part."""

    @property
    def part(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def notes(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def part_notes(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part.json")

    @property
    def part_bytes(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0


def download(
    url: str,
    *,
    sha256: str = "",
    listener: Listener = ignore,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Return a file of the cache with what is at `url`, resumed or reused where possible.

    Args:
        url: An http or https address.
        sha256: A cached file with this checksum is right whatever the server has by now.
        listener: Hears of progress.
        sleep: Waits between attempts; for tests.

    Raises:
        ImageError: when it cannot be had.
    """
    check_address(url)
    folder = cache_dir() / "downloads" / hashlib.sha256(url.encode()).hexdigest()[:16]
    path = folder / _name(url)
    place = _Place(url=url, path=path, listener=listener)
    with locked(folder / ".lock"):
        place.tag = _read_tag(place.part_notes)
        if path.exists() and sha256 and _sha256(path) == sha256.lower():
            return path
        with step(listener, "download image") as running, open_session() as session:
            if _download(session, place, sleep):
                running.detail = format_size(path.stat().st_size)
            else:
                running.detail = "unchanged since it was downloaded"
    return path


def _download(session: "requests.Session", place: _Place, sleep: Callable[[float], None]) -> bool:
    """Bring the file; return whether there was anything new."""
    failures = 0
    while True:
        before = place.part_bytes
        try:
            if not _attempt(session, place):
                return False
            break
        except DroppedError as error:
            failures = 1 if place.part_bytes > before else failures + 1
            if failures >= _ATTEMPTS:
                raise _gave_up(place, error) from error.__cause__
            place.listener(Noted(text=f"{error}; trying again"))
            sleep(min(2.0 ** (failures - 1), _LONGEST_PAUSE_S))
    _finish(place)
    return True


def _attempt(session: "requests.Session", place: _Place) -> bool:
    """Ask once and read until the end; return False when the cached file is still right."""
    with asking(place.url), _get(session, place) as response:
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            return False
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            place.part.unlink(missing_ok=True)
            raise DroppedError("the server has no such part of it")
        refuse(place.url, response)
        start = _start(place, response)
        if not start:
            place.tag = _tag_of(response)
            _write_tag(place)
        _check_room(place, start)
        with storing(place.part), place.part.open("r+b" if start else "wb") as file:
            file.seek(start)
            _receive(response, file, place, start)
    return True


def _get(session: "requests.Session", place: _Place) -> "requests.Response":
    # What is packed shall stay packed, so no encoding for the way.
    headers = {"Accept-Encoding": "identity"}
    if place.part_bytes and place.tag.validator:
        headers |= {"Range": f"bytes={place.part_bytes}-", "If-Range": place.tag.validator}
    elif place.path.exists():
        headers |= _unless(_read_tag(place.notes))
    return session.get(place.url, headers=headers, timeout=TIMEOUTS_S, stream=True)


def _unless(tag: _Tag) -> dict[str, str]:
    wanted = {"If-None-Match": tag.etag, "If-Modified-Since": tag.modified}
    return {name: value for name, value in wanted.items() if value}


def _start(place: _Place, response: "requests.Response") -> int:
    """Return where in the file the answer begins."""
    if response.status_code != HTTPStatus.PARTIAL_CONTENT:
        return 0
    span, _, total = response.headers.get("Content-Range", "").partition("/")
    begins = f"bytes {place.part_bytes}-"
    if not span.startswith(begins) or total not in {"*", str(place.tag.total_bytes)}:
        place.part.unlink(missing_ok=True)
        raise DroppedError("the server answers with another part than asked for")
    return place.part_bytes


def _receive(response: "requests.Response", file: BinaryIO, place: _Place, start: int) -> None:
    done, total = start, place.tag.total_bytes
    # A broken connection must not throw away what is still in the buffer.
    while chunk := response.raw.read(_CHUNK_BYTES, decode_content=False):
        file.write(chunk)
        done += len(chunk)
        place.listener(
            Progressed(step="download image", done_bytes=done, total_bytes=max(done, total or 0))
        )
    if total is not None and done < total:
        raise DroppedError(f"the connection to {host_of(place.url)} ended early")
    if total is not None and done > total:
        file.truncate(0)
        raise DroppedError(f"{host_of(place.url)} sent more than it said")
    file.flush()
    os.fsync(file.fileno())


def _finish(place: _Place) -> None:
    """Give what was downloaded its name; only then do its notes count."""
    with storing(place.path):
        place.part.replace(place.path)
        place.part_notes.replace(place.notes)


def _check_room(place: _Place, start: int) -> None:
    needed = (place.tag.total_bytes or 0) - start
    free = shutil.disk_usage(place.path.parent).free
    if needed > free:
        raise ImageError(
            f"cannot download {shown(place.url)}: it needs {format_size(needed)} more,"
            f" {place.path.parent} has {format_size(free)} free",
            hint="free space; EDGECTL_CACHE names another folder for large files",
        )


def _gave_up(place: _Place, error: Exception) -> ImageError:
    if place.path.exists():
        hint = f"give what was downloaded earlier: {place.path}"
    else:
        hint = "check the network; the next run goes on where this one stopped"
    return ImageError(f"cannot download {shown(place.url)}: {error}", hint=hint)


def _tag_of(response: "requests.Response") -> _Tag:
    length = response.headers.get("Content-Length", "")
    return _Tag(
        etag=response.headers.get("ETag", ""),
        modified=response.headers.get("Last-Modified", ""),
        total_bytes=int(length) if length.isdigit() else None,
    )


def _read_tag(path: Path) -> _Tag:
    try:
        return _Tag(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return _Tag()


def _write_tag(place: _Place) -> None:
    """Forget the old part before noting what the new one is of."""
    with storing(place.part_notes):
        place.part.unlink(missing_ok=True)
        place.part_notes.write_text(json.dumps(asdict(place.tag)))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name(url: str) -> str:
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    return (
        "".join(each for each in name if each.isprintable() and each not in "\\/").strip(". ")
        or "image"
    )
