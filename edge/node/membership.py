# SPDX-License-Identifier: Apache-2.0
"""Who belongs to a cluster: names for nodes, and proofs that a node knows the cluster's secret.

A proof covers who the node is and what it does, not where: whoever repeats it from elsewhere
gets an address into the list of members, and fails at that address for want of the node's key.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

from discovery.record import NodeRecord

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NODE_ID_LENGTH = 43
_DOMAIN = b"edge member 1"


def node_id(fingerprint: str) -> str:
    """Return the identity in the cluster of the node whose key has this fingerprint.

    Raises:
        ValueError: when it is no fingerprint.
    """
    number = int.from_bytes(base64.b64decode(fingerprint, validate=True))
    digits = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits.rjust(_NODE_ID_LENGTH, _DIGITS[0])


def prove(secret: str, record: NodeRecord) -> str:
    """Return what shows other members that whoever announces `record` knows `secret`."""
    message = b"".join(_framed(_claims(record)))
    digest = hmac.new(_key(secret), _DOMAIN + message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_member(secret: str, record: NodeRecord) -> bool:
    """Tell whether `record` comes from a node that knows `secret`."""
    if not (secret and record.membership and record.fingerprint):
        return False
    return hmac.compare_digest(prove(secret, record), record.membership)


def _claims(record: NodeRecord) -> tuple[str, ...]:
    return (record.id, record.fingerprint, record.machine_type)


def _framed(texts: Iterable[str]) -> Iterable[bytes]:
    for text in texts:
        data = text.encode()
        yield len(data).to_bytes(4) + data


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret, validate=True)
    except binascii.Error:
        return secret.encode()
