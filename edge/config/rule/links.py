# SPDX-License-Identifier: Apache-2.0
"""Rules about the documents that configure links."""

from collections.abc import Iterator

from edge.config.kinds.link import (
    Addressing,
    BondConfig,
    BridgeConfig,
    DHCPv4Config,
    DHCPv6Config,
    HCloudVIPConfig,
    Layer2VIPConfig,
    LinkAliasConfig,
    LinkConfig,
    VLANConfig,
    VRFConfig,
    WireguardConfig,
)
from edge.config.load import MachineConfig
from edge.config.rule.finding import Finding, Place
from edge.config.rule.network import check_bonding, is_wireguard_key


def check(config: MachineConfig) -> Iterator[Finding]:
    """Check every document about a link, and that no link is a part of two others."""
    yield from _check_members(config)
    for part in config.parts:
        at, model = Place(part), part.model
        if isinstance(model, Addressing):
            yield from _check_addressing(model, at)
        if isinstance(model, VLANConfig):
            yield from _check_vlan(model, at)
        elif isinstance(model, BondConfig):
            yield from _check_bond(model, at)
        elif isinstance(model, BridgeConfig):
            yield from _check_names(model.links, at / "links")
        elif isinstance(model, WireguardConfig):
            yield from _check_wireguard(model, at)
        elif isinstance(model, DHCPv4Config | DHCPv6Config):
            if (model.clientIdentifier == "duid") != bool(model.duidRaw):
                yield (at / "duidRaw").fault("goes together with clientIdentifier: duid")
        elif isinstance(model, Layer2VIPConfig | HCloudVIPConfig):
            if not model.link:
                yield (at / "link").fault("is required")
        elif isinstance(model, LinkAliasConfig) and not (model.selector and model.selector.match):
            yield (at / "selector" / "match").fault("is required")


def _check_members(config: MachineConfig) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for part in config.parts:
        if not isinstance(part.model, BondConfig | BridgeConfig | VRFConfig):
            continue
        for index, link in enumerate(part.model.links or []):
            if owners.setdefault(link, part.model.name) != part.model.name:
                place = Place(part) / "links" / index
                yield place.fault(f"{link} already belongs to {owners[link]}")
    for part in config.parts:
        model = part.model
        if isinstance(model, LinkConfig) and model.addresses and model.name in owners:
            place = Place(part) / "addresses"
            yield place.fault(f"a member of {owners[model.name]} cannot have addresses")


def _check_addressing(model: Addressing, at: Place) -> Iterator[Finding]:
    for index, address in enumerate(model.addresses or []):
        if not address.address:
            yield (at / "addresses" / index / "address").fault("is required")
    for index, route in enumerate(model.routes or []):
        if not route.destination and not route.gateway:
            yield (at / "routes" / index).fault("needs a destination or a gateway")


def _check_vlan(model: VLANConfig, at: Place) -> Iterator[Finding]:
    if not model.vlanID or model.vlanID > 4094:
        yield (at / "vlanID").fault("must be 1 to 4094")
    if not model.parent:
        yield (at / "parent").fault("is required")


def _check_bond(model: BondConfig, at: Place) -> Iterator[Finding]:
    if not model.links:
        yield (at / "links").fault("at least one is required")
    yield from _check_names(model.links, at / "links")
    if not model.bondMode:
        yield (at / "bondMode").fault("is required")
    yield from check_bonding(model, model.bondMode, at)


def _check_names(names: list[str] | None, at: Place) -> Iterator[Finding]:
    for index, name in enumerate(names or []):
        if not name or name in (names or [])[:index]:
            yield (at / index).fault("is empty or given twice")


def _check_wireguard(model: WireguardConfig, at: Place) -> Iterator[Finding]:
    if not is_wireguard_key(model.privateKey or ""):
        yield (at / "privateKey").fault("must be base64 of 32 bytes")
    for index, peer in enumerate(model.peers or []):
        if not is_wireguard_key(peer.publicKey or ""):
            yield (at / "peers" / index / "publicKey").fault("must be base64 of 32 bytes")
