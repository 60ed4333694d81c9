# SPDX-License-Identifier: Apache-2.0
"""What a controller is, and the loop that runs it again when something it reads has changed."""

import asyncio
from abc import ABC, abstractmethod

from edge.errors import EdgeError
from edge.node.log import logger
from edge.node.machine import Machine
from edge.node.resource.definition import Kind
from edge.node.resource.graph import Part

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0
_log = logger("controller-runtime")


class Controller(ABC):
    """One concern of the node, reconciled whenever an input changes or its period is over."""

    name: str
    inputs: tuple[Kind, ...] = ()
    """What it is run again for."""
    outputs: tuple[Kind, ...] = ()
    """What it publishes, under its own name and nothing else."""
    period_s: float | None = None
    asks_others: bool = False
    """Whether it may have to wait for somebody outside of this node, such as a time server."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.store = machine.store
        self.has_run = asyncio.Event()
        """Set once it has published what it can say at once, or has failed to."""

    @abstractmethod
    async def reconcile(self) -> None:
        """Bring the world to what the inputs want, and publish what is."""

    async def close(self) -> None:
        """Let go of what the controller holds."""
        return


async def run_controller(controller: Controller) -> None:
    """Reconcile for ever; failures are logged and tried again after growing pauses.

    Not even a bug in one controller may take the API away, by which alone the node can be mended.
    """
    controller.store.join(
        Part(name=controller.name, inputs=controller.inputs, outputs=controller.outputs)
    )
    types = {kind.type for kind in controller.inputs}
    retry_s: float | None = None
    with controller.store.watch(lambda resource: resource.type in types) as changes:
        while True:
            retry_s = await _reconcile(controller, retry_s)
            controller.has_run.set()
            pause = retry_s if retry_s is not None else controller.period_s
            try:
                async with asyncio.timeout(pause):
                    await changes.get()
            except TimeoutError:
                continue
            while not changes.empty():
                changes.get_nowait()


async def _reconcile(controller: Controller, retry_s: float | None) -> float | None:
    try:
        await controller.reconcile()
    except (OSError, EdgeError, ValueError, LookupError) as error:
        _log.warning("controller %s failed: %s", controller.name, error)
    except Exception:
        _log.exception("controller %s has a bug", controller.name)
    else:
        return None
    return min((retry_s or FIRST_RETRY_S / 2) * 2, LONGEST_RETRY_S)
