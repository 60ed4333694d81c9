# SPDX-License-Identifier: Apache-2.0
"""Secrets of a cluster from where else they may be: a configuration, a kubeadm folder."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from edge.config.stream import parse_stream
from edge.errors import ConfigError, TrustError
from edge.pki.certificate import KeyPair, belongs
from edge.pki.key import load_key
from edge.pki.secrets import CONFIG_PATHS, SecretsBundle, new_secrets, read_secrets
from edge.text import read_text


def secrets_from_config(text: str, *, source: str) -> SecretsBundle:
    """Return the secrets in the configuration of a control plane.

    Raises:
        ConfigError: when it is another machine's, or something is missing in it.
    """
    documents = [raw.value for raw in parse_stream(text, source=source)]
    roots = [each for each in documents if isinstance(each, Mapping) and "kind" not in each]
    if not roots:
        raise ConfigError(f"{source} has no v1alpha1 document")
    root: Mapping[str, Any] = roots[0]
    type_ = (root.get("machine") or {}).get("type")
    if type_ not in ("controlplane", "init"):
        raise ConfigError(
            f"{source} is the configuration of a {type_ or 'machine of no type'}",
            hint="only a control plane has the keys: name its configuration",
        )
    return read_secrets(root, CONFIG_PATHS, source=source)


def secrets_from_kubernetes(
    folder: Path, *, now: datetime, bootstrap_token: str = ""
) -> SecretsBundle:
    """Return new secrets with the authorities that kubeadm keeps in `folder`.

    Raises:
        ConfigError: when a file is missing or cannot be used; every fault is listed.
    """
    faults: list[str] = []
    k8s = _read_pair(folder, "ca", faults)
    etcd = _read_pair(folder, "etcd/ca", faults)
    aggregator = _read_pair(folder, "front-proxy-ca", faults)
    key = _read(folder / "sa.key", faults)
    if key:
        _check_key(folder / "sa.key", key, faults)
    if faults:
        raise ConfigError(f"{folder} is not a usable Kubernetes PKI", faults=tuple(faults))
    made = new_secrets(now=now)
    return replace(
        made,
        k8s=k8s,
        etcd=etcd,
        aggregator=aggregator,
        service_account_key=key,
        bootstrap_token=bootstrap_token or made.bootstrap_token,
    )


def _read_pair(folder: Path, stem: str, faults: list[str]) -> KeyPair:
    pair = KeyPair(
        certificate=_read(folder / f"{stem}.crt", faults), key=_read(folder / f"{stem}.key", faults)
    )
    try:
        if pair.certificate and pair.key and not belongs(pair):
            faults.append(f"{folder / stem}.key: does not belong to the certificate beside it")
    except TrustError as error:
        faults.append(f"{folder / stem}: {error.message}")
    return pair


def _read(path: Path, faults: list[str]) -> bytes:
    try:
        return read_text(path).encode()
    except ConfigError as error:
        faults.append(error.message)
        return b""


def _check_key(path: Path, key: bytes, faults: list[str]) -> None:
    try:
        load_key(key)
    except TrustError as error:
        faults.append(f"{path}: {error.message}")
