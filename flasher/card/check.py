# SPDX-License-Identifier: Apache-2.0
"""Turns a row of a list into a `CardSpec`, noting everything that is wrong with it."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_interface
from typing import Any, TypeVar

from edge.config.patch import parse_patch
from edge.config.rule.network import is_hostname
from edge.errors import ConfigError, ImageError
from edge.meta import keys
from edge.meta.adv import render
from edge.meta.enrolment import SECRET_BYTES
from edge.text import read_bytes, read_text
from edge.units import MIB
from flasher.card.render import card_values
from flasher.card.rows import Row
from flasher.card.spec import Address, CardNetwork, CardSpec, GivenEnrolment, InterfaceAddress
from flasher.card.tailor import tailor

_ENROLMENT_ID = re.compile(r"[0-9a-f]{16}")
_ON, _OFF = ("on", "yes", "true"), ("off", "no", "false")
_ILLEGAL = re.compile(r'[\x00-\x1f\x7f"*:<>?\\|]')
_NAME_LENGTH = 255
_FILE_BYTES = 512 * MIB  # a file for the boot partition
_KEY_ROOM = 1024  # for the node's key and enrolment
_Found = TypeVar("_Found")


class Checker:
    """Reads one row; what cannot be read is a fault, and left out of the result."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.faults: list[str] = []

    def spec(self) -> CardSpec:
        """Return the card that the row describes, as far as it does."""
        hostname = self._hostname()
        network = self._network()
        enrol, enrolment = self._enrolment()
        spec = CardSpec(
            name=self._text("name") or hostname or self.row.name,
            hostname=hostname,
            network=network,
            configuration=self._configuration(hostname, network),
            enrol=enrol,
            enrolment=enrolment,
            files=self._files(),
            asset_tag=self._text("asset_tag"),
            meta=self._meta(),
        )
        self._check_size(spec)
        return spec

    def _fault(self, column: str, message: str) -> None:
        self.faults.append(self.row.fault(column, message))

    def _text(self, column: str) -> str:
        return as_text(self.row.values.get(column, ""))

    def _texts(self, column: str, separators: str) -> list[str]:
        value = self.row.values.get(column, "")
        if isinstance(value, list):
            return [as_text(each) for each in value]
        return [part.strip() for part in re.split(separators, as_text(value)) if part.strip()]

    def _hostname(self) -> str:
        text = self._text("hostname")
        if text and not is_hostname(text):
            self._fault("hostname", f"{text!r} is not a host name")
        return text

    def _network(self) -> CardNetwork | None:
        texts = self._texts("address", r"[\s;,]+")
        dhcp = [text.lower() for text in texts] == ["dhcp"]
        addresses = () if dhcp else self._parse_all("address", texts, _to_interface)
        gateways = self._parse_all("gateway", self._texts("gateway", ";"), ip_address)
        gateway = gateways[0] if gateways else None
        servers = self._texts("nameservers", r"[\s;,]+")
        network = CardNetwork(
            interface=self._text("interface"),
            dhcp=dhcp or not texts,
            addresses=addresses,
            gateway=gateway,
            nameservers=self._parse_all("nameservers", servers, ip_address),
        )
        self._check_interface(network.interface)
        if gateway is not None and (addresses or dhcp or not texts):
            self._check_gateway(gateway, addresses)
        is_said = texts or gateways or network.interface or network.nameservers
        return network if is_said else None

    def _check_interface(self, name: str) -> None:
        if len(name) > 15 or re.search(r"[\s/:]", name) or name in (".", ".."):
            self._fault("interface", f"{name!r} is not the name of a link")

    def _check_gateway(self, gateway: Address, addresses: tuple[InterfaceAddress, ...]) -> None:
        if not addresses:
            if not self.row.is_partial:
                self._fault("gateway", "needs an address")
        elif not any(gateway in each.network for each in addresses):
            self._fault("gateway", f"{gateway} is not in {addresses[0].network}")
        elif any(gateway == each.ip for each in addresses):
            self._fault("gateway", f"{gateway} is the card's own address")

    def _parse_all(
        self, column: str, texts: list[str], parser: Callable[[str], _Found]
    ) -> tuple[_Found, ...]:
        found = []
        for text in texts:
            try:
                found.append(parser(text))
            except _OddError as error:
                self._fault(column, str(error))
            except ValueError:
                self._fault(column, f"{text!r} is not an address")
        return tuple(found)

    def _enrolment(self) -> tuple[bool, GivenEnrolment | None]:
        value = self.row.values.get("enrolment", True)
        if isinstance(value, bool):
            return value, None
        if isinstance(value, Mapping):
            number, secret = as_text(value.get("id", "")), as_text(value.get("secret", ""))
        else:
            text = as_text(value)
            if text.lower() in (*_ON, *_OFF):
                return text.lower() in _ON, None
            number, _, secret = text.partition(":")
        try:
            raw = base64.b64decode(secret, validate=True)
        except binascii.Error:
            raw = b""
        if not _ENROLMENT_ID.fullmatch(number) or len(raw) != SECRET_BYTES:
            # Not what was given: it may well be most of a secret.
            self._fault("enrolment", "must be on, off, or 16 hex digits : base64 of 32 bytes")
            return True, None
        return True, GivenEnrolment(id=number, secret=raw)

    def _configuration(self, hostname: str, network: CardNetwork | None) -> bytes:
        name = self._text("config")
        patches = self._texts("patch", ";")
        if not name:
            if patches and not self.row.is_partial:
                self._fault("patch", "needs a config to patch")
            return b""
        path = self.row.folder / name
        try:
            given = [
                parse_patch(read_text(self.row.folder / each), source=each) for each in patches
            ]
            text = read_text(path)
        except ConfigError as error:
            self._told("config", error)
            return b""
        try:
            return tailor(text, given, hostname=hostname, network=network, source=name)
        except ConfigError as error:
            self._told("config", error)
            return b""

    def _told(self, column: str, error: ConfigError) -> None:
        for message in error.faults or (error.message,):
            self._fault(column, message)

    def _files(self) -> dict[str, bytes]:
        value = self.row.values.get("files", {})
        if isinstance(value, Mapping):
            pairs = [(as_text(path), as_text(local)) for path, local in value.items()]
        else:
            pairs = [self._pair(text) for text in self._texts("files", ";")]
        found: dict[str, bytes] = {}
        for path, local in pairs:
            clean = path.strip().strip("/")
            if message := file_name_fault(clean):
                self._fault("files", message)
            elif twin := _clash(clean, found):
                self._fault("files", f"{clean} and {twin} are one and the same on FAT")
            elif local:
                found[clean] = self._content(local)
        return found

    def _pair(self, text: str) -> tuple[str, str]:
        path, equals, local = text.partition("=")
        if not equals or not local.strip():
            self._fault("files", f"{text!r} is not PATH=LOCAL-FILE")
        return path, local.strip()

    def _content(self, local: str) -> bytes:
        try:
            return read_bytes(self.row.folder / local, _FILE_BYTES)
        except ConfigError as error:
            self._told("files", error)
            return b""

    def _meta(self) -> dict[int, bytes]:
        value = self.row.values.get("meta", {})
        if not isinstance(value, Mapping):
            self._fault("meta", "a mapping of keys to values is expected")
            return {}
        found = {}
        for key, text in value.items():
            number = _number(str(key))
            if number in keys.OWN_KEYS or not 0 < number < 256:
                self._fault("meta", f"{key} is not a key to be set")
            else:
                found[number] = as_text(text).encode()
        return found

    def _check_size(self, spec: CardSpec) -> None:
        try:
            render({**card_values(spec), keys.NODE_KEY: bytes(_KEY_ROOM)})
        except ImageError as error:
            self._fault("config" if spec.configuration else "meta", error.message)


