# SPDX-License-Identifier: Apache-2.0
"""How a client decides that it talks to the right node.

A configured node is verified by the cluster's authority, and verifies us by our certificate. A
node in maintenance has only a self-signed certificate: it is pinned by the fingerprint that the
flasher recorded, or, if the user insists, taken as it comes.
"""

import socket
import ssl
from base64 import b64decode
from collections.abc import Collection
from dataclasses import dataclass, field

from edge.errors import TrustError

CONNECT_TIMEOUT_S = 5.0
# The object identifier of Ed25519, which is near the beginning of such a key.
_ED25519 = bytes.fromhex("06032b6570")
MAINTENANCE_NAME = "maintenance-service.talos.dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutual:
    """Both sides prove themselves: PEM of the authority and of our certificate and key."""

    ca: bytes
    crt: bytes
    key: bytes = field(repr=False)

    @property
    def is_ed25519(self) -> bool:
        """Say whether our key is one that grpc cannot use."""
        # Read here and not by the library for keys, which takes a tenth of a second to load.
        label, _, rest = self.key.strip().partition(b"\n")
        try:
            start = b64decode(rest[:32])
        except ValueError:
            return False
        return label.endswith(b" PRIVATE KEY-----") and _ED25519 in start and b" EC " not in label


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """Only a node with one of these fingerprints (base64 SHA-256 of its public key)."""

    fingerprints: Collection[str]


@dataclass(frozen=True, slots=True)
class Blind:
    """Whoever answers: no protection against somebody in between."""


Trust = Mutual | Pinned | Blind


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """The certificate that a server showed: PEM, fingerprint, digest, and a name in it."""

    certificate: bytes
    fingerprint: str
    digest: bytes
    name: str
    common_name: str = ""
    is_ed25519: bool = False
    """Whether its key is one that grpc cannot verify."""

    @property
    def is_maintenance(self) -> bool:
        """Say whether the server calls itself a node in maintenance mode: a hint, no proof."""
        return self.common_name == MAINTENANCE_NAME


def look_at(host: str, port: int) -> Presented:
    """Return the certificate of the server at `host:port` without trusting it.

    Raises:
        NodeError: when nobody answers there with TLS.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S) as plain,
            context.wrap_socket(plain) as secure,
        ):
            der = secure.getpeercert(binary_form=True)
    except (OSError, UnicodeError) as error:
        from edge.client.fault import explain_dial

        raise explain_dial(f"{host}:{port}", error, stranger=True) from error
    return present(der or b"")


def present(der: bytes) -> Presented:
    """Return what a server's certificate, as TLS hands it out, says."""
    from edge.pki.certificate import from_der, inspect
    from edge.pki.key import fingerprint, key_algorithm, spki_digest

    pem = from_der(der)
    facts = inspect(pem)
    names = facts.dns_names or tuple(str(address) for address in facts.addresses)
    return Presented(
        certificate=pem,
        fingerprint=fingerprint(pem),
        digest=spki_digest(pem),
        name=names[0] if names else facts.common_name,
        common_name=facts.common_name,
        is_ed25519=key_algorithm(pem) == "ed25519",
    )


def check_pin(presented: Presented, pinned: Pinned, where: str) -> None:
    """Refuse a server whose fingerprint is not among the pinned ones.

    Raises:
        TrustError: naming what was expected and what was seen.
    """
    if presented.fingerprint in pinned.fingerprints:
        return
    expected = " or ".join(sorted(pinned.fingerprints))
    raise TrustError(
        f"{where} is not the expected node: its fingerprint is {presented.fingerprint},"
        f" not {expected}",
        hint="compare with the fingerprint on the node's console; do not send secrets to it",
    )
