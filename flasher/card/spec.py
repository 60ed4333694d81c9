# SPDX-License-Identifier: Apache-2.0
"""What an operator wants of one card, beyond the image that all of them carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

Address = IPv4Address | IPv6Address
InterfaceAddress = IPv4Interface | IPv6Interface


@dataclass(frozen=True, slots=True, kw_only=True)
class CardNetwork:
    """How the node is reached: static addresses, or DHCP, on one of its Ethernet links."""

    interface: str = ""
    """The link's name; empty for the first Ethernet link of the board."""
    dhcp: bool = False
    addresses: tuple[InterfaceAddress, ...] = ()
    gateway: Address | None = None
    nameservers: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenEnrolment:
    """An enrolment that was made elsewhere, such as on a signing host."""

    id: str
    """Sixteen hex digits."""
    secret: bytes = field(repr=False)
    """32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSpec:
    """One line of a list: everything that shall be different on this card."""

    name: str = ""
    """What messages and records call the card."""
    hostname: str = ""
    network: CardNetwork | None = None
    configuration: bytes = field(default=b"", repr=False)
    """The machine configuration of its node, patched and valid; empty for none."""
    enrol: bool = True
    """Whether the card gets an enrolment at all."""
    enrolment: GivenEnrolment | None = None
    """The enrolment to use; a new one is made without it."""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """What to put into the boot partition, by path without a leading slash."""
    asset_tag: str = ""
    meta: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    """Further values for META."""
