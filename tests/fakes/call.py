# SPDX-License-Identifier: Apache-2.0
"""The context of a call that is made without a server."""

from typing import Any, NoReturn

import grpc


class Refused(Exception):
    """A call that was ended with a status."""


class FakeContext:
    """A call's context that can only be ended."""

    async def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """End the call."""
        raise Refused(code, details)


CONTEXT: Any = FakeContext()
