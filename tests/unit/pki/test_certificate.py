# SPDX-License-Identifier: Apache-2.0
"""Certificates, checked by a second implementation where it matters."""

import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from edge.errors import TrustError
from edge.pki.certificate import (
    KeyPair,
    belongs,
    from_der,
    inspect,
    is_issued_by,
    issue_client,
    issue_server,
    make_csr,
    new_ca,
    self_signed_server,
    sign_csr,
    split_bundle,
)
from edge.pki.key import dump_key, key_algorithm, new_key, new_labelled_key, spki_digest

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ADDRESSES = [ip_address("10.0.0.7"), ip_address("fe80::1%2")]


@pytest.fixture(scope="module")
def ca() -> KeyPair:
    return new_ca("talos", now=NOW)


def openssl(*args: str | Path) -> str:
    run = subprocess.run(["openssl", *args], capture_output=True, text=True)
    return run.stdout + run.stderr


def verify(tmp_path: Path, ca: bytes, leaf: bytes, purpose: str) -> str:
    (tmp_path / "ca.pem").write_bytes(ca)
    (tmp_path / "leaf.pem").write_bytes(leaf)
    at = str(int(NOW.timestamp()))
    return openssl(
        *("verify", "-x509_strict", "-purpose", purpose, "-attime", at),
        *("-CAfile", tmp_path / "ca.pem", tmp_path / "leaf.pem"),
    )


def test_ca(ca: KeyPair) -> None:
    """The authority is ten years of Ed25519 named after its organization."""
    info = inspect(ca.certificate)
    assert info.is_ca
    assert info.organizations == ("talos",)
    assert info.usages == ("server_auth", "client_auth")
    assert info.not_after == NOW + timedelta(hours=87600)
    assert key_algorithm(ca.certificate) == "ed25519"
    assert belongs(ca)


def test_server(ca: KeyPair, tmp_path: Path) -> None:
    """A server leaf is for its names and for server authentication only."""
    key = new_key()
    leaf = issue_server(
        ca, key, common_name="n1", dns_names=["n1", "n1"], addresses=ADDRESSES, now=NOW
    )
    info = inspect(leaf)
    assert info.usages == ("server_auth",)
    assert not info.is_ca
    assert info.common_name == "n1"
    assert info.organizations == ()
    assert info.dns_names == ("n1",)
    assert info.addresses == (ip_address("10.0.0.7"), ip_address("fe80::1"))
    assert info.not_before == NOW - timedelta(hours=1)
    assert info.not_after == NOW + timedelta(hours=24)
    assert info.spki_digest == spki_digest(key)
    assert is_issued_by(leaf, ca.certificate)
    assert verify(tmp_path, ca.certificate, leaf, "sslserver").strip().endswith(": OK")
    assert "error" in verify(tmp_path, ca.certificate, leaf, "sslclient")


def test_client(ca: KeyPair, tmp_path: Path) -> None:
    """A client leaf carries roles as organizations and is P-256 whatever the authority is."""
    pair = issue_client(ca, ["os:admin", "os:reader"], now=NOW)
    info = inspect(pair.certificate)
    assert info.organizations == ("os:admin", "os:reader")
    assert info.usages == ("client_auth",)
    assert info.not_after == NOW + timedelta(days=365)
    assert key_algorithm(pair.key) == "p256"
    assert belongs(pair)
    assert verify(tmp_path, ca.certificate, pair.certificate, "sslclient").strip().endswith(": OK")


def test_self_signed(tmp_path: Path) -> None:
    """A maintenance certificate verifies against itself, so that it can be pinned."""
    key = new_key()
    leaf = self_signed_server(key, common_name="node", addresses=ADDRESSES, now=NOW)
    assert is_issued_by(leaf, leaf)
    assert inspect(leaf).usages == ("server_auth",)
    assert verify(tmp_path, leaf, leaf, "sslserver").strip().endswith(": OK")


def test_request_gains_no_roles(ca: KeyPair) -> None:
    """A request that asks for roles gets a server certificate without any."""
    request = make_csr(
        new_key(),
        common_name="worker",
        dns_names=["worker"],
        addresses=ADDRESSES,
        organizations=["os:admin"],
    )
    info = inspect(sign_csr(ca, request, now=NOW))
    assert info.organizations == ()
    assert info.usages == ("server_auth",)
    assert info.common_name == "worker"
    assert info.dns_names == ("worker",)
    assert info.addresses == (ip_address("10.0.0.7"), ip_address("fe80::1"))


