# SPDX-License-Identifier: Apache-2.0
"""The controllers that make a node reachable; the others are loaded when it is.

A lease may be on its way while the API starts.
"""

from edge.node.control.api import ApiController
from edge.node.control.controller import Controller
from edge.node.control.hostname import HostnameController
from edge.node.control.network import NetworkController, NetworkStatusController

FIRST: tuple[type[Controller], ...] = (
    NetworkStatusController,
    HostnameController,
    NetworkController,
    ApiController,
)
