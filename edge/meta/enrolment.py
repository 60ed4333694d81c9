# SPDX-License-Identifier: Apache-2.0
"""Enrolment: what lets a node and the operator who flashed its card recognise each other.

The flasher puts an `Enrolment` into META and keeps a copy. Whoever applies the first
configuration proves that he holds the secret by an HMAC over the digest of the node's public
key, so a proof made for one node, or through a machine in the middle, is worth nothing elsewhere.
"""

import base64
import binascii
import hmac
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from edge.errors import TrustError

METADATA_KEY = "edge-enrolment-proof"
SECRET_BYTES = 32

_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """One flashed card: its public id, its secret and when it was written (UTC)."""

    id: str
    secret: bytes = field(repr=False)
    flashed: datetime

    def to_json(self) -> bytes:
        """Return the value that META keeps."""
        record = {
            "id": self.id,
            "secret": base64.b64encode(self.secret).decode(),
            "flashed": self.flashed.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }
        return json.dumps(record).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Enrolment":
        """Read what `to_json` wrote.

        Raises:
            TrustError: when `data` is not an enrolment.
        """
        try:
            record = json.loads(data)
            enrolment = cls(
                id=str(record["id"]),
                secret=base64.b64decode(record["secret"], validate=True),
                flashed=datetime.fromisoformat(record["flashed"]),
            )
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise TrustError("the enrolment record cannot be read") from error
        if not _ID.fullmatch(enrolment.id) or len(enrolment.secret) != SECRET_BYTES:
            raise TrustError("the enrolment record has a malformed id or secret")
        return enrolment


def new_enrolment(
    *, now: datetime, random_bytes: Callable[[int], bytes] = secrets.token_bytes
) -> Enrolment:
    """Make an enrolment for a card flashed at `now`."""
    return Enrolment(
        id=random_bytes(8).hex(),
        secret=random_bytes(SECRET_BYTES),
        flashed=now.replace(microsecond=0),
    )


def proof(secret: bytes, spki_digest: bytes) -> str:
    """Return base64 of the HMAC-SHA256 that shows knowledge of `secret` to one server key."""
    return base64.b64encode(hmac.digest(secret, spki_digest, "sha256")).decode()


def is_proof(given: str | bytes, secret: bytes, spki_digest: bytes) -> bool:
    """Say, in constant time, whether `given` is the proof for `secret` and this server key."""
    text = given.encode() if isinstance(given, str) else given
    return hmac.compare_digest(text, proof(secret, spki_digest).encode())
