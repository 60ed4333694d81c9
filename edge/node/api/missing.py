# SPDX-License-Identifier: Apache-2.0
"""How a call ends that is about something containerd does not have."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from edge.node.api.guard import Context
from edge.node.containerd.client import MissingError


@asynccontextmanager
async def found(context: Context) -> AsyncIterator[None]:
    """End the call with NOT_FOUND when containerd has nothing of the name."""
    try:
        yield
    except MissingError as error:
        await context.abort(grpc.StatusCode.NOT_FOUND, error.message)
