# SPDX-License-Identifier: Apache-2.0
"""Rules about `machine.network`."""

import base64
import binascii
import re
from collections.abc import Iterator

from edge.config.kinds.link import BondConfig
from edge.config.load import MachineConfig
from edge.config.network import Bond, Interface, Network, Route, Wireguard
from edge.config.rule.finding import Finding, Place, repeated, root_places
from edge.config.rule.machine import is_control_plane

KUBESPAN_MIN_MTU = 1280

# What the kernel's bonding takes in some modes only.
_LACP = ("802.3ad",)
_PRIMARY = ("active-backup", "balance-tlb", "balance-alb")
_ARP = ("balance-rr", "active-backup", "balance-xor", "broadcast")
_BOND_MODES = {
    **dict.fromkeys(("lacpRate", "adActorSysPrio", "adUserPortKey", "adLACPActive"), _LACP),
    **dict.fromkeys(("primary", "primaryReselect"), _PRIMARY),
    **dict.fromkeys(("arpInterval", "arpValidate"), _ARP),
    "packetsPerSlave": ("balance-rr",),
    "tlbDynamicLb": ("balance-tlb",),
    "tlbLogicalLb": ("balance-tlb",),
}

_HOSTNAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9-]{1,63})*")


def check(config: MachineConfig) -> Iterator[Finding]:
    """Check the network of the root document's machine."""
    for root, place in root_places(config):
        if root.machine and root.machine.network:
            at = place / "machine" / "network"
            network = root.machine.network
            yield from _check_network(network, at, vips=is_control_plane(root.machine))


def is_hostname(text: str) -> bool:
    """Say whether `text` is a host name, in any case of letters."""
    return bool(_HOSTNAME.fullmatch(text.lower()))


def _check_network(network: Network, at: Place, *, vips: bool) -> Iterator[Finding]:
    if network.hostname and not is_hostname(network.hostname):
        yield (at / "hostname").fault(f"{network.hostname!r} is not a host name")
    mtu = network.kubespan.mtu if network.kubespan else None
    if mtu and mtu < KUBESPAN_MIN_MTU:
        yield (at / "kubespan" / "mtu").fault(f"must be {KUBESPAN_MIN_MTU} or more")
    for index, entry in enumerate(network.extraHostEntries or []):
        if not entry.ip:
            yield (at / "extraHostEntries" / index / "ip").fault("is required")
    interfaces = network.interfaces or []
    for index in sorted(repeated(i.interface or index for index, i in enumerate(interfaces))):
        yield (at / "interfaces" / index).fault("the interface is given twice")
    for index, interface in enumerate(interfaces):
        yield from _check_interface(interface, at / "interfaces" / index, vips=vips)
    yield from _check_members(interfaces, at / "interfaces")


def _check_interface(interface: Interface, at: Place, *, vips: bool) -> Iterator[Finding]:
    if bool(interface.interface) == bool(interface.deviceSelector):
        yield at.fault("needs either interface or deviceSelector")
    selector = interface.deviceSelector
    if selector and not selector.model_dump(exclude_none=True):
        yield (at / "deviceSelector").fault("is empty")
    if interface.cidr and interface.addresses:
        yield (at / "cidr").fault("cannot be used together with addresses")
    if interface.bond and interface.bridge:
        yield at.fault("is either a bond or a bridge")
    if interface.vip and not vips:
        yield (at / "vip").fault("is for control-plane machines only")
    yield from _check_routes(interface.routes or [], at / "routes")
    if interface.bond:
        yield from _check_bond(interface.bond, at / "bond")
    if interface.wireguard:
        yield from _check_wireguard(interface.wireguard, at / "wireguard")
    for index, vlan in enumerate(interface.vlans or []):
        place = at / "vlans" / index
        if vlan.cidr and vlan.addresses:
            yield (place / "cidr").fault("cannot be used together with addresses")
        if not vlan.vlanId or vlan.vlanId > 4094:
            yield (place / "vlanId").fault("must be 1 to 4094")
        if vlan.vip and not vips:
            yield (place / "vip").fault("is for control-plane machines only")
        yield from _check_routes(vlan.routes or [], place / "routes")


def _check_routes(routes: list[Route], at: Place) -> Iterator[Finding]:
    for index, route in enumerate(routes):
        if not route.network and not route.gateway:
            yield (at / index).fault("needs a network or a gateway")


def _check_bond(bond: Bond, at: Place) -> Iterator[Finding]:
    if bool(bond.interfaces) == bool(bond.deviceSelectors):
        yield at.fault("needs either interfaces or deviceSelectors")
    for key in ("arpIPTarget", "adActorSystem"):
        if getattr(bond, key):
            yield (at / key).fault("is not supported")
    yield from check_bonding(bond, bond.mode or "balance-rr", at)


def check_bonding(bond: Bond | BondConfig, mode: str | None, at: Place) -> Iterator[Finding]:
    """Check what a bond may say in its mode, in either form."""
    for key, modes in _BOND_MODES.items():
        if getattr(bond, key, None) and mode and mode not in modes:
            yield (at / key).fault(f"is for the {_spell_modes(modes)} only")
    if bond.miimon and bond.arpInterval:
        yield (at / "arpInterval").fault("cannot be used together with miimon")
    for key in ("updelay", "downdelay"):
        delay = getattr(bond, key)
        if delay and (not bond.miimon or delay % bond.miimon):
            yield (at / key).fault("must be a multiple of miimon")


def _spell_modes(modes: tuple[str, ...]) -> str:
    return f"mode{'s' if len(modes) > 1 else ''} {', '.join(modes)}"


def _check_wireguard(wireguard: Wireguard, at: Place) -> Iterator[Finding]:
    if not is_wireguard_key(wireguard.privateKey or ""):
        yield (at / "privateKey").fault("must be base64 of 32 bytes")
    for index, peer in enumerate(wireguard.peers or []):
        if not is_wireguard_key(peer.publicKey or ""):
            yield (at / "peers" / index / "publicKey").fault("must be base64 of 32 bytes")


def is_wireguard_key(text: str) -> bool:
    """Say whether `text` is a WireGuard key."""
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except binascii.Error:
        return False


def _check_members(interfaces: list[Interface], at: Place) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for index, interface in enumerate(interfaces):
        for kind in ("bond", "bridge"):
            group = getattr(interface, kind)
            for number, member in enumerate((group and group.interfaces) or []):
                if member in owners:
                    place = at / index / kind / "interfaces" / number
                    yield place.fault(f"{member} already belongs to {owners[member]}")
                owners[member] = interface.interface or kind
    for index, interface in enumerate(interfaces):
        if interface.interface in owners and (interface.addresses or interface.cidr):
            owner = owners[interface.interface]
            yield (at / index / "addresses").fault(f"a member of {owner} cannot have addresses")
