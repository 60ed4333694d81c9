# SPDX-License-Identifier: Apache-2.0
"""Whom a call is for, by its metadata, and what of them is handed on."""

import grpc
import pytest

from edge.node.api.failure import Failure
from edge.node.api.target import (
    HERE,
    MOST_TARGETS,
    Targets,
    forwarded,
    is_host,
    is_routed,
    read_targets,
)

VERSION = "/machine.MachineService/Version"
NAMES = {"10.0.0.7", "me", "fd00::7"}


def _many(*nodes: str) -> tuple[tuple[str, str], ...]:
    return tuple(("nodes", node) for node in nodes)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ((), HERE),
        ((("node", "10.0.0.7"),), HERE),
        ((("node", "fd00:0::7"),), HERE),
        ((("node", "10.0.0.8"),), Targets(names=("10.0.0.8",))),
        ((("node", "10.0.0.8"), ("proxyfrom", "x")), HERE),
        ((*_many("a", "b"), ("proxyfrom", "x")), HERE),
        (_many("me"), Targets(names=("me",), own="me", many=True)),
        (_many("a", "me", "b"), Targets(names=("a", "me", "b"), own="me", many=True)),
        (_many("a", "a"), Targets(names=("a",), many=True)),
        (_many("10.0.0.7", "a", "me"), Targets(names=("10.0.0.7", "a"), own="10.0.0.7", many=True)),
    ],
)
def test_metadata_say_whom_a_call_is_for(
    metadata: tuple[tuple[str, str], ...], expected: Targets
) -> None:
    """What was forwarded, and what names nobody, is for this node."""
    assert read_targets(VERSION, metadata, NAMES) == expected


@pytest.mark.parametrize(
    ("method", "metadata", "said"),
    [
        (VERSION, (("node", "a"), ("node", "b")), "a call is for one node at most"),
        (VERSION, (("node", "a:50000"),), "'a:50000' is not the address or the name of a node"),
        (VERSION, (("node", ""),), "'' is not the address or the name of a node"),
        (
            "/cosi.resource.State/Get",
            _many("a"),
            "one-2-many proxying is not supported for method /cosi.resource.State/Get",
        ),
        (
            VERSION,
            _many(*(f"n{number}" for number in range(MOST_TARGETS + 1))),
            "a call is for 1024 nodes at most, not for 1025",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(
    method: str, metadata: tuple[tuple[str, str], ...], said: str
) -> None:
    """Before anybody is asked anything."""
    assert read_targets(method, metadata, NAMES) == Failure(grpc.StatusCode.INVALID_ARGUMENT, said)


@pytest.mark.parametrize(
    ("target", "is_one"),
    [
        *((good, True) for good in ("10.0.0.1", "fd00::1", "node-1", "n.example.org.", "n_1")),
        *((bad, False) for bad in ("", ".", "a..b", "a:1", "[::1]", "a b", "a/b", "unix:/x")),
        *((bad, False) for bad in ("x" * 64, "dns:///a", "a,b", "a%b", ("a" * 60 + ".") * 5)),
    ],
)
def test_a_target_is_an_address_or_a_name(target: str, is_one: bool) -> None:
    """Nothing that the library would take for another kind of address, or for a port."""
    assert is_host(target) is is_one


def test_what_goes_along_with_a_forwarded_call() -> None:
    """Everything but where it goes and what is only between two ends of a connection."""
    metadata: tuple[tuple[str, str | bytes], ...] = (
        *_many("a"),
        ("node", "a"),
        (":authority", "first:50000"),
        ("talos-role", "os:admin"),
        ("user-agent", "x"),
        ("grpc-timeout", "1S"),
        ("edge-other", "kept"),
        ("some-bin", b"\x00"),
    )
    assert forwarded(metadata, {"os:reader", "os:meta:writer"}) == (
        ("edge-other", "kept"),
        ("some-bin", b"\x00"),
        ("proxyfrom", "first:50000"),
        ("talos-role", "os:meta:writer"),
        ("talos-role", "os:reader"),
    )
    assert ("proxyfrom", "unknown") in forwarded((), ())


def test_most_calls_are_not_routed() -> None:
    """For them this node's names need not be looked up."""
    assert not is_routed((("user-agent", "x"), ("talos-role", "os:admin")))
    assert is_routed((("user-agent", "x"), ("nodes", "a")))
