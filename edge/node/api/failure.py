# SPDX-License-Identifier: Apache-2.0
"""How a call failed: the status that fits an error, and statuses that other nodes answered."""

from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from edge import errors
from edge.api import common_pb2
from edge.node.log import logger

DETAILS_KEY = "grpc-status-details-bin"
"""Trailing metadata with the status in full, as clients of other languages know it."""

Trailer = tuple[tuple[str, str | bytes], ...]
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
        return Failure(code, "\n  ".join((error.message, *faults)))
    _log.error("%s failed", method, exc_info=error)
    fault = error.strerror if isinstance(error, OSError) else "see the log apid"
    return Failure(grpc.StatusCode.INTERNAL, f"{method} failed: {fault}")
