# SPDX-License-Identifier: Apache-2.0
"""Downloads images into the cache: the one home of `requests`.

    downloads/KEY/NAME, NAME.json               the whole file, what the server said of it
    downloads/KEY/NAME.part, NAME.part.json     what has come so far, and the same of that

A download that was killed goes on where it stopped, if the server still has the same file.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit, urlunsplit

from edge.errors import ImageError
from edge.events import Listener, Noted, Progressed, ignore, step
from edge.paths import cache_dir
from edge.units import KIB, MIB, format_size
from flasher.source.fault import explained, storing
from flasher.source.store import locked

if TYPE_CHECKING:
    import requests

_ATTEMPTS = 6  # in a row that brought nothing
_LONGEST_PAUSE_S = 30.0
_TIMEOUTS_S = (10.0, 30.0)  # to connect, between two bytes
_CHUNK_BYTES = 256 * KIB
_TEXT_LIMIT_BYTES = 4 * MIB
_PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_HINTS = {
    HTTPStatus.NOT_FOUND: "check the address; the release may have moved",
    HTTPStatus.GONE: "check the address; the release may have moved",
    HTTPStatus.UNAUTHORIZED: "the server wants a login; download it yourself and give the file",
    HTTPStatus.FORBIDDEN: "the server refuses; download it yourself and give the file",
}


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


class _DroppedError(Exception):
    """The connection broke; what came before is kept."""


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


def is_address(source: object) -> bool:
    """Tell whether `source` is to be downloaded."""
    return str(source).lower().startswith(("http://", "https://"))


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
    folder = cache_dir() / "downloads" / hashlib.sha256(url.encode()).hexdigest()[:16]
    path = folder / _name(url)
    place = _Place(url=url, path=path, listener=listener)
    with locked(folder / ".lock"):
        place.tag = _read_tag(place.part_notes)
        if path.exists() and sha256 and _sha256(path) == sha256.lower():
            return path
        with step(listener, "download image") as running, _session() as session:
            if _download(session, place, sleep):
                running.detail = format_size(path.stat().st_size)
            else:
                running.detail = "unchanged since it was downloaded"
    return path


def fetch_text(source: str | Path) -> str:
    """Return the content of a small text at an address or in a file.

    Raises:
        ImageError: when it cannot be had.
    """
    if is_address(source):
        return _fetch(str(source)).decode("utf-8", "replace")
    with explained(source), Path(source).open("rb") as file:
        return file.read(_TEXT_LIMIT_BYTES).decode("utf-8", "replace")


def shown(url: str) -> str:
    """Return `url` without any password in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _fetch(url: str) -> bytes:
    try:
        with (
            _session() as session,
            _asking(url),
            session.get(url, timeout=_TIMEOUTS_S, stream=True) as response,
        ):
            _refuse(url, response)
            return response.raw.read(_TEXT_LIMIT_BYTES, decode_content=True)
    except _DroppedError as error:
        raise ImageError(
            f"cannot download {shown(url)}: {error}", hint="check the network"
        ) from error.__cause__


def _download(session: "requests.Session", place: _Place, sleep: Callable[[float], None]) -> bool:
    """Bring the file; return whether there was anything new."""
    failures = 0
    while True:
        before = place.part_bytes
        try:
            if not _attempt(session, place):
                return False
            break
        except _DroppedError as error:
            failures = 1 if place.part_bytes > before else failures + 1
            if failures >= _ATTEMPTS:
                raise _gave_up(place, error) from error.__cause__
            place.listener(Noted(text=f"{error}; trying again"))
            sleep(min(2.0 ** (failures - 1), _LONGEST_PAUSE_S))
    _finish(place)
    return True


def _attempt(session: "requests.Session", place: _Place) -> bool:
    """Ask once and read until the end; return False when the cached file is still right."""
    with _asking(place.url), _get(session, place) as response:
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            return False
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            place.part.unlink(missing_ok=True)
            raise _DroppedError("the server has no such part of it")
        _refuse(place.url, response)
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
    return session.get(place.url, headers=headers, timeout=_TIMEOUTS_S, stream=True)


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
        raise _DroppedError("the server answers with another part than asked for")
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
        raise _DroppedError(f"the connection to {_host(place.url)} ended early")
    if total is not None and done > total:
        file.truncate(0)
        raise _DroppedError(f"{_host(place.url)} sent more than it said")
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


def _session() -> "requests.Session":
    import requests

    from edge import __version__

    session = requests.Session()
    session.headers["User-Agent"] = f"edgectl/{__version__}"
    return session


@contextmanager
def _asking(url: str) -> Iterator[None]:
    """Tell connections that broke from those that will never work."""
    from requests import exceptions
    from urllib3.exceptions import HTTPError

    try:
        yield
    except exceptions.SSLError as error:
        raise ImageError(
            f"{_host(url)} does not prove who it is: {_innermost(error)}",
            hint="check the address and this host's clock",
        ) from error
    except (exceptions.InvalidSchema, exceptions.MissingSchema, exceptions.InvalidURL) as error:
        raise ImageError(
            f"{shown(url)} leads to an address that is not http: {error}", hint="check the address"
        ) from error
    except exceptions.TooManyRedirects as error:
        raise ImageError(f"{shown(url)} leads in a circle", hint="check the address") from error
    except (exceptions.RequestException, HTTPError) as error:
        raise _DroppedError(f"no connection to {_host(url)}: {_innermost(error)}") from error


def _refuse(url: str, response: "requests.Response") -> None:
    status = response.status_code
    if status in _PASSING:
        raise _DroppedError(f"{_host(url)} answers {status} {response.reason}")
    if status >= HTTPStatus.BAD_REQUEST:
        hint = _HINTS.get(HTTPStatus(status)) if status in list(HTTPStatus) else None
        raise ImageError(
            f"cannot download {shown(url)}: {status} {response.reason}",
            hint=hint or "check the address",
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


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _innermost(error: BaseException) -> str:
    """Return the reason below all wrapping, without the address of any object."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
