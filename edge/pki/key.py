# SPDX-License-Identifier: Apache-2.0
"""Private keys and the fingerprints of public ones.

A fingerprint is the SHA-256 of the DER SubjectPublicKeyInfo, so it outlives renewed certificates.
"""

import base64
import hashlib
import re
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from edge.errors import TrustError

Algorithm = Literal["ed25519", "p256", "rsa"]
PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

RSA_BITS = 4096

# Upstream labels PKCS#8 and SubjectPublicKeyInfo of Ed25519 keys this way; nobody else reads it.
_ED25519_LABEL = re.compile(rb"(-----(?:BEGIN|END)) ED25519 (PRIVATE|PUBLIC) KEY-----")
_EC_PUBLIC_LABEL = re.compile(rb"(-----(?:BEGIN|END)) EC (PUBLIC) KEY-----")


def new_key() -> bytes:
    """Return a new ECDSA P-256 private key as PEM (PKCS#8)."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def new_labelled_key(algorithm: Algorithm) -> bytes:
    """Return a new private key as PEM under the label that upstream gives its algorithm."""
    if algorithm == "ed25519":
        return dump_key(ed25519.Ed25519PrivateKey.generate())
    if algorithm == "p256":
        return dump_key(ec.generate_private_key(ec.SECP256R1()))
    return dump_key(rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS))


def load_key(pem: bytes) -> PrivateKey:
    """Read a private key under any of upstream's PEM labels.

    Raises:
        TrustError: when `pem` is not an unencrypted Ed25519, EC or RSA private key.
    """
    try:
        key = serialization.load_pem_private_key(_relabel(pem), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise TrustError("not a private key in PEM form") from error
    if not isinstance(key, PrivateKey):
        raise TrustError(f"keys of type {type(key).__name__} are not supported")
    return key


def dump_key(key: PrivateKey) -> bytes:
    """Return `key` as PEM in upstream's form: SEC1, PKCS#1, or PKCS#8 labelled ED25519."""
    is_ed25519 = isinstance(key, ed25519.Ed25519PrivateKey)
    form = serialization.PrivateFormat
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        form.PKCS8 if is_ed25519 else form.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return pem.replace(b" PRIVATE KEY-----", b" ED25519 PRIVATE KEY-----") if is_ed25519 else pem


def openssl_key(pem: bytes) -> bytes:
    """Return a private key under the PEM label that OpenSSL knows it by."""
    return _relabel(pem)


def key_algorithm(pem: bytes) -> Algorithm:
    """Return the algorithm of a key or certificate; grpc takes no Ed25519 leaves."""
    public = load_public(pem)
    if isinstance(public, ed25519.Ed25519PublicKey):
        return "ed25519"
    return "p256" if isinstance(public, ec.EllipticCurvePublicKey) else "rsa"


def load_public(pem: bytes) -> PublicKey:
    """Return the public key of a certificate, certificate request, private or public key.

    Raises:
        TrustError: when `pem` holds none of these.
    """
    try:
        public = _load_public(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TrustError("not a certificate or key in PEM form") from error
    if not isinstance(public, PublicKey):
        raise TrustError(f"keys of type {type(public).__name__} are not supported")
    return public


def spki_digest(pem: bytes) -> bytes:
    """Return the SHA-256 of the DER SubjectPublicKeyInfo of a certificate or key."""
    info = load_public(pem).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(info).digest()


def fingerprint(pem: bytes) -> str:
    """Return the fingerprint of a certificate or key as `--cert-fingerprint` takes it (base64)."""
    return base64.b64encode(spki_digest(pem)).decode()


def fingerprint_url(pem: bytes) -> str:
    """Return the fingerprint as mDNS announces it: base64url without padding, 43 characters."""
    return base64.urlsafe_b64encode(spki_digest(pem)).decode().rstrip("=")


def _load_public(pem: bytes) -> object:
    if b"BEGIN CERTIFICATE REQUEST" in pem:
        return x509.load_pem_x509_csr(pem).public_key()
    if b"BEGIN CERTIFICATE" in pem:
        return x509.load_pem_x509_certificate(pem).public_key()
    if b" PRIVATE KEY-----" in pem or b"BEGIN PRIVATE KEY" in pem:
        return load_key(pem).public_key()
    return serialization.load_pem_public_key(_relabel(pem))


def _relabel(pem: bytes) -> bytes:
    plain = _ED25519_LABEL.sub(rb"\1 \2 KEY-----", pem)
    return _EC_PUBLIC_LABEL.sub(rb"\1 \2 KEY-----", plain)
