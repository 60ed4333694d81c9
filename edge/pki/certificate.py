# SPDX-License-Identifier: Apache-2.0
"""Certificates: authorities, server and client leaves, requests, and a look inside.

An authority may be Ed25519 like upstream's; every leaf made here is ECDSA P-256, because gRPC for
Python can use no other on both ends.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID

from edge.errors import TrustError
from edge.pki.key import (
    Algorithm,
    PrivateKey,
    PublicKey,
    load_key,
    load_public,
    new_labelled_key,
    spki_digest,
)
from edge.pki.lifetime import BACKDATE, CA_LIFETIME, CLIENT_LIFETIME, SERVER_LIFETIME

Address = IPv4Address | IPv6Address

_USAGE_NAMES = {Usage.SERVER_AUTH: "server_auth", Usage.CLIENT_AUTH: "client_auth"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateInfo:
    """What a certificate says, as far as this product asks."""

    common_name: str
    organizations: tuple[str, ...]
    usages: tuple[str, ...]
    """Extended key usages: "server_auth", "client_auth", or a dotted number."""
    is_ca: bool
    not_before: datetime
    not_after: datetime
    dns_names: tuple[str, ...]
    addresses: tuple[Address, ...]
    spki_digest: bytes


def new_ca(
    organization: str,
    *,
    now: datetime,
    algorithm: Algorithm = "ed25519",
    common_name: str = "",
    addresses: Iterable[Address] = (),
    lifetime: timedelta = CA_LIFETIME,
) -> KeyPair:
    """Make a self-signed authority; with `addresses` it can be a server by itself."""
    key_pem = new_labelled_key(algorithm)
    key = load_key(key_pem)
    name = _name(common_name, [organization] if organization else [])
    builder = (
        _start(name, key.public_key(), now, lifetime)
        .issuer_name(name)
        .add_extension(_key_usage(cert_sign=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([Usage.SERVER_AUTH, Usage.CLIENT_AUTH]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
    return KeyPair(certificate=_sign(_with_names(builder, (), addresses), key), key=key_pem)


def issue_server(
    ca: KeyPair,
    key: bytes,
    *,
    common_name: str,
    dns_names: Iterable[str] = (),
    addresses: Iterable[Address] = (),
    now: datetime,
    lifetime: timedelta = SERVER_LIFETIME,
) -> bytes:
    """Certify `key` (PEM of a private or public key) as a server under these names."""
    public = load_public(key)
    builder = _leaf(ca, _name(common_name, []), public, now, lifetime).add_extension(
        x509.ExtendedKeyUsage([Usage.SERVER_AUTH]), critical=False
    )
    return _sign(_with_names(builder, dns_names, addresses), load_key(ca.key))


def issue_client(
    ca: KeyPair,
    roles: Iterable[str],
    *,
    now: datetime,
    common_name: str = "",
    lifetime: timedelta = CLIENT_LIFETIME,
) -> KeyPair:
    """Make a client key and certificate that grants `roles` (the subject's organizations)."""
    key_pem = new_labelled_key("p256")
    builder = _leaf(
        ca, _name(common_name, roles), load_public(key_pem), now, lifetime
    ).add_extension(x509.ExtendedKeyUsage([Usage.CLIENT_AUTH]), critical=False)
    return KeyPair(certificate=_sign(builder, load_key(ca.key)), key=key_pem)


def self_signed_server(
    key: bytes,
    *,
    common_name: str,
    dns_names: Iterable[str] = (),
    addresses: Iterable[Address] = (),
    now: datetime,
    lifetime: timedelta = SERVER_LIFETIME,
) -> bytes:
    """Let `key` (PEM, private) certify itself as a server: maintenance mode, where no CA is known.

    There is no key usage extension: with one that lacks certificate signing, OpenSSL and its
    relatives refuse the certificate as its own trust anchor, which is how a client pins it.
    """
    private = load_key(key)
    name = _name(common_name, [])
    builder = (
        _start(name, private.public_key(), now, lifetime)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([Usage.SERVER_AUTH]), critical=False)
    )
    return _sign(_with_names(builder, dns_names, addresses), private)


def make_csr(
    key: bytes,
    *,
    common_name: str,
    dns_names: Iterable[str] = (),
    addresses: Iterable[Address] = (),
    organizations: Iterable[str] = (),
) -> bytes:
    """Return a PEM certificate request for `key`."""
    private = load_key(key)
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        _name(common_name, organizations)
    )
    if names := _general_names(dns_names, addresses):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(private, _hash_for(private)).public_bytes(Encoding.PEM)


def sign_csr(
    ca: KeyPair, csr_pem: bytes, *, now: datetime, lifetime: timedelta = SERVER_LIFETIME
) -> bytes:
    """Answer a node's request for a server certificate.

    Organizations are dropped and the usage is always server authentication: whoever holds a join
    token can never obtain a certificate that grants roles.

    Raises:
        TrustError: when the request is malformed or not signed by its own key.
    """
    csr = _load_csr(csr_pem)
    names = _attribute(csr.subject, NameOID.COMMON_NAME)
    builder = _leaf(
        ca, _name(names[0] if names else "", []), load_public(csr_pem), now, lifetime
    ).add_extension(x509.ExtendedKeyUsage([Usage.SERVER_AUTH]), critical=False)
    return _sign(
        _with_names(builder, *_alternative_names(csr.extensions)),
        load_key(ca.key),
    )


