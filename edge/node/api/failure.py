# SPDX-License-Identifier: Apache-2.0
"""How a call failed: the status that fits an error, and statuses that other nodes answered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from edge import errors
from edge.api import common_pb2
from edge.node.log import logger

DETAILS_KEY = "grpc-status-details-bin"
"""Trailing metadata with the status in full, as clients of other languages know it."""

SAID_BYTES = 4096
"""Of a message on the wire: clients refuse the whole answer when its metadata pass 8 KiB."""

Trailer = tuple[tuple[str, str | bytes], ...]
_CUT_OFF = " ... (cut off)"
_ROOM_FOR_REST = 64
_GENERATED = "Method not implemented!"
_log = logger("apid")

_CODES: dict[type[errors.EdgeError], grpc.StatusCode] = {
    errors.ConfigError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.TrustError: grpc.StatusCode.PERMISSION_DENIED,
    errors.NodeError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ImageError: grpc.StatusCode.INTERNAL,
    errors.BugError: grpc.StatusCode.INTERNAL,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A status other than OK; `trailer` is trailing metadata that came with it."""

    code: grpc.StatusCode
    message: str
    trailer: Trailer = ()

    @property
    def spelling(self) -> str:
        """Return the code as error texts of other clients spell it, such as "NotFound"."""
        if self.code is grpc.StatusCode.CANCELLED:
            return "Canceled"
        return self.code.name.title().replace("_", "")

    def status(self) -> common_pb2.RpcStatus:
        """Return the status as a message, with the details that came along."""
        for key, value in self.trailer:
            if key == DETAILS_KEY and isinstance(value, bytes):
                try:
                    return common_pb2.RpcStatus.FromString(value)
                except DecodeError:
                    break
        return common_pb2.RpcStatus(code=self.code.value[0], message=self.message)


class CallFailed(Exception):
    """A call is over with a failure; whoever made it decides what that means."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def from_call(error: grpc.aio.AioRpcError) -> Failure:
    """Return what another node answered."""
    trailer: Any = error.trailing_metadata() or ()
    return Failure(error.code(), error.details() or "", tuple(trailer))


def from_error(error: Exception, method: str) -> Failure:
    """Return the status that fits `error`; a bug is logged here and not told."""
    failure = _fitting(error, method)
    return replace(failure, message=shorten(failure.message))


def shorten(message: str, room: int = SAID_BYTES) -> str:
    """Return as much of `message` as `room` bytes on the wire hold."""
    if len(message) <= room and _wire_bytes(message) <= room:
        return message
    room -= len(_CUT_OFF)
    for at, character in enumerate(message):
        room -= _wire_bytes(character)
        if room < 0:
            return message[:at] + _CUT_OFF
    return message


def _fitting(error: Exception, method: str) -> Failure:
    if isinstance(error, CallFailed):
        return error.failure
    if isinstance(error, grpc.aio.AioRpcError):
        return from_call(error)
    if isinstance(error, NotImplementedError):
        # Handlers say why; what the generated code says tells nobody anything.
        reason = str(error) if str(error) != _GENERATED else ""
        default = f"this node does not implement {method.removeprefix('/')}"
        return Failure(grpc.StatusCode.UNIMPLEMENTED, reason or default)
    if isinstance(error, errors.EdgeError):
        faults = error.faults if isinstance(error, errors.ConfigError) else ()
        code = _CODES.get(type(error), grpc.StatusCode.FAILED_PRECONDITION)
        return Failure(code, _listed(error.message, faults) if faults else error.message)
    _log.error("%s failed", method, exc_info=error)
    fault = error.strerror if isinstance(error, OSError) else "see the log apid"
    return Failure(grpc.StatusCode.INTERNAL, f"{method} failed: {fault}")


def _listed(message: str, faults: Sequence[str]) -> str:
    """Return a message with as many of its faults as fit, and how many there are besides."""
    lines, room = [shorten(message, SAID_BYTES // 2)], SAID_BYTES // 2 - _ROOM_FOR_REST
    for number, fault in enumerate(faults):
        room -= _wire_bytes(f"\n  {fault}")
        if room < 0 and number:
            lines.append(f"and {len(faults) - number} more")
            break
        lines.append(shorten(fault, SAID_BYTES // 2 - _ROOM_FOR_REST))
    return "\n  ".join(lines)


def _wire_bytes(text: str) -> int:
    # What is not printable ASCII is sent as three characters for each of its bytes.
    data = text.encode(errors="replace")
    return sum(1 if 0x20 <= byte <= 0x7E and byte != 0x25 else 3 for byte in data)
