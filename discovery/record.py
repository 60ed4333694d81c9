# SPDX-License-Identifier: Apache-2.0
"""What a node says about itself on the network, and its form as a DNS-SD TXT record.

Everything read here was written by whoever shares the link, so it is a hint and never a proof:
values are cut, stripped of control characters, or dropped, and a record without the essentials
is no record.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

SERVICE_TYPE: Final = "_edge-node._tcp.local."
API_PORT: Final = 50000
TXT_VERSION: Final = "1"
API_MAJOR: Final = "1"
MAX_ADDRESSES: Final = 8

# TXT key -> (field of NodeRecord, longest value in bytes); RFC 6763 section 6 bounds both.
TXT_FIELDS: Final[Mapping[str, tuple[str, int]]] = {
    "id": ("id", 40),
    "st": ("state", 16),
    "ver": ("version", 32),
    "arch": ("arch", 16),
    "board": ("board", 32),
    "fp": ("fingerprint", 43),
    "card": ("card", 16),
    "cl": ("cluster", 64),
    "mt": ("machine_type", 16),
    "mb": ("membership", 43),
}

# Names may be cut; an identity that is too long is none, so these are read whole.
_WHOLE = ("txtvers", "id", "fp", "card", "mb")
_READ_LIMITS = [(key, 255) for key in _WHOLE] + [
    (key, limit) for key, (_, limit) in TXT_FIELDS.items() if key not in _WHOLE
]

_ID = re.compile(r"[0-9A-Za-z-]{1,40}")
_CARD = re.compile(r"[0-9a-f]{16}")
_MEMBERSHIP = re.compile(r"[0-9A-Za-z_-]{43}")
_NOT_HOST = re.compile(r"[^a-z0-9-]+")
_SCOPE = re.compile(r"%.*")

Address = IPv4Address | IPv6Address


class NodeState(StrEnum):
    """What a node says it is doing."""

    BOOTING = "booting"
    MAINTENANCE = "maintenance"
    RUNNING = "running"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """One node as seen on, or announced to, the network."""

    name: str
    addresses: tuple[Address, ...] = ()
    """Where it answers, most useful first."""
    port: int = API_PORT
    interface: str = ""
    """The link of this machine on which it was seen."""
    id: str
    state: NodeState = NodeState.UNKNOWN
    version: str = ""
    arch: str = ""
    board: str = ""
    fingerprint: str = ""
    """base64 of the SHA-256 of its public key (DER SubjectPublicKeyInfo), or empty."""
    card: str = ""
    """The enrolment id of the card it booted from, or empty."""
    cluster: str = ""
    machine_type: str = ""
    """What it does in its cluster: controlplane, worker, or nothing yet."""
    membership: str = ""
    """What proves to the other members that it knows the cluster's secret, or empty."""

    @property
    def address(self) -> str:
        """Return the address to try first as text, or nothing."""
        return str(self.addresses[0]) if self.addresses else ""

    @property
    def endpoint(self) -> str:
        """Return `host:port` of the address to try first."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


def instance_name(record: NodeRecord) -> str:
    """Return the DNS-SD instance label: the host name made unique by the start of the node's id."""
    short = _short_id(record.id)
    host = _NOT_HOST.sub("-", record.name.lower()).strip("-")[:48].strip("-") or "edge"
    return host if host.endswith(short) else f"{host}-{short}"


def encode(record: NodeRecord) -> dict[str, str]:
    """Return the TXT keys and values that announce `record`; empty fields are left out."""
    values = {"txtvers": TXT_VERSION, "api": API_MAJOR}
    for key, (field, limit) in TXT_FIELDS.items():
        value = str(getattr(record, field))
        values[key] = clean(_to_url_form(value) if key == "fp" else value, limit)
    return {key: value for key, value in values.items() if value}


def decode(
    txt: Mapping[bytes, bytes | None],
    *,
    instance: str,
    addresses: Iterable[str],
    port: int | None,
    interface: str,
) -> NodeRecord | None:
    """Return the record that somebody announced, or nothing when it is not one of ours.

    `instance` is the bare label; `addresses` may hold anything that was claimed.
    """
    values = {key: clean(_text(txt.get(key.encode())), limit) for key, limit in _READ_LIMITS}
    if values["txtvers"] != TXT_VERSION or not _ID.fullmatch(values["id"]):
        return None
    usable = usable_addresses(addresses, interface)
    if not usable or not port or not 0 < port < 65536:
        return None
    return NodeRecord(
        name=_host_name(clean(instance, 63), values["id"]),
        addresses=usable,
        port=port,
        interface=interface,
        id=values["id"],
        state=_state(values["st"]),
        version=values["ver"],
        arch=values["arch"],
        board=values["board"],
        fingerprint=_from_url_form(values["fp"]),
        card=values["card"] if _CARD.fullmatch(values["card"]) else "",
        cluster=values["cl"],
        machine_type=values["mt"],
        membership=values["mb"] if _MEMBERSHIP.fullmatch(values["mb"]) else "",
    )


def clean(text: str, limit_bytes: int) -> str:
    """Return `text` without anything a terminal could act on, in at most `limit_bytes` of UTF-8."""
    kept = "".join(" " if char.isspace() else char for char in text if _is_harmless(char))
    cut = kept.strip().encode("utf-8", "ignore")[:limit_bytes]
    return cut.decode("utf-8", "ignore").strip()


def usable_addresses(claimed: Iterable[str], interface: str) -> tuple[Address, ...]:
    """Return the addresses worth trying, best first.

    A loopback address counts only when it was heard on loopback: another machine's claim to it
    would point at ourselves. Link-local IPv6 addresses get `interface` as their scope.
    """
    found = {_scoped(_parse(text), interface) for text in claimed}
    usable = [one for one in found if one is not None and _is_usable(one, interface)]
    return tuple(sorted(usable, key=_preference)[:MAX_ADDRESSES])


def _text(value: bytes | None) -> str:
    return (value or b"")[:255].decode("utf-8", "replace")


def _is_harmless(char: str) -> bool:
    # Controls, format characters (bidirectional overrides), surrogates, private and unassigned.
    return char.isspace() or not unicodedata.category(char).startswith("C")


def _state(text: str) -> NodeState:
    return NodeState(text) if text in list(NodeState) else NodeState.UNKNOWN


def _short_id(node_id: str) -> str:
    return re.sub(r"[^0-9a-z]", "", node_id.lower())[:8] or "node"


def _host_name(label: str, node_id: str) -> str:
    host = label.lower().removesuffix(f"-{_short_id(node_id)}")
    return label.lower() if host in ("", "edge") else host


def _to_url_form(fingerprint: str) -> str:
    return fingerprint.rstrip("=").replace("+", "-").replace("/", "_")


def _from_url_form(text: str) -> str:
    try:
        digest = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return ""
    return base64.b64encode(digest).decode() if len(digest) == 32 else ""


def _parse(text: str) -> Address | None:
    try:
        return ip_address(_SCOPE.sub("", text))
    except ValueError:
        return None


def _scoped(address: Address | None, interface: str) -> Address | None:
    if isinstance(address, IPv6Address) and address.is_link_local and interface:
        return IPv6Address(f"{address}%{interface}")
    return address


def _is_usable(address: Address, interface: str) -> bool:
    if address.is_multicast or address.is_unspecified or address == IPv4Address("255.255.255.255"):
        return False
    return address.is_loopback == (interface in ("lo", "lo0"))


def _preference(address: Address) -> tuple[bool, int, str]:
    return (address.is_link_local, address.version, str(address))