def sign_client_csr(ca: KeyPair, csr_pem: bytes, *, now: datetime, lifetime: timedelta) -> bytes:
    """Certify a client with the names and roles that its request has; only ever for oneself.

    Raises:
        TrustError: when the request is malformed or not signed by its own key.
    """
    csr = _load_csr(csr_pem)
    builder = _leaf(ca, csr.subject, load_public(csr_pem), now, lifetime).add_extension(
        x509.ExtendedKeyUsage([Usage.CLIENT_AUTH]), critical=False
    )
    return _sign(
        _with_names(builder, *_alternative_names(csr.extensions)),
        load_key(ca.key),
    )


def csr_roles(csr_pem: bytes) -> tuple[str, ...]:
    """Return the organizations that a certificate request asks for.

    Raises:
        TrustError: when the request is malformed or not signed by its own key.
    """
    return _attribute(_load_csr(csr_pem).subject, NameOID.ORGANIZATION_NAME)


def inspect(pem: bytes) -> CertificateInfo:
    """Return what the first certificate in `pem` says.

    Raises:
        TrustError: when `pem` holds no certificate.
    """
    certificate = _load_certificate(pem)
    names, addresses = _alternative_names(certificate.extensions)
    common_names = _attribute(certificate.subject, NameOID.COMMON_NAME)
    return CertificateInfo(
        common_name=common_names[0] if common_names else "",
        organizations=_attribute(certificate.subject, NameOID.ORGANIZATION_NAME),
        usages=_usages(certificate.extensions),
        is_ca=_is_ca(certificate.extensions),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        dns_names=names,
        addresses=addresses,
        spki_digest=spki_digest(pem),
    )


def split_bundle(pem: bytes) -> tuple[bytes, ...]:
    """Return each certificate of a PEM bundle as a PEM of its own.

    Raises:
        TrustError: when there is none, or one of them is malformed.
    """
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise TrustError("not a bundle of PEM certificates") from error
    return tuple(certificate.public_bytes(Encoding.PEM) for certificate in found)


def belongs(pair: KeyPair) -> bool:
    """Say whether the private key of `pair` is the one its certificate is about."""
    return spki_digest(pair.certificate) == spki_digest(pair.key)


def is_issued_by(leaf: bytes, ca: bytes) -> bool:
    """Say whether the certificate `leaf` was signed by the authority `ca`; dates do not count."""
    try:
        _load_certificate(leaf).verify_directly_issued_by(_load_certificate(ca))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def from_der(der: bytes) -> bytes:
    """Return a DER certificate, as TLS hands it out, as PEM.

    Raises:
        TrustError: when `der` is not a certificate.
    """
    try:
        return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
    except ValueError as error:
        raise TrustError("not a certificate in DER form") from error


def _start(
    subject: x509.Name, public: PublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
    )


def _leaf(
    ca: KeyPair, subject: x509.Name, public: PublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    issuer = _load_certificate(ca.certificate)
    encipherment = isinstance(public, rsa.RSAPublicKey)
    return (
        _start(subject, public, now, lifetime)
        .issuer_name(issuer.subject)
        .add_extension(_key_usage(encipherment=encipherment), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_issuer_identifier(issuer), critical=False)
    )


def _issuer_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    # Whoever made the authority chose how to derive its identifier, and verifiers compare.
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        public = load_public(issuer.public_bytes(Encoding.PEM))
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)


def _sign(builder: x509.CertificateBuilder, key: PrivateKey) -> bytes:
    return builder.sign(key, _hash_for(key)).public_bytes(Encoding.PEM)


def _hash_for(key: PrivateKey) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _name(common_name: str, organizations: Iterable[str]) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, value) for value in organizations]
    if common_name:
        # The field holds 64 characters; longer host names still stand among the alternatives.
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64]))
    return x509.Name(parts)


def _with_names(
    builder: x509.CertificateBuilder, dns_names: Iterable[str], addresses: Iterable[Address]
) -> x509.CertificateBuilder:
    names = _general_names(dns_names, addresses)
    if not names:
        return builder
    return builder.add_extension(x509.SubjectAlternativeName(names), critical=False)


def _general_names(
    dns_names: Iterable[str], addresses: Iterable[Address]
) -> list[x509.GeneralName]:
    # Through the packed form, which has no scope: certificates know no interfaces.
    plain = dict.fromkeys(ip_address(address.packed) for address in addresses)
    return [
        *(x509.DNSName(name) for name in dict.fromkeys(dns_names)),
        *(x509.IPAddress(address) for address in plain),
    ]


def _key_usage(*, cert_sign: bool = False, encipherment: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=cert_sign,
        key_encipherment=encipherment,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load_certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise TrustError("not a certificate in PEM form") from error


def _load_csr(pem: bytes) -> x509.CertificateSigningRequest:
    try:
        csr = x509.load_pem_x509_csr(pem)
        is_signed = csr.is_signature_valid
    except (ValueError, TypeError) as error:
        raise TrustError("not a certificate request in PEM form") from error
    if not is_signed:
        raise TrustError("the certificate request is not signed by its own key")
    return csr


def _attribute(name: x509.Name, oid: x509.ObjectIdentifier) -> tuple[str, ...]:
    values = (attribute.value for attribute in name.get_attributes_for_oid(oid))
    return tuple(v if isinstance(v, str) else v.decode(errors="replace") for v in values)


def _alternative_names(
    extensions: x509.Extensions,
) -> tuple[tuple[str, ...], tuple[Address, ...]]:
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    found = names.get_values_for_type(x509.IPAddress)
    addresses = (a for a in found if isinstance(a, Address))
    return tuple(names.get_values_for_type(x509.DNSName)), tuple(addresses)


def _usages(extensions: x509.Extensions) -> tuple[str, ...]:
    try:
        usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(_USAGE_NAMES.get(usage, usage.dotted_string) for usage in usages)


def _is_ca(extensions: x509.Extensions) -> bool:
    try:
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
