# SPDX-License-Identifier: Apache-2.0
"""Enrolment records and proofs."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import TrustError
from edge.meta.enrolment import Enrolment, is_proof, new_enrolment, proof

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@given(st.binary(min_size=40, max_size=40), st.datetimes(timezones=st.just(UTC)))
def test_round_trip(noise: bytes, now: datetime) -> None:
    """What META keeps reads back as it was."""
    enrolment = new_enrolment(now=now, random_bytes=lambda size: noise[:size])
    assert Enrolment.from_json(enrolment.to_json()) == enrolment


def test_json_shape() -> None:
    """The record is the documented JSON."""
    enrolment = new_enrolment(now=NOW, random_bytes=bytes)
    assert enrolment.to_json() == (
        b'{"id": "0000000000000000", "secret": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", '
        b'"flashed": "2026-03-01T12:00:00Z"}'
    )


def test_secret_stays_out_of_repr() -> None:
    """A logged enrolment does not give its secret away."""
    assert "secret" not in repr(new_enrolment(now=NOW))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"id": "00", "secret": "", "flashed": "2026-03-01T12:00:00Z"}',
        b'{"id": "0000000000000000", "secret": "AA==", "flashed": "2026-03-01T12:00:00Z"}',
        b'{"id": "0000000000000000", "secret": "?", "flashed": "2026-03-01T12:00:00Z"}',
        b"\xff",
    ],
)
def test_broken_records(data: bytes) -> None:
    """A broken record is a trust error, whatever is wrong with it."""
    with pytest.raises(TrustError):
        Enrolment.from_json(data)


def test_proof_binds_secret_and_key() -> None:
    """A proof holds for its own secret and server key only."""
    digest, other = hashlib.sha256(b"key").digest(), hashlib.sha256(b"other").digest()
    made = proof(b"s" * 32, digest)
    assert made == base64.b64encode(hmac.digest(b"s" * 32, digest, "sha256")).decode()
    assert is_proof(made, b"s" * 32, digest)
    assert is_proof(made.encode(), b"s" * 32, digest)
    assert not is_proof(made, b"t" * 32, digest)
    assert not is_proof(made, b"s" * 32, other)
    assert not is_proof("nönsense", b"s" * 32, digest)
