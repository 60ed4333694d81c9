# SPDX-License-Identifier: Apache-2.0
"""Rules about the other documents beside the root, each about one kind."""

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from edge.config.load import MachineConfig
from edge.config.model import parse_duration
from edge.config.rule.finding import Finding, Place
from edge.config.rule.network import KUBESPAN_MIN_MTU, is_hostname
from edge.errors import TrustError
from edge.pki.certificate import split_bundle
from edge.units import parse_size

_VOLUMES = ("STATE", "EPHEMERAL", "IMAGECACHE", "ETCD", "CRI", "KUBELET", "LOG")
_USER_VOLUME = re.compile(r"[a-zA-Z0-9-]{1,34}")
_PORTS = re.compile(r"([0-9]+)(?:-([0-9]+))?")
WATCHDOG_MIN_S = 10.0

Rule = Callable[[Any, Place], Iterator[Finding]]


def check(config: MachineConfig) -> Iterator[Finding]:
    """Check each document by the rule of its kind."""
    for part in config.parts:
        rule = _RULES.get(part.identity[0])
        if rule:
            yield from rule(part.model, Place(part))


def _check_hostname(model: Any, at: Place) -> Iterator[Finding]:
    if model.auto == "stable" and model.hostname:
        yield (at / "hostname").fault("cannot be used together with auto: stable; use auto: off")
    if not model.auto and not model.hostname:
        yield at.fault("needs auto or hostname")
    if model.hostname and not is_hostname(model.hostname):
        yield (at / "hostname").fault(f"{model.hostname!r} is not a host name")


def _check_static_host(model: Any, at: Place) -> Iterator[Finding]:
    if not _parses(ip_address, model.name):
        yield (at / "name").fault(f"{model.name!r} is not an address")
    if not model.hostnames:
        yield (at / "hostnames").fault("at least one is required")


def _check_resolver(model: Any, at: Place) -> Iterator[Finding]:
    for index, server in enumerate(model.nameservers or []):
        if not server.address:
            yield (at / "nameservers" / index / "address").fault("is required")
    dns = model.hostDNS
    if dns and dns.forwardKubeDNSToHost and not dns.enabled:
        yield (at / "hostDNS" / "forwardKubeDNSToHost").fault("needs hostDNS.enabled")


def _check_time(model: Any, at: Place) -> Iterator[Finding]:
    if model.ntp and model.ntp.servers and model.ptp and model.ptp.devices:
        yield (at / "ptp").fault("cannot be used together with ntp")


def _check_watchdog(model: Any, at: Place) -> Iterator[Finding]:
    if not model.device:
        yield (at / "device").fault("is required, such as /dev/watchdog0")
    if model.timeout and parse_duration(model.timeout) < WATCHDOG_MIN_S:
        yield (at / "timeout").fault("must be 10s or more")


def _check_kubespan(model: Any, at: Place) -> Iterator[Finding]:
    if model.mtu and model.mtu < KUBESPAN_MIN_MTU:
        yield (at / "mtu").fault(f"must be {KUBESPAN_MIN_MTU} or more")


def _check_network_rule(model: Any, at: Place) -> Iterator[Finding]:
    for index, ports in enumerate((model.portSelector and model.portSelector.ports) or []):
        match = _PORTS.fullmatch(ports)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= 65535:
            place = at / "portSelector" / "ports" / index
            yield place.fault(f"{ports!r} is not a port or a range of ports")
    for index, rule in enumerate(model.ingress or []):
        if not rule.subnet:
            yield (at / "ingress" / index / "subnet").fault("is required")


def _check_blackhole(model: Any, at: Place) -> Iterator[Finding]:
    if not _parses(ip_network, model.name):
        yield (at / "name").fault(f"{model.name!r} is not a network")


def _check_probe(model: Any, at: Place) -> Iterator[Finding]:
    for key in ("endpoint", "url"):
        if key in type(model).model_fields and not getattr(model, key):
            yield (at / key).fault("is required")


def _check_roots(model: Any, at: Place) -> Iterator[Finding]:
    try:
        split_bundle((model.certificates or "").encode())
    except TrustError as error:
        yield (at / "certificates").fault(error.message)


def _check_kernel_log(model: Any, at: Place) -> Iterator[Finding]:
    parts = urlsplit(model.url or "")
    if parts.scheme not in ("tcp", "udp") or not parts.netloc:
        yield (at / "url").fault("must be tcp://host:port or udp://host:port")


def _check_event_sink(model: Any, at: Place) -> Iterator[Finding]:
    host, _, port = (model.endpoint or "").rpartition(":")
    if not host or not port.isdigit():
        yield (at / "endpoint").fault("must be host:port")


def _check_volume(model: Any, at: Place) -> Iterator[Finding]:
    if model.name not in _VOLUMES:
        yield (at / "name").fault(f"must be one of {', '.join(_VOLUMES)}")
    yield from _check_sizes(model, at)


def _check_user_volume(model: Any, at: Place) -> Iterator[Finding]:
    if not _USER_VOLUME.fullmatch(model.name):
        yield (at / "name").fault("must be 1 to 34 letters, digits or dashes")
    yield from _check_sizes(model, at)


def _check_sizes(model: Any, at: Place) -> Iterator[Finding]:
    provisioning = getattr(model, "provisioning", None)
    smallest = getattr(provisioning, "minSize", None)
    largest = getattr(provisioning, "maxSize", None)
    if not smallest or not largest or "%" in smallest + largest:
        return
    if parse_size(smallest) > parse_size(largest):
        yield (at / "provisioning" / "minSize").fault("is more than maxSize")


def _check_identity(model: Any, at: Place) -> Iterator[Finding]:
    for key in ("clusterID", "clusterSecret"):
        if not getattr(model, key):
            yield (at / key).fault("is required")


def _parses(parser: Callable[[str], object], text: str) -> bool:
    try:
        parser(text)
    except ValueError:
        return False
    return True


_RULES: dict[str, Rule] = {
    "BlackholeRouteConfig": _check_blackhole,
    "DiscoveryIdentityConfig": _check_identity,
    "EventSinkConfig": _check_event_sink,
    "ExistingVolumeConfig": _check_user_volume,
    "ExternalVolumeConfig": _check_user_volume,
    "HTTPProbeConfig": _check_probe,
    "HostnameConfig": _check_hostname,
    "KmsgLogConfig": _check_kernel_log,
    "KubeSpanConfig": _check_kubespan,
    "NetworkRuleConfig": _check_network_rule,
    "RawVolumeConfig": _check_user_volume,
    "ResolverConfig": _check_resolver,
    "StaticHostConfig": _check_static_host,
    "SwapVolumeConfig": _check_user_volume,
    "TCPProbeConfig": _check_probe,
    "TimeSyncConfig": _check_time,
    "TrustedRootsConfig": _check_roots,
    "UserVolumeConfig": _check_user_volume,
    "VolumeConfig": _check_volume,
    "WatchdogTimerConfig": _check_watchdog,
}
