# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: F403 - every name of the areas is a name of this module, too
"""The kinds of resources this node publishes.

Types, namespaces, aliases and printed columns are those of the upstream catalogue, so that a
stock client finds what its user typed. One entry below `kinds` plus one message under
`edge/api/definitions` makes a kind.
"""

from edge.node.resource.definition import Kind
from edge.node.resource.kinds.block import *
from edge.node.resource.kinds.cluster import *
from edge.node.resource.kinds.config import *
from edge.node.resource.kinds.hardware import *
from edge.node.resource.kinds.kubernetes import *
from edge.node.resource.kinds.meta import *
from edge.node.resource.kinds.network import *
from edge.node.resource.kinds.runtime import *

NAMESPACES = {
    "meta": "definitions of the resource API",
    "config": "machine configuration",
    "cluster": "cluster membership",
    "cluster-raw": "cluster membership as each source tells it",
    "etcd": "etcd on this node",
    "hardware": "hardware as the firmware describes it",
    "k8s": "Kubernetes on this node",
    "network": "network status",
    "network-config": "what each source wants of the network",
    "perf": "how busy this node is",
    "runtime": "machine, services, disks and volumes",
    "secrets": "key material",
}

_ALL = [kind for kind in list(globals().values()) if isinstance(kind, Kind)]
META_KINDS: dict[str, Kind] = {kind.type: kind for kind in _ALL if kind.namespace == "meta"}
KINDS: dict[str, Kind] = {kind.type: kind for kind in _ALL if kind.namespace != "meta"}
