# SPDX-License-Identifier: Apache-2.0
"""Files of a node."""

from edge.client.call import NodeCalls


class FileCalls(NodeCalls):
    """Reads the files that a node lets others read."""
