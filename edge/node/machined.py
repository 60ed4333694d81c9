# SPDX-License-Identifier: Apache-2.0
"""machined: the process that is the node. Started by PID 1 on a board, or by hand in the lab.

Leaves with exit code 64 to have the machine restarted and 65 to have it powered off.
"""

import argparse
import asyncio
import gc
import os
import resource
import signal
from collections.abc import Collection, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge import __version__
from edge.errors import EdgeError
from edge.node.boot.supervisor import Request
from edge.node.ending import Ending
from edge.node.identity import publish_identity
from edge.node.log import logger, start_logging
from edge.node.machine import Machine
from edge.node.platform import Platform
from edge.node.resource import kind
from edge.node.service import State

if TYPE_CHECKING:
    from edge.node.control.controller import Controller

CANCEL_ROUNDS, CANCEL_PAUSE_S = 10, 0.5
CLOSE_DEADLINE_S = 10.0
OPEN_FILES = 65_536
WIPE_DEADLINE_S = 120.0
_log = logger("machined")


def main() -> None:
    """Run machined until the machine shall restart or go off."""
    parser = argparse.ArgumentParser(prog="machined")
    parser.add_argument("--lab", type=Path, metavar="DIR", help="run as the lab node in DIR")
    options = parser.parse_args()
    _allow_open_files()
    with asyncio.Runner() as runner:
        code = runner.run(run(options.lab))
        # An ordinary exit would wait for threads, such as one stuck in a name lookup.
        os._exit(code)


def _allow_open_files() -> None:
    """Let this process have a file for every connection, as far as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = OPEN_FILES
    for most in (max(hard, OPEN_FILES), hard):
        with suppress(OSError, ValueError):  # only root may raise the upper one
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, OPEN_FILES), most))
            return


async def run(lab: Path | None) -> int:
    """Boot, run the controllers, and return the exit code that says how the machine ends."""
    platform = _platform(lab)
    machine = Machine(platform, start_logging(platform.announce))
    _end_on_signals(machine)
    platform.announce(f"machined started {__version__}")
    machine.services.enter("machined", State.RUNNING, "Service started as process")
    machine.services.judge("machined", healthy=True, message="")
    # Making and checking volumes is work for other processes, loading controllers for this one.
    booting = asyncio.create_task(machine.boot())
    await asyncio.to_thread(_load_controllers)
    await booting
    _publish_constants(machine)
    controllers = _new_controllers(machine)
    # What is loaded stays, so that no collection has to look at it.
    gc.freeze()
    gc.enable()
    request = await _run_until_end(machine, controllers)
    await platform.shutdown(request)
    return int(request)


def _platform(lab: Path | None) -> Platform:
    # Each platform imports what only it needs: netlink on boards takes its time.
    if lab:
        from edge.node.lab import LabPlatform

        return LabPlatform(lab)
    from edge.node.board import BoardPlatform

    return BoardPlatform()


def _publish_constants(machine: Machine) -> None:
    platform = machine.platform
    owner = "runtime.VersionController"
    version = {"version": f"v{__version__}", "name": "edgectl"}
    machine.store.put(kind.VERSION, "version", version, owner=owner)
    machine.store.put(kind.BOOT_ID, "boot-id", {"bootID": platform.boot_id()}, owner=owner)
    cmdline = {"cmdline": platform.kernel_cmdline()}
    machine.store.put(kind.KERNEL_CMDLINE, "cmdline", cmdline, owner=owner)
    publish_identity(machine)


def _load_controllers() -> None:
    import edge.node.control.catalogue  # noqa: F401


def _new_controllers(machine: Machine) -> "list[Controller]":
    from edge.node.control.catalogue import new_controllers

    return new_controllers(machine)


async def _run_until_end(machine: Machine, controllers: "list[Controller]") -> Request:
    from edge.node.control.controller import run_controller

    tasks = [asyncio.create_task(run_controller(each), name=each.name) for each in controllers]
    request = await machine.ended
    if machine.ending and not await _begin_ending(machine, machine.ending):
        machine.to_wipe = ()
    if machine.ending and machine.ending.is_forced:
        return request
    machine.services.stop_all()
    await _cancel(tasks)
    for controller in reversed(controllers):
        await _attempt(controller.close(), f"closing {controller.name}", CLOSE_DEADLINE_S)
    await _attempt(machine.wipe(), "wiping", WIPE_DEADLINE_S)
    return request


async def _begin_ending(machine: Machine, ending: Ending) -> bool:
    try:
        await ending.begin()
    except (EdgeError, OSError) as error:
        machine.diagnose("ending", f"the machine ends, but nothing is wiped: {error}")
        return False
    return True


async def _cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    # Once is not enough: what a task awaits may lose a cancellation that meets its result.
    for _ in range(CANCEL_ROUNDS):
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=CANCEL_PAUSE_S)
        if not tasks:
            return
    names = ", ".join(task.get_name() for task in tasks)
    _log.warning("these do not stop: %s", names)


async def _attempt(action: Coroutine[Any, Any, None], what: str, deadline_s: float) -> None:
    # A node that was told to restart restarts, whatever stands in the way.
    try:
        async with asyncio.timeout(deadline_s):
            await action
    except Exception:
        _log.exception("%s failed", what)


def _end_on_signals(machine: Machine) -> None:
    def end() -> None:
        if not machine.ended.done():
            machine.ended.set_result(Request.POWER_OFF)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)


if __name__ == "__main__":
    main()
