# SPDX-License-Identifier: Apache-2.0
"""Rules about `cluster`."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from edge.config.cluster import Cluster, ClusterNetwork
from edge.config.kinds.kubernetes import KubeClusterConfig
from edge.config.load import MachineConfig
from edge.config.root import Root
from edge.config.rule.finding import Finding, Place, repeated, root_places
from edge.config.rule.machine import is_control_plane
from edge.config.rule.network import is_hostname


def check(config: MachineConfig) -> Iterator[Finding]:
    """Check the root document's cluster section, and the document that names the cluster."""
    named = config.only(KubeClusterConfig)
    for root, place in root_places(config):
        at = place / "cluster"
        if not root.cluster:
            yield at.fault("is required")
            continue
        if named is None:
            control_plane = root.cluster.controlPlane
            given = control_plane.endpoint if control_plane else None
            yield from _check_endpoint(given, at / "controlPlane" / "endpoint")
        if root.cluster.network:
            yield from _check_network(root.cluster.network, at / "network")
        yield from _check_etcd(root, root.cluster, at / "etcd")
        yield from _check_discovery(root.cluster, at / "discovery")
        yield from _check_manifests(root.cluster, at)
    for part in config.parts:
        if isinstance(part.model, KubeClusterConfig):
            yield from _check_endpoint(part.model.endpoint, Place(part) / "endpoint")


def _check_endpoint(endpoint: str | None, at: Place) -> Iterator[Finding]:
    if not endpoint:
        yield at.fault("is required, such as https://10.0.0.10:6443")
    elif not _is_https(endpoint):
        yield at.fault(f"{endpoint!r} is not an https URL")


def _check_network(network: ClusterNetwork, at: Place) -> Iterator[Finding]:
    if network.dnsDomain and not is_hostname(network.dnsDomain):
        yield (at / "dnsDomain").fault(f"{network.dnsDomain!r} is not a domain name")
    cni, place = network.cni, at / "cni"
    if not cni:
        return
    if cni.name not in ("flannel", "custom", "none"):
        yield (place / "name").fault("must be flannel, custom or none")
    if cni.urls and cni.name != "custom":
        yield (place / "urls").fault("are for the custom network only")
    if cni.flannel and cni.name != "flannel":
        yield (place / "flannel").fault("is for the flannel network only")


def _check_etcd(root: Root, cluster: Cluster, at: Place) -> Iterator[Finding]:
    etcd = cluster.etcd
    if not etcd:
        return
    if root.machine and root.machine.type and not is_control_plane(root.machine):
        yield at.fault("is for control-plane machines only")
    if etcd.subnet and etcd.advertisedSubnets:
        yield (at / "subnet").fault("cannot be used together with advertisedSubnets")


def _check_discovery(cluster: Cluster, at: Place) -> Iterator[Finding]:
    discovery = cluster.discovery
    service = discovery.registries.service if discovery and discovery.registries else None
    if not discovery or not discovery.enabled or (service and service.disabled):
        return
    if service and service.endpoint:
        parts = urlsplit(service.endpoint)
        if not _is_https(service.endpoint) or parts.path.strip("/"):
            place = at / "registries" / "service" / "endpoint"
            yield place.fault("must be an https URL without a path")
    if not cluster.id or not cluster.secret:
        yield at.fault("needs cluster.id and cluster.secret")


def _check_manifests(cluster: Cluster, at: Place) -> Iterator[Finding]:
    cloud = cluster.externalCloudProvider
    if cloud and cloud.manifests and not cloud.enabled:
        yield (at / "externalCloudProvider" / "manifests").fault("need enabled: true")
    manifests = cluster.inlineManifests or []
    for index, manifest in enumerate(manifests):
        if not manifest.name:
            yield (at / "inlineManifests" / index / "name").fault("is required")
    for index in sorted(repeated(manifest.name or object() for manifest in manifests)):
        yield (at / "inlineManifests" / index / "name").fault("the name is given twice")


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
