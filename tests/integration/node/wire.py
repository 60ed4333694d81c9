# SPDX-License-Identifier: Apache-2.0
"""Calls of any method of any service, as they are on the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from edge.api import (
    cluster_pb2,
    inspect_pb2,
    machine_pb2,
    resource_pb2,
    storage_pb2,
    time_pb2,
)
from edge.client.trust import Mutual
from edge.provision.lab import API_PORT, LabNode

METHODS: dict[str, MethodDescriptor] = {
    f"/{service.full_name}/{method.name}": method
    for file in (cluster_pb2, inspect_pb2, machine_pb2, resource_pb2, storage_pb2, time_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
"""Every method that a node has on its API, by its path."""


@dataclass
class Outcome:
    """What came of a call."""

    code: grpc.StatusCode
    details: str
    answers: list[Any] = field(default_factory=list)


@asynccontextmanager
async def connected(node: LabNode | str, trust: Mutual) -> AsyncIterator[Any]:
    """Open a channel to a node, or to what answers at an address."""
    address = node if isinstance(node, str) else node.address
    credentials = grpc.ssl_channel_credentials(trust.ca, trust.key, trust.crt)
    async with grpc.aio.secure_channel(f"{address}:{API_PORT}", credentials) as channel:
        yield channel


def start(channel: Any, path: str, request: Message, **more: Any) -> Any:
    """Begin a call, whatever its kind: one message is a stream of one, either way."""
    answer = GetMessageClass(METHODS[path].output_type)
    call = channel.unary_stream(path, response_deserializer=answer.FromString)
    return call(request.SerializeToString(), **more)


async def call(channel: Any, path: str, request: Message, *, most: int = 3) -> Outcome:
    """Make a call and read up to `most` answers; what goes on for ever is then dropped."""
    begun = start(channel, path, request, timeout=20)
    outcome = Outcome(grpc.StatusCode.OK, "")
    try:
        async with asyncio.timeout(5):
            async for answer in begun:
                outcome.answers.append(answer)
                if len(outcome.answers) >= most:
                    break
    except TimeoutError:
        # A follower that has nothing more to say for now.
        if not outcome.answers:
            outcome.code = grpc.StatusCode.DEADLINE_EXCEEDED
    except grpc.aio.AioRpcError as error:
        outcome.code, outcome.details = error.code(), error.details() or ""
    finally:
        begun.cancel()
    return outcome
