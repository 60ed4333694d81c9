# SPDX-License-Identifier: Apache-2.0
"""The ADV wire format."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ImageError
from edge.meta import adv

STORES = st.dictionaries(st.integers(1, 2**32 - 1), st.binary(max_size=300), max_size=8)


@given(STORES)
def test_round_trip(values: dict[int, bytes]) -> None:
    """What is rendered is what is parsed."""
    assert adv.parse(adv.render(values)) == values


def test_layout() -> None:
    """A block has upstream's magic numbers, entry header and checksum place."""
    block = adv.render({0x0A: b"abc"})
    assert len(block) == 262144
    assert block[:15].hex() == "5a4b3c2d" + "0000000a" + "00000003" + b"abc".hex()
    assert block[-4:].hex() == "a5b4c3d2"
    assert block[-36:-4] == hashlib.sha256(block[:-36] + bytes(32) + block[-4:]).digest()


@given(STORES, st.integers(0, adv.BLOCK_BYTES - 1), st.integers(1, 255))
def test_any_flipped_byte_is_noticed(values: dict[int, bytes], at: int, flip: int) -> None:
    """No single damaged byte goes unseen."""
    block = bytearray(adv.render(values))
    block[at] ^= flip
    assert not adv.is_valid(bytes(block))


def test_second_copy_stands_in() -> None:
    """A damaged first copy is replaced by the second."""
    assert adv.parse_store(b"x" * adv.BLOCK_BYTES + adv.render({1: b"a"})) == {1: b"a"}


def test_blank_store_is_empty() -> None:
    """A partition of zeros holds nothing."""
    assert adv.parse_store(bytes(adv.STORE_BYTES)) == {}


def test_garbage_is_refused() -> None:
    """Two damaged copies are an error, not an empty store."""
    with pytest.raises(ImageError, match="neither copy"):
        adv.parse_store(b"x" * adv.STORE_BYTES)


def test_largest_value_fits_and_one_more_does_not() -> None:
    """The payload limit is exact."""
    room = adv.BLOCK_BYTES - 4 - 36 - 8
    assert adv.parse(adv.render({1: b"v" * room})) == {1: b"v" * room}
    with pytest.raises(ImageError, match="do not fit"):
        adv.render({1: b"v" * (room + 1)})


@pytest.mark.parametrize("key", [0, -1, 2**32])
def test_impossible_keys(key: int) -> None:
    """Key 0 ends the list, so it cannot be stored; nor can what needs more than 32 bits."""
    with pytest.raises(ImageError, match="is not a key"):
        adv.render({key: b""})


def test_value_past_the_end() -> None:
    """An entry longer than its block is refused although the checksum holds."""
    block = bytearray(adv.render({1: b""}))
    block[8:12] = (2**31).to_bytes(4, "big")
    block[-36:-4] = bytes(32)
    block[-36:-4] = hashlib.sha256(block).digest()
    with pytest.raises(ImageError, match="runs past"):
        adv.parse(bytes(block))
