# SPDX-License-Identifier: Apache-2.0
"""Private keys under every label, and fingerprints."""

import base64
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.errors import TrustError
from edge.pki.certificate import make_csr, self_signed_server
from edge.pki.key import (
    Algorithm,
    dump_key,
    fingerprint,
    fingerprint_url,
    key_algorithm,
    load_key,
    new_key,
    new_labelled_key,
    spki_digest,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_node_keys_are_pkcs8() -> None:
    """A node key is a P-256 key under the general label."""
    pem = new_key()
    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert key_algorithm(pem) == "p256"


@pytest.mark.parametrize(
    ("algorithm", "label"),
    [
        ("ed25519", b"BEGIN ED25519 PRIVATE KEY"),
        ("p256", b"BEGIN EC PRIVATE KEY"),
        ("rsa", b"BEGIN RSA PRIVATE KEY"),
    ],
)
def test_upstream_labels(algorithm: Algorithm, label: bytes) -> None:
    """Keys are labelled as upstream labels them and read back unchanged."""
    pem = new_labelled_key(algorithm)
    assert label in pem
    assert key_algorithm(pem) == algorithm
    assert dump_key(load_key(pem)) == pem


@pytest.mark.parametrize("pem", [b"", b"rubbish", b"-----BEGIN PRIVATE KEY-----\nAA==\n"])
def test_not_a_key(pem: bytes) -> None:
    """Anything else is a trust error."""
    with pytest.raises(TrustError):
        load_key(pem)
    with pytest.raises(TrustError):
        spki_digest(pem)


def test_fingerprint_is_of_the_public_key() -> None:
    """Key, certificate and request of one node have the same fingerprint, in two spellings."""
    key = new_key()
    certificate = self_signed_server(key, common_name="node", now=NOW)
    request = make_csr(key, common_name="node")
    assert fingerprint(key) == fingerprint(certificate) == fingerprint(request)
    assert base64.b64decode(fingerprint(key)) == spki_digest(key)
    assert fingerprint_url(key) == fingerprint(key).translate({43: "-", 47: "_", 61: None})
    assert len(fingerprint_url(key)) == 43


def test_fingerprint_matches_openssl(tmp_path: Path) -> None:
    """The digest is the SHA-256 of what openssl calls the public key."""
    path = tmp_path / "key.pem"
    path.write_bytes(key := new_key())
    der = subprocess.run(
        ["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"],
        check=True,
        capture_output=True,
    ).stdout
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-binary"], input=der, check=True, capture_output=True
    )
    assert digest.stdout == spki_digest(key)
