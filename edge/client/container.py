# SPDX-License-Identifier: Apache-2.0
"""Containers and images of a node."""

from edge.client.call import NodeCalls


class ContainerCalls(NodeCalls):
    """What containerd runs on the node."""
