# SPDX-License-Identifier: Apache-2.0
"""machined: the process that is the node. Started by PID 1 on a board, or by hand in the lab.

Leaves with exit code 64 to have the machine restarted and 65 to have it powered off.
"""

import asyncio
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from edge import __version__
from edge.errors import EdgeError
from edge.node.boot.supervisor import Request
from edge.node.ending import Ending
from edge.node.identity import publish_identity
from edge.node.log import start_logging
from edge.node.machine import Machine
from edge.node.platform import Platform
from edge.node.resource import kind
from edge.node.service import State
from edge.node.signer import Signer
from edge.node.signing import SigningProcess

OPEN_FILES = 65_536
WIPE_DEADLINE_S = 120.0


def main(signing: SigningProcess | None = None) -> None:
    """Run machined until the machine shall restart or go off; `signing` was begun for it."""
    lab = _lab_folder() if len(sys.argv) > 1 else None
    _allow_open_files()
    # Before there are threads, of which a forked process would have none but this one.
    process = signing or SigningProcess()
    with asyncio.Runner() as runner:
        code = runner.run(run(lab, process))
        # An ordinary exit would wait for threads, such as one stuck in a name lookup.
        os._exit(code)


def _lab_folder() -> Path:
    # Boards give no arguments, and do without what reads them.
    import argparse

    parser = argparse.ArgumentParser(prog="machined")
    parser.add_argument("--lab", type=Path, metavar="DIR", help="run as the lab node in DIR")
    folder: Path = parser.parse_args().lab
    return folder


def _allow_open_files() -> None:
    """Let this process have a file for every connection, as far as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = OPEN_FILES
    for most in (max(hard, OPEN_FILES), hard):
        with suppress(OSError, ValueError):  # only root may raise the upper one
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, OPEN_FILES), most))
            return


async def run(lab: Path | None, signing: SigningProcess) -> int:
    """Boot, run the controllers, and return the exit code that says how the machine ends."""
    platform = _platform(lab)
    machine = Machine(platform, start_logging(platform.announce), signer=Signer(signing))
    _end_on_signals(machine)
    platform.announce(f"machined started {__version__}")
    machine.services.enter("machined", State.RUNNING, "Service started as process")
    machine.services.judge("machined", healthy=True, message="")
    # Making and checking volumes is work for other processes, loading controllers for this one.
    booting = asyncio.create_task(machine.boot())
    # Once, so that the other processes have begun when this one is busy.
    await asyncio.sleep(0)
    await asyncio.to_thread(_load_first)
    await booting
    _publish_constants(machine)
    request = await _run_until_end(machine)
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


def _load_first() -> None:
    import edge.node.control.runtime  # noqa: F401


async def _run_until_end(machine: Machine) -> Request:
    from edge.node.control.runtime import Runtime, attempt

    runtime = Runtime(machine)
    runtime.start()
    request = await machine.ended
    if machine.ending and not await _begin_ending(machine, machine.ending):
        machine.to_wipe = ()
    if machine.ending and machine.ending.is_forced:
        return request
    machine.services.stop_all()
    await runtime.stop()
    await attempt(machine.wipe(), "wiping", WIPE_DEADLINE_S)
    return request


async def _begin_ending(machine: Machine, ending: Ending) -> bool:
    try:
        await ending.begin()
    except (EdgeError, OSError) as error:
        machine.diagnose("ending", f"the machine ends, but nothing is wiped: {error}")
        return False
    return True


def _end_on_signals(machine: Machine) -> None:
    def end() -> None:
        if not machine.ended.done():
            machine.ended.set_result(Request.POWER_OFF)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)


if __name__ == "__main__":
    main()
