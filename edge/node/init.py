# SPDX-License-Identifier: Apache-2.0
"""PID 1 of a board, in the standard library alone.

Mounts the kernel's file systems, raises the clock to the image's build time, starts `machined` and
loads modules for the hardware, and then those of the image, while that loads itself. Then keeps it
running, reaps every orphan, feeds the watchdog, and restarts or powers off the machine when
machined asks for it.
"""

import contextlib
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from edge import __version__
from edge.node.boot import syscall
from edge.node.boot.clock import raise_clock
from edge.node.boot.console import say
from edge.node.boot.filesystem import mount_kernel_filesystems, unmount_disks
from edge.node.boot.hotplug import SIGNAL, Hotplug, kernel_events
from edge.node.boot.image import ImageInfo, read_image
from edge.node.boot.module import COLDPLUGGED, Modules, coldplug, module_dir
from edge.node.boot.startup import use_methods
from edge.node.boot.supervisor import Request, Supervisor
from edge.node.boot.watchdog import WatchdogKeeper

TICK_S = 2.0
STOP_GRACE_S = 10.0
_FIRST_FILE, _FILES = 3, 1 << 20
_LATER, _LAST = 5, 19
_OF_VOLUMES = ("crc32c_generic", "ext4")
"""What machined mounts its volumes by; kernels lack one or the other, having it built in."""
_ENDS = {signal.SIGTERM, signal.SIGINT}
_SIGNALS = {signal.SIGCHLD, SIGNAL, *_ENDS}
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin",
    "HOME": "/",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "GRPC_ENABLE_FORK_SUPPORT": "0",
}


def main() -> None:
    """Run the machine until it restarts or goes off."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    mount_kernel_filesystems()
    syscall.hand_over_ctrl_alt_delete()
    say(f"init {__version__}")
    image = prepare()
    supervisor = Supervisor(start_machined, time.monotonic)
    supervisor.tend()
    watchdog = WatchdogKeeper()
    hotplug = load_modules(image.modules if image else (), between=watchdog.tend)
    request = supervise(supervisor, watchdog, hotplug)
    finish(request, watchdog)


def prepare() -> ImageInfo | None:
    """Set the clock and bring the machine to where machined can start; return what runs."""
    with contextlib.suppress(OSError):
        COLDPLUGGED.parent.mkdir(exist_ok=True)
    try:
        image = read_image()
    except (OSError, ValueError, KeyError) as error:
        say(f"image description is unreadable: {error}")
        return None
    if raise_clock(image.build_time):
        say("clock was behind the image's build time and has been set to it")
    return image


def load_modules(
    names: Iterable[str],
    *,
    between: Callable[[], None] = lambda: None,
    read: Callable[[], Modules] = lambda: Modules(module_dir()),
    listen: Callable[[], socket.socket] = kernel_events,
    plug: Callable[[Modules], None] = coldplug,
    word: Path = COLDPLUGGED,
) -> Hotplug | None:
    """Load what the hardware asks for and leave word that it is done, then these modules, too.

    Returns what goes on loading for hardware that appears later.
    machined is what everybody waits for, so it goes first where there are few processors.
    """
    hotplug = None
    try:
        with _priority(_LATER):
            modules = read()
            # Before looking, so that nothing appears in between.
            hotplug = Hotplug(modules, listen())
            for name in _OF_VOLUMES:
                modules.load(name)
            plug(modules)
            word.touch()
        with _priority(_LAST):
            for name in names:
                between()
                modules.load(name)
    except Exception as error:
        # The kernel panics when PID 1 ends; machined may still come up and say more.
        say(f"loading modules failed: {error!r}")
        with contextlib.suppress(OSError):
            word.touch()
    return hotplug


@contextlib.contextmanager
def _priority(nice: int) -> Iterator[None]:
    """Let other processes go before this one."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)


def start_machined() -> int:
    """Start machined and return its process id.

    It goes on from what is loaded here instead of starting another interpreter.
    """
    say("starting machined")
    pid = os.fork()
    if pid == 0:
        become(_run_machined)
    return pid


def become(program: Callable[[], None]) -> NoReturn:
    """Run `program` in this child, as clean as a new process would be, and end with it."""
    code = 1
    try:
        # Such as the watchdog: it is PID 1's to feed and to let go of.
        os.closerange(_FIRST_FILE, _FILES)
        os.environ.clear()
        os.environ.update(ENVIRONMENT)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        program()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        # Whatever it is, it may not come back to where PID 1 would go on, twice.
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _run_machined() -> None:
    # Loading makes many objects and next to no garbage; machined collects once it has loaded.
    gc.disable()
    sys.argv = ["machined"]
    use_methods()
    from edge.node.signing import SigningProcess

    signing = SigningProcess()
    from edge.node.machined import main as run

    run(signing)


def supervise(
    supervisor: Supervisor, watchdog: WatchdogKeeper, hotplug: Hotplug | None = None
) -> Request:
    """Keep the child alive and reap everything until the machine shall end."""
    while supervisor.request is None:
        supervisor.tend()
        watchdog.tend()
        if hotplug:
            hotplug.tend()
        received = signal.sigtimedwait(_SIGNALS, supervisor.wait_s(TICK_S))
        if received and received.si_signo in _ENDS:
            # Ctrl-alt-delete arrives as SIGINT; SIGTERM asks for power-off.
            reboot = received.si_signo == signal.SIGINT
            return Request.REBOOT if reboot else Request.POWER_OFF
        reap(supervisor)
    return supervisor.request


def reap(supervisor: Supervisor) -> None:
    """Collect every ended process, the child and orphans alike."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        crash = supervisor.ended(pid, os.waitstatus_to_exitcode(status))
        if crash:
            say(f"machined ended with {crash.code}, starting again in {crash.pause_s:.0f} s")


def finish(
    request: Request,
    watchdog: WatchdogKeeper,
    *,
    grace_s: float = STOP_GRACE_S,
    unmount: Callable[[], None] = unmount_disks,
) -> None:
    """End every process, let go of the disks, and restart or power off."""
    say("rebooting" if request is Request.REBOOT else "powering off")
    end_processes(watchdog, grace_s)
    watchdog.tend()
    unmount()
    if request is Request.REBOOT:
        syscall.restart()
    else:
        syscall.power_off()


def end_processes(watchdog: WatchdogKeeper, grace_s: float) -> None:
    """Ask every other process to end, end those that do not within `grace_s`, and reap them."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + grace_s
        try:
            os.kill(-1, number)
        except ProcessLookupError:
            return
        while time.monotonic() < deadline:
            watchdog.tend()
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    signal.sigtimedwait({signal.SIGCHLD}, 0.2)
            except ChildProcessError:
                return


if __name__ == "__main__":
    main()
