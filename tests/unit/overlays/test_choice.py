# SPDX-License-Identifier: Apache-2.0
"""What users write to choose overlays."""

import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import InputError
from overlays.choice import OverlayChoice, parse_choice

WORDS = st.text(string.ascii_letters + string.digits + "-._/@ ", min_size=1).filter(
    lambda text: text == text.strip()
)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)


@given(WORDS, st.dictionaries(NAMES, WORDS, max_size=4))
def test_what_is_printed_is_read_back(name: str, parameters: dict[str, str]) -> None:
    """The text of a choice stands for that choice."""
    choice = OverlayChoice(name, parameters)
    assert parse_choice(str(choice)) == choice


@given(st.text())
def test_any_text_is_a_choice_or_refused(text: str) -> None:
    """Nothing but InputError comes out, and what is understood prints as it was written."""
    with suppress(InputError):
        assert str(parse_choice(text)) == text.strip()


def test_a_name_and_its_parameters_are_told_apart() -> None:
    """Parameters keep their order."""
    choice = parse_choice("i2c-rtc,chip=pcf8523,bus=1")
    assert choice.name_or_path == "i2c-rtc"
    assert list(choice.parameters.items()) == [("chip", "pcf8523"), ("bus", "1")]
    assert choice.path is None


@pytest.mark.parametrize("text", ["./mine.dts", "mine.dtbo", "/x/a b.dts", "folder/overlay"])
def test_files_are_known_by_their_form(text: str) -> None:
    """A slash or an ending makes it a file."""
    assert parse_choice(text).path is not None


@pytest.mark.parametrize(
    "text", ["", ",", "a,", "a,b", "a=b", "a,b=", "a,=b", "a,b=c,", "a,B=c", "a,b=c,b=d"]
)
def test_anything_else_is_refused(text: str) -> None:
    """Half parameters, parameters given twice and no name at all."""
    with pytest.raises(InputError, match="overlay"):
        parse_choice(text)
