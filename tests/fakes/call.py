# SPDX-License-Identifier: Apache-2.0
"""The context of a call that is made without a server."""

from typing import Any, NoReturn

import grpc


class Refused(Exception):
    """A call that was ended with a status."""


class FakeContext:
    """A call's context that can only be ended; the caller has no address."""

    def __init__(self, peer: str = "unix:") -> None:
        self._peer = peer

    def peer(self) -> str:
        """Return where the caller is."""
        return self._peer

    async def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """End the call."""
        raise Refused(code, details)


CONTEXT: Any = FakeContext()
