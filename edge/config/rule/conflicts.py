# SPDX-License-Identifier: Apache-2.0
"""Rules against saying the same thing in the root document and in one beside it."""

from collections.abc import Iterator
from typing import Any

from edge.config.load import MachineConfig
from edge.config.rule.finding import Finding, Place, root_places

# kind: the keys of the root document that say the same
_SAME = {
    "EnvironmentConfig": ("machine.env",),
    "HostnameConfig": ("machine.network.hostname", "machine.features.stableHostname"),
    "ImageCacheConfig": ("machine.features.imageCache",),
    "KubeClusterConfig": ("cluster.clusterName", "cluster.controlPlane.endpoint"),
    "KubeNetworkConfig": ("cluster.network",),
    "KubePrismConfig": ("machine.features.kubePrism",),
    "KubeSpanConfig": ("machine.network.kubespan",),
    "KubeletConfig": ("machine.kubelet",),
    "ResolverConfig": (
        "machine.network.nameservers",
        "machine.network.searchDomains",
        "machine.network.disableSearchDomain",
    ),
    "StaticHostConfig": ("machine.network.extraHostEntries",),
    "SysctlConfig": ("machine.sysctls",),
    "SysfsConfig": ("machine.sysfs",),
    "TimeSyncConfig": ("machine.time",),
    "UdevRulesConfig": ("machine.udev",),
}

_LINK_KINDS = frozenset(
    {
        "BondConfig",
        "BridgeConfig",
        "DHCPv4Config",
        "DHCPv6Config",
        "DummyLinkConfig",
        "LinkConfig",
        "VLANConfig",
        "WireguardConfig",
    }
)


def check(config: MachineConfig) -> Iterator[Finding]:
    """Check the root document against the others."""
    for _, place in root_places(config):
        root = place.part.raw.value
        for part in config.parts:
            kind, name = part.identity
            for key in _SAME.get(kind, ()):
                if _value_at(root, key):
                    message = f"conflicts with {key} of the root document; keep one of them"
                    yield Place(part).fault(message)
            if kind in _LINK_KINDS and name in _interfaces(root):
                where = "machine.network.interfaces of the root document"
                yield Place(part).fault(f"conflicts with {name} in {where}; keep one of them")


def _interfaces(root: Any) -> set[str]:
    listed = _value_at(root, "machine.network.interfaces") or []
    return {str(item.get("interface")) for item in listed if item.get("interface")}


def _value_at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
