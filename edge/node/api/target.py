# SPDX-License-Identifier: Apache-2.0
"""Which nodes a call is for, by its metadata.

`node` names one and `nodes` names many; `proxyfrom` says that another node has forwarded the call
already, which is what keeps calls from going round in circles.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import grpc

from edge.node.api.failure import Failure

MOST_TARGETS = 1024

_ONE_TO_MANY = frozenset(
    {
        "machine.MachineService",
        "cluster.ClusterService",
        "inspect.InspectService",
        "storage.StorageService",
        "time.TimeService",
    }
)
_ROUTING = ("node", "nodes", "proxyfrom")
_NOT_FORWARDED = frozenset(
    {*_ROUTING, "talos-role", "user-agent", "content-type", "te", "host", "connection"}
)

Metadata = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The nodes of one call.

    With `many` every message of the answer names its node. Otherwise `names` is empty for a call
    that is for this node, and else the one that it is to be forwarded to.
    """

    names: tuple[str, ...] = ()
    own: str = ""
    """The one of `names` that is this node."""
    many: bool = False


HERE = Targets()


def is_routed(metadata: Metadata) -> bool:
    """Say whether a call names nodes or comes from one: all others are for this node."""
    return any(key in _ROUTING for key, _value in metadata)


def read_targets(method: str, metadata: Metadata, names: Collection[str]) -> Targets | Failure:
    """Say whom a call of `method` (a full path) is for; `names` are this node's own."""
    if values(metadata, "proxyfrom"):
        return HERE
    if many := values(metadata, "nodes"):
        return _read_many(method, many, names)
    one = values(metadata, "node")
    if len(one) > 1:
        return _invalid("a call is for one node at most")
    if not one or is_own(one[0], names):
        return HERE
    return Targets(names=(one[0],)) if is_host(one[0]) else no_host(one[0])


def _read_many(method: str, many: list[str], names: Collection[str]) -> Targets | Failure:
    if method.removeprefix("/").partition("/")[0] not in _ONE_TO_MANY:
        return _invalid(f"one-2-many proxying is not supported for method {method}")
    own = next((each for each in many if is_own(each, names)), "")
    # This node answers once, however many of its names were given.
    asked = tuple(dict.fromkeys(own if is_own(each, names) else each for each in many))
    if len(asked) > MOST_TARGETS:
        return too_many(len(asked))
    return Targets(names=asked, own=own, many=True)


def is_own(target: str, names: Collection[str]) -> bool:
    """Say whether `target` is among this node's own `names`, however an address is written."""
    return target in names or _plain(target) in names


def is_host(target: str) -> bool:
    """Say whether `target` could be an address or a host name, without a port."""
    if ":" in target:
        return _plain(target) != ""
    labels = target.removesuffix(".").split(".")
    return len(target) < 256 and all(_is_label(each) for each in labels)


def no_host(target: str) -> Failure:
    """Return the failure of a call for what is no node's address."""
    return _invalid(f"{target!r} is not the address or the name of a node")


def too_many(count: int) -> Failure:
    """Return the failure of a call for more nodes than one call is for."""
    return _invalid(f"a call is for {MOST_TARGETS} nodes at most, not for {count}")


def forwarded(metadata: Metadata, roles: Collection[str]) -> tuple[tuple[str, str | bytes], ...]:
    """Return the metadata to forward a call with, on behalf of a caller who has `roles`."""
    authority = values(metadata, ":authority") or ["unknown"]
    return (
        *((key, value) for key, value in metadata if _is_forwarded(key)),
        ("proxyfrom", authority[0]),
        *(("talos-role", str(role)) for role in sorted(roles)),
    )


def values(metadata: Metadata, key: str) -> list[str]:
    """Return the values that `metadata` have for `key`."""
    return [value for name, value in metadata if name == key and isinstance(value, str)]


def _is_forwarded(key: str) -> bool:
    return key not in _NOT_FORWARDED and not key.startswith((":", "grpc-"))


def _plain(target: str) -> str:
    try:
        return str(ip_address(target))
    except ValueError:
        return ""


def _is_label(label: str) -> bool:
    return 0 < len(label) < 64 and all(c.isalnum() or c in "-_" for c in label)


def _invalid(message: str) -> Failure:
    return Failure(grpc.StatusCode.INVALID_ARGUMENT, message)
