# SPDX-License-Identifier: Apache-2.0
"""Links of this machine and what multicast DNS sends from on them."""

import pytest

from discovery.link import Link, list_links, sources


@pytest.mark.parametrize(
    ("index", "addresses", "found"),
    [
        (3, ["192.0.2.1", "192.0.2.2"], ["192.0.2.1"]),
        (3, ["2001:db8::1", "fe80::1", "192.0.2.1"], ["192.0.2.1", 3]),
        (3, ["fe80::1"], [3]),
        (0, ["fe80::1"], []),
        (3, ["2001:db8::1"], []),
        (1, ["127.0.0.1", "::1"], ["127.0.0.1"]),
        (3, [], []),
    ],
)
def test_sources(index: int, addresses: list[str], found: list[str | int]) -> None:
    """One IPv4 address is sent from, and the link itself where it has a link-local address."""
    assert sources(index, addresses) == found


def test_loopback_comes_last() -> None:
    """Links that lead somewhere are listed before the one that does not."""
    kinds = [link.is_loopback for link in list_links()]
    assert kinds == sorted(kinds)


def test_link_of_both_kinds_is_no_loopback() -> None:
    """A link with any address beyond this machine leads out of it."""
    assert not Link(name="x", index=1, addresses=("127.0.0.1", "192.0.2.1")).is_loopback
