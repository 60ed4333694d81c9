# SPDX-License-Identifier: Apache-2.0
"""The network links of this machine that can carry mDNS, and their addresses."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import ifaddr

MAX_LINKS: Final = 64

_SYSFS = Path("/sys/class/net")
_IPV6_ADDRESSES = Path("/proc/net/if_inet6")
_IFF_UP = 0x1
_IFF_MULTICAST = 0x1000
# IFA_F_TENTATIVE and IFA_F_DADFAILED: nothing can be bound to such an address.
_NOT_BINDABLE = 0x48


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One network interface that is up, with its addresses as text and without scope."""

    name: str
    index: int
    addresses: tuple[str, ...]

    @property
    def is_loopback(self) -> bool:
        """Say whether this link leads nowhere but here."""
        return all(ip_address(address).is_loopback for address in self.addresses)


def list_links() -> tuple[Link, ...]:
    """Return the links that are up, have an address and are not a port of a bridge or bond."""
    found: dict[tuple[str, int], tuple[str, ...]] = {}
    unready = _unready_addresses()
    for adapter in ifaddr.get_adapters():
        # An address with a label of its own is listed as "eth0:label".
        key = (adapter.name.partition(":")[0], adapter.index or 0)
        found[key] = found.get(key, ()) + _addresses(adapter.ips, unready)
    links = [
        Link(name=name, index=index, addresses=addresses)
        for (name, index), addresses in found.items()
        if addresses and _is_usable(name)
    ]
    return tuple(sorted(links, key=lambda link: (link.is_loopback, link.index)))[:MAX_LINKS]


def sources(index: int, addresses: Iterable[str]) -> list[str | int]:
    """Return what to send from: the first IPv4 address and, for IPv6 link-local, the link."""
    parsed = [ip_address(address) for address in addresses]
    found: list[str | int] = []
    found.extend([str(one) for one in parsed if one.version == 4][:1])
    if index and any(one.version == 6 and one.is_link_local for one in parsed):
        found.append(index)
    return found


def _addresses(ips: Iterable[ifaddr.IP], unready: Collection[bytes]) -> tuple[str, ...]:
    texts = (ip.ip if isinstance(ip.ip, str) else ip.ip[0] for ip in ips)
    plain = (text.partition("%")[0] for text in texts)
    return tuple(text for text in plain if ip_address(text).packed not in unready)


def _unready_addresses() -> set[bytes]:
    """Return the IPv6 addresses that are still, or in vain, being checked for duplicates."""
    if not _IPV6_ADDRESSES.exists():
        return set()
    rows = [line.split() for line in _IPV6_ADDRESSES.read_text().splitlines()]
    return {bytes.fromhex(row[0]) for row in rows if int(row[4], 16) & _NOT_BINDABLE}


def _is_usable(name: str) -> bool:
    # Systems without sysfs list only what is up; a link that cannot multicast fails to open later.
    folder = _SYSFS / name
    if not folder.exists():
        return True
    flags = int((folder / "flags").read_text(), 16)
    if not flags & _IFF_UP or (folder / "master").exists():
        return False
    return name == "lo" or bool(flags & _IFF_MULTICAST and _has_carrier(folder))


def _has_carrier(folder: Path) -> bool:
    return (folder / "operstate").read_text().strip() in ("up", "unknown")
