# SPDX-License-Identifier: Apache-2.0
"""The secrets of a cluster, in upstream's `secrets.yaml` format."""

import base64
import binascii
import random
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml

from edge.errors import ConfigError, TrustError
from edge.pki.certificate import KeyPair, belongs, new_ca
from edge.pki.key import load_key, new_labelled_key

_OWN_PATHS = {
    "cluster_id": "cluster.id",
    "cluster_secret": "cluster.secret",
    "bootstrap_token": "secrets.bootstraptoken",
    "secretbox_secret": "secrets.secretboxencryptionsecret",
    "aescbc_secret": "secrets.aescbcencryptionsecret",
    "trustd_token": "trustdinfo.token",
    "etcd": "certs.etcd",
    "k8s": "certs.k8s",
    "aggregator": "certs.k8saggregator",
    "service_account_key": "certs.k8sserviceaccount.key",
    "os": "certs.os",
}
CONFIG_PATHS = {
    "cluster_id": "cluster.id",
    "cluster_secret": "cluster.secret",
    "bootstrap_token": "cluster.token",
    "secretbox_secret": "cluster.secretboxEncryptionSecret",
    "aescbc_secret": "cluster.aescbcEncryptionSecret",
    "trustd_token": "machine.token",
    "etcd": "cluster.etcd.ca",
    "k8s": "cluster.ca",
    "aggregator": "cluster.aggregatorCA",
    "service_account_key": "cluster.serviceAccount.key",
    "os": "machine.ca",
}
"""Where the configuration of a control plane has the secrets of its cluster."""

_TOKEN_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsBundle:
    """Everything secret that machine configurations of one cluster share."""

    cluster_id: str
    cluster_secret: str = field(repr=False)
    bootstrap_token: str = field(repr=False)
    secretbox_secret: str = field(default="", repr=False)
    aescbc_secret: str = field(default="", repr=False)
    trustd_token: str = field(repr=False)
    etcd: KeyPair
    k8s: KeyPair
    aggregator: KeyPair
    service_account_key: bytes = field(repr=False)
    os: KeyPair


def new_secrets(*, now: datetime, rng: random.Random | None = None) -> SecretsBundle:
    """Make the secrets of a new cluster; `rng` (default: the system's) makes all but the keys."""
    rng = rng or random.SystemRandom()
    return SecretsBundle(
        cluster_id=base64.urlsafe_b64encode(rng.randbytes(32)).decode(),
        cluster_secret=base64.b64encode(rng.randbytes(32)).decode(),
        bootstrap_token=_new_token(rng),
        secretbox_secret=base64.b64encode(rng.randbytes(32)).decode(),
        trustd_token=_new_token(rng),
        etcd=new_ca("etcd", now=now, algorithm="p256"),
        k8s=new_ca("kubernetes", now=now, algorithm="p256"),
        aggregator=new_ca("", now=now, algorithm="p256", common_name="front-proxy"),
        service_account_key=new_labelled_key("rsa"),
        os=new_ca("talos", now=now, algorithm="ed25519"),
    )


def dump_secrets(secrets: SecretsBundle) -> str:
    """Return `secrets` as a secrets.yaml."""
    encryption = {
        "secretboxencryptionsecret": secrets.secretbox_secret,
        "aescbcencryptionsecret": secrets.aescbc_secret,
    }
    document = {
        "cluster": {"id": secrets.cluster_id, "secret": secrets.cluster_secret},
        "secrets": {
            "bootstraptoken": secrets.bootstrap_token,
            **{name: value for name, value in encryption.items() if value},
        },
        "trustdinfo": {"token": secrets.trustd_token},
        "certs": {
            "etcd": _dump_pair(secrets.etcd),
            "k8s": _dump_pair(secrets.k8s),
            "k8saggregator": _dump_pair(secrets.aggregator),
            "k8sserviceaccount": {"key": _encode(secrets.service_account_key)},
            "os": _dump_pair(secrets.os),
        },
    }
    return yaml.safe_dump(document, sort_keys=False, width=2**20)


def load_secrets(text: str | bytes, *, source: str = "secrets.yaml") -> SecretsBundle:
    """Read a secrets.yaml.

    Raises:
        ConfigError: when it is not one; every fault is listed.
    """
    return read_secrets(_load_mapping(text, source), _OWN_PATHS, source=source)


def read_secrets(
    document: Mapping[str, Any], paths: Mapping[str, str], *, source: str
) -> SecretsBundle:
    """Read the secrets in `document`, each at the path that `paths` has for it.

    Raises:
        ConfigError: when one is missing or cannot be used; every fault is listed.
    """
    reader = _Reader(document)
    bundle = SecretsBundle(
        cluster_id=reader.text(paths["cluster_id"]),
        cluster_secret=reader.text(paths["cluster_secret"]),
        bootstrap_token=reader.text(paths["bootstrap_token"]),
        secretbox_secret=reader.text(paths["secretbox_secret"], required=False),
        aescbc_secret=reader.text(paths["aescbc_secret"], required=False),
        trustd_token=reader.text(paths["trustd_token"]),
        etcd=reader.pair(paths["etcd"]),
        k8s=reader.pair(paths["k8s"]),
        aggregator=reader.pair(paths["aggregator"]),
        service_account_key=reader.key(paths["service_account_key"]),
        os=reader.pair(paths["os"]),
    )
    if reader.faults:
        raise ConfigError(
            f"{source} is not a usable secrets bundle",
            faults=tuple(reader.faults),
            hint="edgectl gen secrets -o secrets.yaml makes a new one",
        )
    return bundle


class _Reader:
    """Takes values out of the parsed document and collects what is wrong with them."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.faults: list[str] = []

    def text(self, path: str, *, required: bool = True) -> str:
        value: Any = self.document
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, int) and not isinstance(value, bool):
            value = getattr(value, "text", str(value))
        if isinstance(value, str) and value:
            return value
        if required or value:
            self.faults.append(f"{path}: a text is expected")
        return ""

    def pem(self, path: str) -> bytes:
        try:
            return base64.b64decode(self.text(path), validate=True)
        except (binascii.Error, ValueError):
            self.faults.append(f"{path}: not base64")
            return b""

    def key(self, path: str) -> bytes:
        pem = self.pem(path)
        try:
            if pem:
                load_key(pem)
        except TrustError as error:
            self.faults.append(f"{path}: {error.message}")
        return pem

    def pair(self, path: str) -> KeyPair:
        pair = KeyPair(certificate=self.pem(f"{path}.crt"), key=self.pem(f"{path}.key"))
        try:
            if pair.certificate and pair.key and not belongs(pair):
                self.faults.append(f"{path}: the key does not belong to the certificate")
        except TrustError as error:
            self.faults.append(f"{path}: {error.message}")
        return pair


def _load_mapping(text: str | bytes, source: str) -> Mapping[str, Any]:
    try:
        # The base loader keeps every scalar a text, so a token of digits does not become a number.
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source} is not YAML", faults=(str(error),)) from error
    if not isinstance(document, Mapping):
        raise ConfigError(f"{source} is not a secrets bundle")
    return document


def _new_token(rng: random.Random) -> str:
    return ".".join("".join(rng.choices(_TOKEN_ALPHABET, k=size)) for size in (6, 16))


def _dump_pair(pair: KeyPair) -> dict[str, str]:
    return {"crt": _encode(pair.certificate), "key": _encode(pair.key)}


def _encode(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
