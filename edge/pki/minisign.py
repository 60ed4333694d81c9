# SPDX-License-Identifier: Apache-2.0
"""Verifies minisign signatures of files.

    public key   comment line, base64( "Ed" | key id (8) | Ed25519 key (32) )
    signature    comment line, base64( algorithm (2) | key id (8) | signature (64) ),
                 "trusted comment: TEXT", base64( signature of signature + TEXT (64) )

Algorithm "ED" signs the BLAKE2b-512 of the file, the older "Ed" the file itself.
"""

import base64
import hashlib
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.errors import TrustError

_KEY_BYTES, _SIGNATURE_BYTES, _GLOBAL_BYTES = 42, 74, 64
_TRUSTED = "trusted comment: "
_CHUNK_BYTES = 1024 * 1024


class WrongContentError(TrustError):
    """A file is not what was signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The public key of whoever signs images."""

    id: bytes
    key: bytes

    @property
    def name(self) -> str:
        """Its number as minisign prints it."""
        return self.id[::-1].hex().upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signature:
    is_prehashed: bool
    key_id: bytes
    value: bytes
    comment: str
    comment_value: bytes


def read_public_key(text: str) -> SigningKey:
    """Read a minisign public key: the text of its file, or the base64 line alone.

    Raises:
        TrustError: when it is none.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    data = _decode(lines, -1, _KEY_BYTES, "a minisign public key")
    if data[:2] != b"Ed":
        raise TrustError("not a minisign public key: unknown algorithm")
    return SigningKey(id=data[2:10], key=data[10:])


def verify_file(path: Path, signature: str, key: SigningKey) -> str:
    """Check that `signature` is one by `key` of the file `path`; return its trusted comment.

    Raises:
        WrongContentError: when the file is not what was signed.
        TrustError: when it is no such signature.
        OSError: when the file cannot be read.
    """
    found = _read_signature(signature)
    if found.key_id != key.id:
        other = found.key_id[::-1].hex().upper()
        raise TrustError(
            f"{path} is signed with key {other}, not with the expected {key.name}",
            hint="give the public key of whoever published the image",
        )
    public = Ed25519PublicKey.from_public_bytes(key.key)
    try:
        _verify_content(path, found, public)
    except InvalidSignature as error:
        raise WrongContentError(
            f"{path} does not match its signature", hint="download image and signature again"
        ) from error
    try:
        public.verify(found.comment_value, found.value + found.comment.encode())
    except InvalidSignature as error:
        raise TrustError(f"the comment in the signature of {path} was changed") from error
    return found.comment


def _verify_content(path: Path, signature: _Signature, public: Ed25519PublicKey) -> None:
    with path.open("rb") as file:
        if signature.is_prehashed:
            digest = hashlib.blake2b()
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
            public.verify(signature.value, digest.digest())
        elif path.stat().st_size == 0:
            public.verify(signature.value, b"")
        else:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                public.verify(signature.value, content)  # type: ignore[arg-type]


def _read_signature(text: str) -> _Signature:
    lines = [line.rstrip("\r") for line in text.split("\n")]
    data = _decode(lines, 1, _SIGNATURE_BYTES, "a minisign signature")
    if data[:2] not in {b"Ed", b"ED"} or len(lines) < 4 or not lines[2].startswith(_TRUSTED):
        raise TrustError("not a minisign signature")
    return _Signature(
        is_prehashed=data[:2] == b"ED",
        key_id=data[2:10],
        value=data[10:],
        comment=lines[2].removeprefix(_TRUSTED),
        comment_value=_decode(lines, 3, _GLOBAL_BYTES, "a minisign signature"),
    )


def _decode(lines: Sequence[str], at: int, size: int, what: str) -> bytes:
    try:
        data = base64.b64decode(lines[at], validate=True)
    except (IndexError, ValueError) as error:
        raise TrustError(f"not {what}") from error
    if len(data) != size:
        raise TrustError(f"not {what}: {len(data)} bytes instead of {size}")
    return data
