# SPDX-License-Identifier: Apache-2.0
"""Makes a machine configuration that of one card: its name and its network set, not merged.

What the configuration says of a name, of name servers and of the link's addresses gives way;
each stays in the form in which it is there, since a configuration may not say it twice.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from edge.config.encode import encode
from edge.config.load import read
from edge.config.patch import Patch, patch_config
from edge.config.stream import parse_stream
from edge.config.validate import load_valid
from edge.errors import ConfigError
from flasher.card.spec import CardNetwork

_Document = dict[str, Any]


def tailor(
    text: str,
    patches: Sequence[Patch] = (),
    *,
    hostname: str = "",
    network: CardNetwork | None = None,
    source: str = "config.yaml",
) -> bytes:
    """Return `text` patched, and with `hostname` and `network` as its own.

    Raises:
        ConfigError: when a machine could not use the result; every fault is listed.
    """
    # What is no configuration is left as it is, for all its faults to be told below.
    raws = parse_stream(text, source=source)
    has_form = all(isinstance(raw.value, Mapping) for raw in raws)
    patched = patch_config(text, patches, source=source) if has_form else text
    if (hostname or network) and not read(patched, source=source)[1]:
        documents = [dict(raw.value) for raw in parse_stream(patched, source=source)]
        if hostname:
            documents = _with_hostname(documents, hostname)
        if network:
            documents = _with_network(documents, network)
        patched = encode(documents)
    config, _ = load_valid(patched, source=source)
    if config.root is None:
        raise ConfigError(
            f"{source} has no v1alpha1 document",
            hint="`edgectl gen config` makes a whole configuration; patches go under patch",
        )
    return patched.encode()


def _with_hostname(documents: list[_Document], hostname: str) -> list[_Document]:
    root = _root(documents)
    if "hostname" in _network_of(root):
        return _with_root(documents, {**_network_of(root), "hostname": hostname})
    wanted = {"auto": "off", "hostname": hostname}
    return _with_document(documents, "HostnameConfig", "", wanted)


def _with_network(documents: list[_Document], network: CardNetwork) -> list[_Document]:
    if network.nameservers:
        documents = _with_nameservers(documents, [str(each) for each in network.nameservers])
    name = network.interface
    if not name or _find_interface(_network_of(_root(documents)), name) is not None:
        return _with_root_interface(documents, network)
    documents = _without(documents, "DHCPv4Config", name)
    if network.dhcp:
        documents = _with_document(documents, "DHCPv4Config", name, {})
    routes = [{"gateway": str(network.gateway)}] if network.gateway else []
    addresses = [{"address": str(each)} for each in network.addresses]
    wanted = {"up": True, "addresses": addresses, "routes": routes}
    return _with_document(documents, "LinkConfig", name, wanted)


def _with_nameservers(documents: list[_Document], servers: list[str]) -> list[_Document]:
    network = _network_of(_root(documents))
    if "nameservers" in network:
        return _with_root(documents, {**network, "nameservers": servers})
    wanted = {"nameservers": [{"address": each} for each in servers]}
    return _with_document(documents, "ResolverConfig", "", wanted)


def _with_root_interface(documents: list[_Document], card: CardNetwork) -> list[_Document]:
    network = _network_of(_root(documents))
    interfaces = list(network.get("interfaces") or [])
    at = _find_interface(network, card.interface)
    whose: _Document = (
        {"interface": card.interface} if card.interface else {"deviceSelector": {"physical": True}}
    )
    old = interfaces.pop(at) if at is not None else whose
    kept = {key: value for key, value in old.items() if key != "cidr"}
    routes = [{"network": _everywhere(card), "gateway": str(card.gateway)}] if card.gateway else []
    fixed = {
        "addresses": [str(each) for each in card.addresses],
        "routes": routes,
        "dhcp": card.dhcp,
    }
    interfaces.insert(at or 0, {**kept, **fixed})
    return _with_root(documents, {**network, "interfaces": interfaces})


def _everywhere(card: CardNetwork) -> str:
    return "::/0" if card.gateway and card.gateway.version == 6 else "0.0.0.0/0"


def _find_interface(network: Mapping[str, Any], name: str) -> int | None:
    """Return the position of the entry about the link, or about the first one without a name."""
    for at, each in enumerate(network.get("interfaces") or []):
        if each.get("interface") == name if name else _is_any(each.get("deviceSelector")):
            return at
    return None


def _is_any(selector: Any) -> bool:
    return isinstance(selector, Mapping) and dict(selector) == {"physical": True}


def _root(documents: Sequence[_Document]) -> Mapping[str, Any]:
    return next((each for each in documents if "kind" not in each), {})


def _network_of(root: Mapping[str, Any]) -> Mapping[str, Any]:
    machine = root.get("machine") or {}
    network: Mapping[str, Any] = machine.get("network") or {}
    return network


def _with_root(documents: list[_Document], network: Mapping[str, Any]) -> list[_Document]:
    root = _root(documents)
    machine = {**(root.get("machine") or {}), "network": dict(network)}
    changed = {"version": "v1alpha1", **root, "machine": machine}
    return [changed if each is root else each for each in documents]


def _with_document(
    documents: list[_Document], kind: str, name: str, wanted: Mapping[str, Any]
) -> list[_Document]:
    named = {"name": name} if name else {}
    fresh = {"apiVersion": "v1alpha1", "kind": kind, **named}
    old = next((each for each in documents if _is(each, kind, name)), fresh)
    rest = [each for each in documents if not _is(each, kind, name)]
    return [*rest, {**old, **wanted}]


def _without(documents: list[_Document], kind: str, name: str) -> list[_Document]:
    return [each for each in documents if not _is(each, kind, name)]


def _is(document: Mapping[str, Any], kind: str, name: str) -> bool:
    return document.get("kind") == kind and (not name or document.get("name") == name)
