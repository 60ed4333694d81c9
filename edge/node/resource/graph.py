# SPDX-License-Identifier: Apache-2.0
"""Who reads and writes which resources: what a controller declares before it may run."""

from dataclasses import dataclass

from edge.node.resource.definition import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A controller, or a part of machined outside the controllers, and what it reads and writes."""

    name: str
    inputs: tuple[Kind, ...] = ()
    outputs: tuple[Kind, ...] = ()
