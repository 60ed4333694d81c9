# SPDX-License-Identifier: Apache-2.0
"""Signatures as the minisign program makes them, and everything that must not pass for one."""

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import TrustError
from edge.pki.minisign import SigningKey, read_public_key, verify_file


@pytest.fixture(params=["-l", "-H"], ids=["legacy", "prehashed"])
def signed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(bytes(range(256)) * 10)
    _make_key(tmp_path / "key")
    options = ("-l",) if request.param == "-l" else ()
    _minisign("-S", *options, "-s", tmp_path / "key.sec", "-m", path, "-t", "an image of May")
    return path


def _minisign(*arguments: str | Path) -> None:
    subprocess.run(["minisign", *arguments], check=True, capture_output=True)


def _make_key(path: Path) -> None:
    _minisign("-G", "-W", "-p", path.with_suffix(".pub"), "-s", path.with_suffix(".sec"))


def _key(signed: Path) -> SigningKey:
    return read_public_key(signed.with_name("key.pub").read_text())


def _signature(signed: Path) -> str:
    return signed.with_name("image.minisig").read_text()


def test_signature_of_the_program_is_verified(signed: Path) -> None:
    """Both of its algorithms pass, and what the signer wrote beside it is returned."""
    assert verify_file(signed, _signature(signed), _key(signed)) == "an image of May"


def test_key_is_a_file_or_a_line(signed: Path) -> None:
    """The key may be pasted without its comment; its number is as minisign prints it."""
    text = signed.with_name("key.pub").read_text()
    assert read_public_key(text.splitlines()[1]) == read_public_key(text)
    assert read_public_key(text).name.lstrip("0") in text.splitlines()[0]


def test_empty_file_can_be_signed(tmp_path: Path) -> None:
    """There is nothing to map into memory, which is no reason to fail."""
    path = tmp_path / "image"
    path.touch()
    _make_key(tmp_path / "key")
    _minisign("-S", "-l", "-s", tmp_path / "key.sec", "-m", path, "-t", "empty")
    assert verify_file(path, _signature(path), _key(path)) == "empty"


@given(at=st.integers(0, 2559), bit=st.integers(0, 7))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_changed_bit_of_the_file_is_found(signed: Path, at: int, bit: int) -> None:
    """A signature is of every bit."""
    data = bytearray(bytes(range(256)) * 10)
    data[at] ^= 1 << bit
    other = signed.with_name("other")
    other.write_bytes(data)
    with pytest.raises(TrustError, match="does not match its signature"):
        verify_file(other, _signature(signed), _key(signed))


@given(line=st.sampled_from([1, 3]), at=st.integers(0, 73), bit=st.integers(0, 7))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_changed_bit_of_the_signature_is_found(
    signed: Path, line: int, at: int, bit: int
) -> None:
    """Neither the signature nor that of the comment can be altered."""
    lines = _signature(signed).split("\n")
    data = bytearray(base64.b64decode(lines[line]))
    data[at % len(data)] ^= 1 << bit
    lines[line] = base64.b64encode(data).decode()
    with pytest.raises(TrustError):
        verify_file(signed, "\n".join(lines), _key(signed))


def test_changed_comment_is_found(signed: Path) -> None:
    """The trusted comment may carry a version that somebody decides by."""
    text = _signature(signed).replace("of May", "of June")
    with pytest.raises(TrustError, match="the comment in the signature"):
        verify_file(signed, text, _key(signed))


def test_signature_by_another_key_is_told_apart(signed: Path) -> None:
    """The message names both keys."""
    _make_key(signed.with_name("other"))
    other = read_public_key(signed.with_name("other.pub").read_text())
    with pytest.raises(
        TrustError, match=f"signed with key {_key(signed).name}, not .*{other.name}"
    ):
        verify_file(signed, _signature(signed), other)


@pytest.mark.parametrize(
    "text", ["", "key.pub", "untrusted comment: x\n", "untrusted comment: x\nUldR\n", "é" * 56]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    """Among others the name of a file that is not there."""
    with pytest.raises(TrustError, match="not a minisign public key"):
        read_public_key(text)


@pytest.mark.parametrize("text", ["", "<html>\nnot found\n", "a\nUldR\ntrusted comment: \nUldR\n"])
def test_what_is_no_signature_is_refused(signed: Path, text: str) -> None:
    """A server's error page is one."""
    with pytest.raises(TrustError, match="not a minisign signature"):
        verify_file(signed, text, _key(signed))
