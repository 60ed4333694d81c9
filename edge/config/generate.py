# SPDX-License-Identifier: Apache-2.0
"""Generate the configurations of a new cluster, in the format of upstream's version 1.13.

Component images are left to the version that runs, as an empty `image` means upstream too.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from edge.config.encode import encode
from edge.config.talosconfig import Context, TalosConfig
from edge.errors import InputError
from edge.pki.certificate import KeyPair, issue_client
from edge.pki.role import Role
from edge.pki.secrets import SecretsBundle

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
# What documentation writes where an address belongs; urlsplit gives hosts in lower case.
_PLACEHOLDERS = frozenset({"address", "host", "ip", "endpoint"})

POD_SUBNET = "10.244.0.0/16"
SERVICE_SUBNET = "10.96.0.0/12"
KUBE_PRISM_PORT = 7445


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What can be chosen when a cluster's configurations are generated."""

    install_disk: str = "/dev/sda"
    additional_sans: tuple[str, ...] = ()
    dns_domain: str = "cluster.local"
    discovery: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The configurations of a cluster."""

    controlplane: str = field(repr=False)
    worker: str = field(repr=False)
    talosconfig: TalosConfig


def generate(
    name: str,
    endpoint: str,
    secrets: SecretsBundle,
    *,
    now: datetime,
    options: Options | None = None,
    endpoints: Sequence[str] = (),
) -> Generated:
    """Generate the configurations of cluster `name`, whose API servers answer at `endpoint`.

    `endpoints` are the machine API addresses that the client configuration begins with.

    Raises:
        InputError: when the name or the endpoint cannot be used.
    """
    check_name(name)
    check_endpoint(endpoint)
    options = options or Options()
    controlplane = _controlplane(name, endpoint, secrets, options)
    worker = _worker(name, endpoint, secrets, options)
    return Generated(
        controlplane=encode([controlplane, _hostname()]),
        worker=encode([worker, _hostname()]),
        talosconfig=client_config(name, secrets.os, now=now, endpoints=endpoints),
    )


def client_config(
    name: str, ca: KeyPair, *, now: datetime, endpoints: Sequence[str] = ()
) -> TalosConfig:
    """Make a client configuration that lets its holder administer the cluster."""
    admin = issue_client(ca, [Role.ADMIN], now=now)
    context = Context(
        endpoints=tuple(endpoints), ca=ca.certificate, crt=admin.certificate, key=admin.key
    )
    return TalosConfig(current=name, contexts={name: context})


def check_name(name: str) -> None:
    """Refuse a cluster name that is more than letters, digits, dots, dashes and underscores."""
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot name a cluster", hint="use letters, digits and dashes")


def check_endpoint(endpoint: str) -> None:
    """Refuse an endpoint that is not https://host or https://host:port."""
    try:
        parts = urlsplit(endpoint)
        is_usable = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if is_usable and parts.hostname in _PLACEHOLDERS:
        raise InputError(
            f"{endpoint!r} still has a placeholder in it",
            hint="put the address of the control plane there, such as https://10.0.0.10:6443",
        )
    if not is_usable or parts.path.strip("/") or parts.query or parts.fragment:
        raise InputError(
            f"{endpoint!r} is not the https URL of a control plane",
            hint="write it as https://10.0.0.10:6443",
        )


def _controlplane(
    name: str, endpoint: str, secrets: SecretsBundle, options: Options
) -> dict[str, Any]:
    machine = _machine("controlplane", secrets, options, _pair(secrets.os))
    machine["nodeLabels"] = {"node.kubernetes.io/exclude-from-external-load-balancers": ""}
    cluster = _cluster(name, endpoint, secrets, options, _pair(secrets.k8s))
    cluster |= {
        **_encryption(secrets),
        "aggregatorCA": _pair(secrets.aggregator),
        "serviceAccount": {"key": _base64(secrets.service_account_key)},
        "apiServer": _api_server(options),
        "controllerManager": {},
        "proxy": {},
        "scheduler": {},
        "etcd": {"ca": _pair(secrets.etcd)},
    }
    return _root(machine, cluster)


def _worker(name: str, endpoint: str, secrets: SecretsBundle, options: Options) -> dict[str, Any]:
    return _root(
        _machine("worker", secrets, options, _certificate(secrets.os)),
        _cluster(name, endpoint, secrets, options, _certificate(secrets.k8s)),
    )


def _root(machine: dict[str, Any], cluster: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "v1alpha1",
        "debug": False,
        "persist": True,
        "machine": machine,
        "cluster": cluster,
    }


def _machine(
    kind: str, secrets: SecretsBundle, options: Options, ca: dict[str, str]
) -> dict[str, Any]:
    return {
        "type": kind,
        "token": secrets.trustd_token,
        "ca": ca,
        "certSANs": list(options.additional_sans),
        "kubelet": {
            "defaultRuntimeSeccompProfileEnabled": True,
            "disableManifestsDirectory": True,
        },
        "install": {"disk": options.install_disk, "wipe": False, "grubUseUKICmdline": True},
        "features": {
            "diskQuotaSupport": True,
            "kubePrism": {"enabled": True, "port": KUBE_PRISM_PORT},
            "hostDNS": {"enabled": True, "forwardKubeDNSToHost": True},
        },
    }


def _cluster(
    name: str, endpoint: str, secrets: SecretsBundle, options: Options, ca: dict[str, str]
) -> dict[str, Any]:
    return {
        "id": secrets.cluster_id,
        "secret": secrets.cluster_secret,
        "controlPlane": {"endpoint": endpoint},
        "clusterName": name,
        "network": {
            "dnsDomain": options.dns_domain,
            "podSubnets": [POD_SUBNET],
            "serviceSubnets": [SERVICE_SUBNET],
        },
        "token": secrets.bootstrap_token,
        "ca": ca,
        "discovery": {
            "enabled": options.discovery,
            "registries": {"kubernetes": {"disabled": True}, "service": {}},
        },
    }


def _encryption(secrets: SecretsBundle) -> dict[str, str]:
    if secrets.secretbox_secret:
        return {"secretboxEncryptionSecret": secrets.secretbox_secret}
    return {"aescbcEncryptionSecret": secrets.aescbc_secret}


def _api_server(options: Options) -> dict[str, Any]:
    names = {"certSANs": list(options.additional_sans)} if options.additional_sans else {}
    return {
        **names,
        "admissionControl": [{"name": "PodSecurity", "configuration": _pod_security()}],
        "auditPolicy": {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "rules": [{"level": "Metadata"}],
        },
    }


def _pod_security() -> dict[str, Any]:
    levels = {"audit": "restricted", "enforce": "baseline", "warn": "restricted"}
    defaults: dict[str, str] = {}
    for mode, level in levels.items():
        defaults |= {mode: level, f"{mode}-version": "latest"}
    return {
        "apiVersion": "pod-security.admission.config.k8s.io/v1alpha1",
        "defaults": defaults,
        "exemptions": {"namespaces": ["kube-system"], "runtimeClasses": [], "usernames": []},
        "kind": "PodSecurityConfiguration",
    }


def _hostname() -> dict[str, Any]:
    return {"apiVersion": "v1alpha1", "kind": "HostnameConfig", "auto": "stable"}


def _pair(pair: KeyPair) -> dict[str, str]:
    return {"crt": _base64(pair.certificate), "key": _base64(pair.key)}


def _certificate(pair: KeyPair) -> dict[str, str]:
    return {"crt": _base64(pair.certificate), "key": ""}


def _base64(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
