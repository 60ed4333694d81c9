# SPDX-License-Identifier: Apache-2.0
"""The file of an unfinished rotation: whole, its owner's alone, and about one context."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.client.rotation_file import (
    begin_rotation,
    load_rotation,
    rotation_path,
    save_rotation,
)
from edge.client.trust import Mutual
from edge.errors import ConfigError
from edge.pki.certificate import inspect, is_issued_by, issue_client, new_ca

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def old() -> Mutual:
    ca = new_ca("talos", now=NOW)
    client = issue_client(ca, ["os:admin", "os:reader"], now=NOW, common_name="me")
    return Mutual(ca=ca.certificate, crt=client.certificate, key=client.key)


def test_what_was_begun_is_found_again(old: Mutual, tmp_path: Path) -> None:
    """With the same authority, whose key is nowhere else yet."""
    path = rotation_path(tmp_path / "talosconfig")
    assert load_rotation(path, context="a") is None
    begun = begin_rotation(old, now=NOW)
    save_rotation(path, begun, context="a")
    assert load_rotation(path, context="a") == begun
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.name == "talosconfig.rotation"


def test_the_new_certificate_grants_what_the_old_one_did(old: Mutual) -> None:
    """And is issued by the new authority."""
    begun = begin_rotation(old, now=NOW)
    facts = inspect(begun.client.certificate)
    assert (facts.organizations, facts.common_name) == (("os:admin", "os:reader"), "me")
    assert is_issued_by(begun.client.certificate, begun.new.certificate)
    assert begun.authority != old.ca


def test_two_trusts_in_turn(old: Mutual) -> None:
    """First both authorities, then the new one; the certificate shown is the new one."""
    begun = begin_rotation(old, now=NOW)
    both = begun.trusting(begun.authority, old.ca, old.ca)
    assert both.ca == begun.authority + old.ca
    assert (both.crt, both.key) == (begun.client.certificate, begun.client.key)


def test_another_contexts_rotation_is_not_gone_on_with(old: Mutual, tmp_path: Path) -> None:
    """It is named, so that it can be finished."""
    path = tmp_path / "x.rotation"
    save_rotation(path, begin_rotation(old, now=NOW), context="a")
    with pytest.raises(ConfigError, match="unfinished rotation of the context 'a'") as caught:
        load_rotation(path, context="b")
    assert "--context a" in (caught.value.hint or "")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"context": "a", "old": 1}', "\x00"])
def test_a_broken_file_is_kept(text: str, tmp_path: Path) -> None:
    """Its content is not quoted: there may be a key in it."""
    path = tmp_path / "x.rotation"
    path.write_text(text)
    with pytest.raises(ConfigError, match="does not hold a rotation"):
        load_rotation(path, context="a")
    assert path.read_text() == text
