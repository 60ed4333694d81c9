# SPDX-License-Identifier: Apache-2.0
"""Whatever a call fails with, clients can receive it."""

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ConfigError, NodeError
from edge.node.api.failure import SAID_BYTES, from_error, shorten

METHOD = "/machine.MachineService/ApplyConfiguration"


def _wire_bytes(text: str) -> int:
    """Return at least as many bytes as the library makes of a message."""
    return len(quote(text, safe=" !\"#$&'()*+,/:;<=>?@[\\]^`{|}", errors="replace"))


def test_faults_are_as_many_as_fit() -> None:
    """And how many there are besides."""
    faults = tuple(f"machine.network.interfaces[{number}]: unknown" for number in range(2000))
    message = from_error(ConfigError("configuration is not valid", faults=faults), METHOD).message
    first, *shown, last = message.split("\n  ")
    assert first == "configuration is not valid"
    assert tuple(shown) == faults[: len(shown)]
    assert last == f"and {2000 - len(shown)} more"
    assert len(shown) > 20
    assert _wire_bytes(message) <= SAID_BYTES


def test_what_is_short_is_told_as_it_is() -> None:
    """With all of its faults."""
    message = from_error(ConfigError("no", faults=("one", "two")), METHOD).message
    assert message == "no\n  one\n  two"
    assert from_error(NodeError("no"), METHOD).message == "no"


@given(st.text(), st.lists(st.text(max_size=300), max_size=60), st.integers(1, 3000))
def test_law_of_messages(text: str, faults: list[str], times: int) -> None:
    """Of whatever characters, each of them is an answer with room for more."""
    error = ConfigError(text * times, faults=tuple(faults))
    assert _wire_bytes(from_error(error, METHOD).message) <= SAID_BYTES
    assert _wire_bytes(shorten(text * times, 100)) <= 100
