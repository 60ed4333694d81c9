# SPDX-License-Identifier: Apache-2.0
"""The secrets bundle."""

import base64
import random
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml

from edge.errors import ConfigError
from edge.pki.certificate import inspect
from edge.pki.key import key_algorithm
from edge.pki.secrets import SecretsBundle, dump_secrets, load_secrets, new_secrets

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def bundle() -> SecretsBundle:
    return new_secrets(now=NOW, rng=random.Random(1))


def test_round_trip(bundle: SecretsBundle) -> None:
    """What is written reads back the same."""
    assert load_secrets(dump_secrets(bundle)) == bundle


def test_keys_of_the_file(bundle: SecretsBundle) -> None:
    """The file has upstream's keys in upstream's order."""
    document = yaml.safe_load(dump_secrets(bundle))
    assert {key: list(value) for key, value in document.items()} == {
        "cluster": ["id", "secret"],
        "secrets": ["bootstraptoken", "secretboxencryptionsecret"],
        "trustdinfo": ["token"],
        "certs": ["etcd", "k8s", "k8saggregator", "k8sserviceaccount", "os"],
    }


def test_values(bundle: SecretsBundle) -> None:
    """Tokens, secrets and authorities have upstream's shapes."""
    for token in (bundle.bootstrap_token, bundle.trustd_token):
        assert re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", token)
    assert len(base64.urlsafe_b64decode(bundle.cluster_id)) == 32
    assert len(base64.b64decode(bundle.cluster_secret)) == 32
    assert inspect(bundle.os.certificate).organizations == ("talos",)
    assert inspect(bundle.k8s.certificate).organizations == ("kubernetes",)
    assert inspect(bundle.aggregator.certificate).common_name == "front-proxy"
    assert key_algorithm(bundle.service_account_key) == "rsa"


def test_digits_stay_text(bundle: SecretsBundle) -> None:
    """A token of digits, which YAML would read as a number, stays a text."""
    digits = replace(bundle, trustd_token="123456.1234567890123456")
    text = dump_secrets(digits).replace("'123456.1234567890123456'", "123456.1234567890123456")
    assert load_secrets(text).trustd_token == digits.trustd_token


def test_every_fault_is_listed(bundle: SecretsBundle) -> None:
    """Missing, mangled and mismatched entries are all reported at once."""
    document = yaml.safe_load(dump_secrets(bundle))
    del document["trustdinfo"]
    document["certs"]["etcd"]["key"] = document["certs"]["k8s"]["key"]
    document["certs"]["os"]["crt"] = "%%%"
    document["certs"]["k8sserviceaccount"]["key"] = base64.b64encode(b"x").decode()
    with pytest.raises(ConfigError) as caught:
        load_secrets(yaml.safe_dump(document))
    assert caught.value.faults == (
        "trustdinfo.token: a text is expected",
        "certs.etcd: the key does not belong to the certificate",
        "certs.k8sserviceaccount.key: not a private key in PEM form",
        "certs.os.crt: not base64",
    )


@pytest.mark.parametrize("text", ["", "[]", "a: [", b"\xff\xfe\xff"])
def test_not_a_bundle(text: str | bytes) -> None:
    """What is not a bundle is named as such."""
    with pytest.raises(ConfigError, match="is not"):
        load_secrets(text)


def test_secrets_stay_out_of_repr(bundle: SecretsBundle) -> None:
    """A logged bundle shows nothing secret."""
    assert bundle.trustd_token not in repr(bundle)
    assert "PRIVATE" not in repr(bundle)
