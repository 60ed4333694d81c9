# SPDX-License-Identifier: Apache-2.0
"""What the models of all documents share: the strict base and the types of their fields.

Every field is optional, as upstream's are: a missing key and an empty one mean the same, and
what must be there is a matter of validation. Fields are spelled as documents spell them.
Markers beside a type say what patches and redaction do with the field.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from edge.config.stream import PlainFloat, PlainInt
from edge.units import parse_size


class Model(BaseModel):
    """A mapping with known keys; any other key is a fault."""

    # Built on first use: a node reads two or three of some eighty models.
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, defer_build=True, hide_input_in_errors=True
    )


@dataclass(frozen=True, slots=True)
class Replace:
    """Marks a list or mapping that a patch replaces as a whole."""


@dataclass(frozen=True, slots=True)
class MergeBy:
    """Marks a list whose elements a patch merges when they agree in the first key they have."""

    keys: tuple[str, ...]
    replaces: bool = False
    """The patch's element takes the place of the other one."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Marks a value that is not shown."""


_FACTORS_S = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_OCTETS = re.compile(r"[0-9a-fA-F]{2}(?:[:-]?[0-9a-fA-F]{2})*")
_TABLES = ("main", "local", "default", "unspec")
_SIZE_MATCH = re.compile(r"\s*(>=|<=|==|>|<)?\s*(.+)")


def parse_duration(text: str) -> float:
    """Return the seconds in a duration such as "1m30s" or "500ms".

    Raises:
        ValueError: when `text` is not a duration.
    """
    if text == "0":
        return 0.0
    parts = list(_DURATION_PART.finditer(text.lstrip("+-")))
    if not parts or "".join(part[0] for part in parts) != text.lstrip("+-"):
        raise ValueError(f'{text!r} is not a duration such as "1m30s"')
    seconds = sum(float(part[1]) * _FACTORS_S[part[2]] for part in parts)
    return -seconds if text.startswith("-") else seconds


def _as_text(value: Any) -> Any:
    # What was written counts: upstream reads `10`, `1.50` or `true` into a text as they stand.
    if isinstance(value, (PlainInt, PlainFloat)):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def _as_argument(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(_as_text(item), str) for item in value):
        return [_as_text(item) for item in value]
    if isinstance(value, (list, dict)):
        raise ValueError("a text or a list of texts is expected")  # noqa: TRY004 - pydantic wants it
    return _as_text(value)


def _as_permissions(value: Any) -> Any:
    """Read `0o644`, and `0644` as octal too, as upstream does."""
    if isinstance(value, str) and re.fullmatch(r"0[0-7]+", value):
        return int(value, 8)
    return value


def _check_duration(text: str) -> str:
    parse_duration(text)
    return text


def _check_size(value: Any) -> Any:
    text = _as_text(value)
    if not isinstance(text, str):
        raise ValueError('a size such as "100GB" is expected')  # noqa: TRY004 - pydantic wants it
    # A percentage of the disk is allowed where volumes are sized.
    if not re.fullmatch(r"(?:100|[1-9]?[0-9])%", text):
        parse_size(text)
    return text


def _check_size_match(value: Any) -> Any:
    text = _as_text(value)
    match = _SIZE_MATCH.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise ValueError('a comparison such as ">= 100GB" is expected')
    parse_size(match[2])
    return text


def _check_url(text: str) -> str:
    parts = urlsplit(text)
    if not parts.scheme or not (parts.netloc or parts.path):
        # Not repeated: what is wrong with it does not keep secrets out of it.
        raise ValueError("not a URL such as https://example.org")
    return text


def _check_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    return text


def _check_address(text: str) -> str:
    ip_address(text)
    return text


def _check_interface(text: str) -> str:
    ip_interface(text)
    return text


def _check_prefix(text: str) -> str:
    ip_network(text, strict=False)
    return text


def _check_sized_prefix(text: str) -> str:
    if "/" not in text:
        raise ValueError(f"{text!r} needs the length of its prefix, such as 10.0.0.0/24")
    return _check_prefix(text)


def _check_sized_interface(text: str) -> str:
    if "/" not in text:
        raise ValueError(f"{text!r} needs the length of its prefix, such as 10.0.0.2/24")
    return _check_interface(text)


def _check_octets(text: str) -> str:
    if not _OCTETS.fullmatch(text):
        raise ValueError(f"{text!r} is not written in pairs of hexadecimal digits")
    return text


def _check_table(text: str) -> str:
    if text not in _TABLES and not (text.isdigit() and int(text) <= 255):
        raise ValueError(f"{text!r} is neither {', '.join(_TABLES)} nor a number up to 255")
    return text


def _check_filter(text: str) -> str:
    ip_network(text.removeprefix("!"), strict=False)
    return text


Text = Annotated[str, BeforeValidator(_as_text)]
SecretText = Annotated[Text, Secret()]
Duration = Annotated[Text, AfterValidator(_check_duration)]
Size = Annotated[str, BeforeValidator(_check_size)]
SizeMatch = Annotated[str, BeforeValidator(_check_size_match)]
Url = Annotated[Text, AfterValidator(_check_url)]
SecretUrl = Annotated[Url, Secret()]
Base64 = Annotated[Text, AfterValidator(_check_base64)]
SecretBase64 = Annotated[Base64, Secret()]
IPAddress = Annotated[Text, AfterValidator(_check_address)]
IPInterface = Annotated[Text, AfterValidator(_check_interface)]
"""An address with a prefix length; without one the address stands alone."""
IPPrefix = Annotated[Text, AfterValidator(_check_prefix)]
SizedInterface = Annotated[Text, AfterValidator(_check_sized_interface)]
SizedPrefix = Annotated[Text, AfterValidator(_check_sized_prefix)]
Octets = Annotated[Text, AfterValidator(_check_octets)]
"""A hardware address or another identity in hexadecimal digits."""
RoutingTable = Annotated[Text, AfterValidator(_check_table)]
IPFilter = Annotated[Text, AfterValidator(_check_filter)]
"""A prefix; a leading `!` excludes it."""
Texts = list[Text]
TextMap = dict[str, Text]
Arguments = dict[str, Annotated[Any, BeforeValidator(_as_argument), Replace()]]
"""Command-line arguments: each value is a text or a list of texts, and patched as one."""
Object = dict[str, Any]
"""A mapping that belongs to another program."""
Permissions = Annotated[int, BeforeValidator(_as_permissions), Field(ge=0, le=0o7777)]
UInt8 = Annotated[int, Field(ge=0, le=2**8 - 1)]
UInt16 = Annotated[int, Field(ge=0, le=2**16 - 1)]
UInt32 = Annotated[int, Field(ge=0, le=2**32 - 1)]
UInt64 = Annotated[int, Field(ge=0, le=2**64 - 1)]
Port = Annotated[int, Field(ge=1, le=2**16 - 1)]


class CertAndKey(Model):
    """A certificate and its key, each base64 of PEM."""

    crt: Base64 | None = None
    key: SecretBase64 | None = None


class CertOnly(Model):
    """A certificate, base64 of PEM."""

    crt: Base64 | None = None


class KeyOnly(Model):
    """A private key, base64 of PEM."""

    key: SecretBase64 | None = None
