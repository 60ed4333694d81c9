# SPDX-License-Identifier: Apache-2.0
"""Asks web servers, and says in one line what went wrong: the one home of `requests`."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from edge.errors import ImageError
from edge.units import MIB
from flasher.source.fault import explained

if TYPE_CHECKING:
    import requests

TIMEOUTS_S = (10.0, 30.0)
"""To connect, and between two bytes."""
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


class DroppedError(Exception):
    """The connection broke; what came before is kept."""


def is_address(source: object) -> bool:
    """Tell whether `source` is to be downloaded."""
    return str(source).lower().startswith(("http://", "https://"))


def shown(url: str) -> str:
    """Return `url` without any password in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def check_address(url: str) -> None:
    """Refuse an address that cannot be asked.

    Raises:
        ImageError: saying what is wrong with it.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ImageError(f"{url} is no address: {error}", hint="check the address") from error
    try:
        is_good = parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise ImageError(f"{shown(url)} has a bad port", hint="ports are 1 to 65535")
    if not parts.hostname:
        raise ImageError(f"{url} names no server", hint="check the address")


def fetch_text(source: str | Path, what: str, hint: str = "check its path") -> str:
    """Return the content of a small text at an address or in a file.

    Args:
        source: Where it is.
        what: What messages call it; `hint` says what to do where there is none.
        hint: See `what`.

    Raises:
        ImageError: when it cannot be had.
    """
    if is_address(source):
        return _fetch(str(source)).decode("utf-8", "replace")
    with explained(source, what, hint), Path(source).open("rb") as file:
        return file.read(_TEXT_LIMIT_BYTES).decode("utf-8", "replace")


def open_session() -> "requests.Session":
    """Return a session for a few requests, to be closed."""
    import requests

    from edge import __version__

    session = requests.Session()
    session.headers["User-Agent"] = f"edgectl/{__version__}"
    return session


@contextmanager
def asking(url: str) -> Iterator[None]:
    """Tell connections that broke from those that will never work."""
    from requests import exceptions
    from urllib3.exceptions import HTTPError

    try:
        yield
    except exceptions.SSLError as error:
        raise ImageError(
            f"{host_of(url)} does not prove who it is: {_innermost(error)}",
            hint="check the address and this host's clock",
        ) from error
    except (exceptions.InvalidSchema, exceptions.MissingSchema, exceptions.InvalidURL) as error:
        raise ImageError(
            f"{shown(url)} leads to an address that is not http: {error}", hint="check the address"
        ) from error
    except exceptions.TooManyRedirects as error:
        raise ImageError(f"{shown(url)} leads in a circle", hint="check the address") from error
    except (exceptions.RequestException, HTTPError) as error:
        raise DroppedError(f"no connection to {host_of(url)}: {_innermost(error)}") from error


def refuse(url: str, response: "requests.Response") -> None:
    """Raise what an answer means that is none.

    Raises:
        DroppedError: when another attempt may help.
        ImageError: when none will.
    """
    status = response.status_code
    if status in _PASSING:
        raise DroppedError(f"{host_of(url)} answers {status} {response.reason}")
    if status >= HTTPStatus.BAD_REQUEST:
        hint = _HINTS.get(HTTPStatus(status)) if status in list(HTTPStatus) else None
        raise ImageError(
            f"cannot download {shown(url)}: {status} {response.reason}",
            hint=hint or "check the address",
        )


def host_of(url: str) -> str:
    """Return the server that `url` names."""
    return urlsplit(url).hostname or url


def _fetch(url: str) -> bytes:
    check_address(url)
    try:
        with (
            open_session() as session,
            asking(url),
            session.get(url, timeout=TIMEOUTS_S, stream=True) as response,
        ):
            refuse(url, response)
            return response.raw.read(_TEXT_LIMIT_BYTES, decode_content=True)
    except DroppedError as error:
        raise ImageError(
            f"cannot download {shown(url)}: {error}", hint="check the network"
        ) from error.__cause__


def _innermost(error: BaseException) -> str:
    """Return the reason below all wrapping, without the address of any object."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
