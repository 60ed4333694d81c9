# SPDX-License-Identifier: Apache-2.0
"""Which keys this version acts on. The others are checked, kept, and named in a warning."""

from collections.abc import Iterator, Mapping
from typing import Any

from edge.config.load import MachineConfig, Part, spell_identity
from edge.config.stream import spell_path

_ROOT = frozenset(
    {
        "version",
        "persist",
        "machine.type",
        "machine.token",
        "machine.ca",
        "machine.acceptedCAs",
        "machine.certSANs",
        "machine.network.hostname",
        "machine.network.interfaces.interface",
        "machine.network.interfaces.deviceSelector",
        "machine.network.interfaces.addresses",
        "machine.network.interfaces.cidr",
        "machine.network.interfaces.dhcp",
        "machine.network.interfaces.dhcpOptions.routeMetric",
        "machine.network.interfaces.dhcpOptions.ipv4",
        "machine.network.interfaces.routes.network",
        "machine.network.interfaces.routes.gateway",
        "machine.network.interfaces.routes.source",
        "machine.network.interfaces.routes.metric",
        "machine.network.interfaces.routes.mtu",
        "machine.network.interfaces.mtu",
        "machine.network.interfaces.ignore",
        "machine.network.nameservers",
        "machine.network.searchDomains",
        "machine.network.extraHostEntries",
        "machine.time.disabled",
        "machine.time.servers",
        "machine.sysctls",
        "cluster.id",
        "cluster.secret",
        "cluster.discovery.enabled",
        "cluster.clusterName",
        "cluster.controlPlane.endpoint",
    }
)

_DOCUMENTS: Mapping[str, frozenset[str]] = {
    "HostnameConfig": frozenset({"hostname"}),
    "LinkConfig": frozenset({"up", "mtu", "addresses.address"})
    | {f"routes.{key}" for key in ("destination", "gateway", "source", "metric", "mtu")},
    "DHCPv4Config": frozenset({"routeMetric", "ignoreRoutes"}),
    "ResolverConfig": frozenset({"nameservers.address", "searchDomains.domains"}),
    "TimeSyncConfig": frozenset({"enabled", "ntp.servers"}),
    "StaticHostConfig": frozenset({"hostnames"}),
    "WatchdogTimerConfig": frozenset({"device", "timeout"}),
    "SysctlConfig": frozenset({"params"}),
    "KubeClusterConfig": frozenset({"clusterName", "endpoint"}),
    "DiscoveryIdentityConfig": frozenset({"clusterID", "clusterSecret"}),
}

_IDENTITY = frozenset({"apiVersion", "kind", "name"})


def acted_keys(kind: str) -> frozenset[str] | None:
    """Return the keys of a kind that this version acts on, or nothing for a kind that rests.

    The root document is the kind without a name.
    """
    return _DOCUMENTS.get(kind) if kind else _ROOT


def idle_keys(config: MachineConfig) -> tuple[str, ...]:
    """Return what `config` says that this version does not act on: paths and whole kinds."""
    found = (key for part in config.parts for key in _idle_in(part))
    return tuple(dict.fromkeys(found))


def _idle_in(part: Part) -> Iterator[str]:
    kind, _ = part.identity
    if not kind:
        yield from _idle(part.raw.value, _ROOT, ())
    elif kind not in _DOCUMENTS:
        yield spell_identity(part.identity)
    else:
        own = {k: v for k, v in part.raw.value.items() if k not in _IDENTITY}
        if kind == "HostnameConfig" and (own.get("hostname") or own.get("auto") == "stable"):
            # It says what happens anyway; `auto: off` without a name would change something.
            own.pop("auto", None)
        for key in _idle(own, _DOCUMENTS[kind], ()):
            yield f"{spell_identity(part.identity)} {key}"


def _idle(value: Any, acted: frozenset[str], path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _idle(item, acted, path)
        return
    here = ".".join(path)
    if here in acted or _is_nothing(value):
        return
    if isinstance(value, Mapping) and (not here or any(a.startswith(f"{here}.") for a in acted)):
        for key, inner in value.items():
            yield from _idle(inner, acted, (*path, key))
        return
    yield spell_path(path)


def _is_nothing(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})
