# SPDX-License-Identifier: Apache-2.0
"""Which nodes a call is for, and what is answered on behalf of those that this node is not.

This node does not forward calls. Of a call for several nodes it answers its own part; the others
get an entry that says why there is nothing, so that a client still shows what there is.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import grpc

from edge.api import common_pb2

_ONE_TO_MANY = frozenset(
    {
        "machine.MachineService",
        "cluster.ClusterService",
        "inspect.InspectService",
        "storage.StorageService",
        "time.TimeService",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The nodes of one call; `many` if the client expects every message to name its node."""

    own: str = ""
    strangers: tuple[str, ...] = ()
    many: bool = False

    @property
    def here(self) -> bool:
        """Whether the call is for this node at all."""
        return bool(self.own) or not self.strangers


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call cannot be for these nodes."""

    code: grpc.StatusCode
    message: str


def read_targets(
    method: str, metadata: Sequence[tuple[str, str | bytes]], names: Collection[str]
) -> Targets | Refusal:
    """Say whom a call of `method` (a full path) is for; `names` are this node's own."""
    one, many = _values(metadata, "node"), _values(metadata, "nodes")
    if _values(metadata, "proxyfrom"):
        return Targets()
    if many:
        service = method.removeprefix("/").partition("/")[0]
        if service not in _ONE_TO_MANY:
            return Refusal(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"one-2-many proxying is not supported for method {method}",
            )
        own = next((each for each in many if each in names), "")
        strangers = tuple(each for each in dict.fromkeys(many) if each not in names)
        return Targets(own=own, strangers=strangers, many=True)
    if len(one) > 1:
        return Refusal(grpc.StatusCode.INVALID_ARGUMENT, "a call is for one node at most")
    if one and one[0] not in names:
        return Refusal(grpc.StatusCode.PERMISSION_DENIED, _reason(one[0]))
    return Targets()


def absent(targets: Targets) -> list[common_pb2.Empty]:
    """Return an entry for every stranger: every answer can hold it, whatever its type.

    All answers begin alike on the wire: `messages` is field 1, and so is `metadata` in them.
    """
    code, name = grpc.StatusCode.PERMISSION_DENIED.value
    return [
        common_pb2.Empty(
            metadata=common_pb2.Metadata(
                hostname=each,
                error=f"rpc error: code = {name.title().replace(' ', '')} desc = {_reason(each)}",
                status=common_pb2.RpcStatus(code=code, message=_reason(each)),
            )
        )
        for each in targets.strangers
    ]


def _reason(target: str) -> str:
    return f"no request forwarding to {target}"


def _values(metadata: Sequence[tuple[str, str | bytes]], key: str) -> list[str]:
    return [str(value) for name, value in metadata if name == key]
