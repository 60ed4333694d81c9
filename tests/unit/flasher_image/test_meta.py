# SPDX-License-Identifier: Apache-2.0
"""META values of an image, from the command line to the card."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import InputError
from edge.meta import keys
from edge.meta.adv import STORE_BYTES, parse_store
from flasher.card.personality import new_personality, render_meta
from flasher.image.meta import key_fault, parse_meta, render_image_meta

ALLOWED = [key for key in range(1, 256) if not key_fault(key)]


@given(st.dictionaries(st.sampled_from(ALLOWED), st.binary(max_size=50), min_size=1))
def test_the_flasher_keeps_what_the_image_brings(values: dict[int, bytes]) -> None:
    """Its own key and enrolment come in beside it, and nothing is lost."""
    store = render_image_meta(values)
    who = new_personality(datetime(2026, 5, 1, tzinfo=UTC))
    kept = parse_store(render_meta(store, who, {}))
    assert {key: kept[key] for key in values} == values
    assert set(kept) == {*values, keys.NODE_KEY, keys.ENROLMENT}


def test_an_image_without_values_has_a_blank_store() -> None:
    """As images have always had it."""
    assert render_image_meta({}) == b""
    assert len(render_image_meta({0x0C: b"rack 4"})) == STORE_BYTES


@pytest.mark.parametrize("key", [0, 256, -1, 0x06, 0x07, 0x09, 0xE0, 0xE1, 0xE5, 0xF0, 0xFF])
def test_keys_of_others_are_refused(key: int) -> None:
    """Those of the node, of the flasher, and what is none."""
    with pytest.raises(InputError, match="META key"):
        render_image_meta({key: b"x"})


def test_no_key_of_the_nodes_own_may_be_brought() -> None:
    """Whatever the node will keep for itself later on, too."""
    assert all(key_fault(key) for key in keys.OWN_KEYS)
    assert not key_fault(keys.METAL_NETWORK)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0x0c=rack 4", (12, b"rack 4")), ("13=a=b", (13, b"a=b")), ("14=", (14, b""))],
)
def test_values_on_the_command_line(text: str, value: tuple[int, bytes]) -> None:
    """A key in any base, and whatever follows the first sign."""
    assert parse_meta(text) == value


@pytest.mark.parametrize("text", ["", "=", "0x0c", "rack=4", "-3=a", "0xe0=a", "999=a"])
def test_what_is_no_value_on_the_command_line(text: str) -> None:
    """Told as it was written."""
    with pytest.raises(InputError, match="META"):
        parse_meta(text)