def test_forged_request(ca: KeyPair, tmp_path: Path) -> None:
    """A request whose signature does not match is refused."""
    lines = make_csr(new_key(), common_name="worker").decode().splitlines()
    middle = lines[-2]
    lines[-2] = middle[:2] + ("A" if middle[2] != "A" else "B") + middle[3:]
    with pytest.raises(TrustError):
        sign_csr(ca, "\n".join(lines).encode(), now=NOW)


def test_rsa_authority(tmp_path: Path) -> None:
    """An RSA authority, which upstream can still make, signs too."""
    ca = new_ca("talos", now=NOW, algorithm="rsa")
    leaf = issue_server(ca, new_key(), common_name="n", dns_names=["n"], now=NOW)
    assert verify(tmp_path, ca.certificate, leaf, "sslserver").strip().endswith(": OK")


def test_authority_with_an_identifier_of_its_own(tmp_path: Path) -> None:
    """Leaves name their authority as it names itself; others derive names in other ways."""
    ca = _identified_ca(b"derived in another way")
    client = issue_client(ca, ["os:admin"], now=NOW).certificate
    server = issue_server(ca, new_key(), common_name="n", dns_names=["n"], now=NOW)
    for leaf, purpose in ((client, "sslclient"), (server, "sslserver")):
        said = verify(tmp_path, ca.certificate, leaf, purpose)
        assert said.strip().endswith(": OK"), said


def test_authority_without_an_identifier() -> None:
    """What an authority was made without is no fault of its leaves."""
    ca = _identified_ca(None)
    assert is_issued_by(issue_client(ca, ["os:admin"], now=NOW).certificate, ca.certificate)


_CA_USAGE = x509.KeyUsage(
    key_cert_sign=True,
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def _identified_ca(identifier: bytes | None) -> KeyPair:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "talos")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(hours=2))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_CA_USAGE, critical=True)
    )
    if identifier:
        builder = builder.add_extension(x509.SubjectKeyIdentifier(identifier), critical=False)
    certificate = builder.sign(key, None).public_bytes(Encoding.PEM)
    return KeyPair(certificate=certificate, key=dump_key(key))


def test_other_authority(ca: KeyPair) -> None:
    """A leaf belongs to the authority that signed it and to no other of the same name."""
    leaf = issue_server(ca, new_key(), common_name="n", dns_names=["n"], now=NOW)
    assert not is_issued_by(leaf, new_ca("talos", now=NOW).certificate)
    assert not is_issued_by(leaf, new_ca("talos", now=NOW, algorithm="p256").certificate)


def test_bundle_and_der(ca: KeyPair, tmp_path: Path) -> None:
    """Bundles split into their certificates; TLS's DER becomes PEM."""
    other = new_ca("etcd", now=NOW, algorithm="p256")
    assert split_bundle(ca.certificate + other.certificate) == (ca.certificate, other.certificate)
    (tmp_path / "ca.pem").write_bytes(ca.certificate)
    run = subprocess.run(
        ["openssl", "x509", "-in", tmp_path / "ca.pem", "-outform", "DER"],
        check=True,
        capture_output=True,
    )
    assert from_der(run.stdout) == ca.certificate


def test_key_of_somebody_else(ca: KeyPair) -> None:
    """A pair with a foreign key is noticed."""
    assert not belongs(KeyPair(certificate=ca.certificate, key=new_labelled_key("ed25519")))


def test_not_certificates() -> None:
    """What is not a certificate is a trust error, not a crash."""
    for attempt in (inspect, split_bundle, from_der):
        with pytest.raises(TrustError):
            attempt(b"rubbish")


def test_long_common_name(ca: KeyPair) -> None:
    """A host name beyond the 64 characters of a common name is cut there and kept whole as SAN."""
    name = "a" * 60 + ".example.net"
    info = inspect(issue_server(ca, new_key(), common_name=name, dns_names=[name], now=NOW))
    assert info.common_name == name[:64]
    assert info.dns_names == (name,)


def test_keys_stay_out_of_repr(ca: KeyPair) -> None:
    """A logged pair does not give its private key away."""
    assert "PRIVATE" not in repr(ca)
