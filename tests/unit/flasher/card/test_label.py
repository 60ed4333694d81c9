# SPDX-License-Identifier: Apache-2.0
"""Labels lead back to the card's record and give nothing away."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import EdgeError
from flasher.card.label import (
    Label,
    label_lines,
    label_svg,
    label_text,
    label_uri,
    make_label,
    read_label,
    write_label,
)
from flasher.record import Attempt, Card, Outcome

CARD = Card(
    id=12,
    outcome=Outcome.WRITTEN,
    attempt=Attempt(
        started=datetime(2026, 5, 1, tzinfo=UTC),
        image_path=Path("/i"),
        image_sha256="",
        image_bytes=1,
        device_path=Path("/dev/sdb"),
        device_bytes=1,
        board="rpi4",
        version="0.1.0",
        card_name="kiosk 7",
        hostname="kiosk-7.lab",
        asset_tag="A-17 <new>",
        enrolment_id="0123456789abcdef",
        fingerprint="ab+/" * 10 + "abc=",
        secret=b"s" * 32,
    ),
)
_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=20)


def test_lines_say_what_people_want_to_know() -> None:
    """Name first, then where it belongs, then what proves it."""
    assert label_lines(make_label(CARD)) == [
        "kiosk 7",
        "kiosk-7.lab",
        "rpi4 0.1.0",
        "card 12, 2026-05-01",
        "tag A-17 <new>",
        "enrolment 0123456789abcdef",
        f"fingerprint {CARD.attempt.fingerprint}",
    ]


def test_card_without_names_still_has_a_label() -> None:
    """An image of others has neither enrolment nor fingerprint."""
    plain = replace(
        CARD.attempt, card_name="", hostname="", asset_tag="", enrolment_id=None, fingerprint=None
    )
    label = make_label(replace(CARD, attempt=plain))
    assert label_lines(label) == ["rpi4 0.1.0", "card 12, 2026-05-01"]
    assert label_text(label)


@given(name=_TEXTS, tag=_TEXTS, fingerprint=st.sampled_from(("", "a+/=" * 11)))
def test_what_a_scanner_reads_is_the_label(name: str, tag: str, fingerprint: str) -> None:
    """Writing and reading are each other's reverse."""
    label = Label(name=name, tag=tag, fingerprint=fingerprint)
    assert read_label(label_uri(label)) == label


@pytest.mark.parametrize("text", ["", "kiosk", "https://x/?name=a", "12"])
def test_other_texts_are_no_labels(text: str) -> None:
    """A name or a number is not taken for one."""
    assert read_label(text) is None


def test_nothing_of_a_label_is_secret(tmp_path: Path) -> None:
    """Whoever sees it cannot configure the node."""
    label = make_label(CARD)
    assert "secret" not in label_uri(label)
    assert "sss" not in label_text(label) + label_svg(label)


def test_drawing_is_sound_and_holds_all_lines() -> None:
    """Also when a name has what XML reserves."""
    root = ElementTree.fromstring(label_svg(make_label(CARD)))
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == label_lines(make_label(CARD))


def test_label_is_written_by_the_ending_of_its_name(tmp_path: Path) -> None:
    """Others are refused, and so is what cannot be written."""
    label = make_label(CARD)
    write_label(label, tmp_path / "l.png")
    write_label(label, tmp_path / "l.svg")
    assert (tmp_path / "l.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "l.svg").read_text().startswith("<svg")
    with pytest.raises(EdgeError, match=r"neither \.svg nor \.png"):
        write_label(label, tmp_path / "l.gif")
    with pytest.raises(EdgeError, match="No such file") as caught:
        write_label(label, tmp_path / "none/l.svg")
    assert caught.value.hint == "name a file in a folder that you may write"