def as_text(value: Any) -> str:
    """Return a plain value as it was written."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(getattr(value, "text", value)).strip()


def file_name_fault(path: str) -> str:
    """Say why FAT cannot hold `path`, or nothing."""
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") for part in parts):
        return f"{path!r} is not a path within the boot partition"
    for part in parts:
        if found := _ILLEGAL.search(part):
            return f"{path!r} has {found[0]!r}, which FAT cannot hold"
        if part.endswith((".", " ")) or part.startswith(" "):
            return f"{path!r} begins or ends a name with what FAT drops"
        if len(part) > _NAME_LENGTH:
            return f"{part[:20]!r}… is longer than {_NAME_LENGTH} characters"
    return ""


def _clash(path: str, others: Mapping[str, bytes]) -> str:
    """Return which of `others` has the same name, or is a folder of it or in it."""
    low = f"{path.lower()}/"
    for other in others:
        if low.startswith(f"{other.lower()}/") or f"{other.lower()}/".startswith(low):
            return other
    return ""


def _to_interface(text: str) -> InterfaceAddress:
    if "/" not in text:
        ip_address(text)
        raise _OddError(f"{text!r} has no prefix length, such as {text}/24")
    found = ip_interface(text)
    network = found.network
    if network.num_addresses > 2 and found.ip == network.network_address:
        raise _OddError(f"{text!r} is the address of the network itself")
    if found.version == 4 and network.num_addresses > 2 and found.ip == network.broadcast_address:
        raise _OddError(f"{text!r} is the broadcast address of its network")
    return found


class _OddError(ValueError):
    """What is an address and still cannot be meant; the argument says why."""


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        return 0
