# SPDX-License-Identifier: Apache-2.0
"""What a reader can make a control plane connect to by asking it for checks."""

from collections.abc import Callable

import pytest

from edge.api import cluster_pb2
from edge.node.api.failure import CallFailed
from edge.node.api.health import HealthService
from edge.node.api.pool import Identity
from edge.node.api.target import MOST_TARGETS
from edge.node.machine import Machine
from tests.fakes.call import CONTEXT

IDENTITY = Identity(certificate=b"", key=b"", authorities=b"")


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([f"node-{number}" for number in range(MOST_TARGETS + 1)], "1024 nodes at most, not for"),
        (["10.0.0.1", "10.0.0.2:22"], "is not the address or the name of a node"),
        (["[fd00::1]:50000"], "is not the address or the name of a node"),
        (["a node"], "is not the address or the name of a node"),
    ],
)
async def test_checks_are_of_nodes_and_not_of_too_many(
    new_machine: Callable[[], Machine], nodes: list[str], said: str
) -> None:
    """The same limits as for calls that are forwarded."""
    service = HealthService(new_machine(), lambda: IDENTITY)
    info = cluster_pb2.ClusterInfo(worker_nodes=nodes)
    checks = service.HealthCheck(cluster_pb2.HealthCheckRequest(cluster_info=info), CONTEXT)
    with pytest.raises(CallFailed, match=said):
        await anext(checks)
