# SPDX-License-Identifier: Apache-2.0
"""The root document: `version: v1alpha1`."""

from typing import Literal

from edge.config.cluster import Cluster
from edge.config.machine import Machine
from edge.config.model import Model


class Root(Model):
    """The whole root document."""

    version: Literal["v1alpha1"]
    debug: bool | None = None
    persist: bool | None = None
    machine: Machine | None = None
    cluster: Cluster | None = None
