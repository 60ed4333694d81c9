# SPDX-License-Identifier: Apache-2.0
"""A network namespace of our own with one wire to a virtual board, gone when we end.

The calling process moves into the namespace, so nothing of the host's network is touched and
nothing has to be cleaned up. Root makes it directly; an ordinary user does it inside a user
namespace, where the kernel permits that.
"""

import ctypes
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ToolError

LINK = "edge0"
_PREFIX = "10.77.0.1/24"
_RANGE = "10.77.0.10,10.77.0.200,255.255.255.0,1h"
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_TOOLS = {"ip": "iproute2", "dnsmasq": "dnsmasq-base"}


@dataclass(frozen=True, slots=True)
class PrivateNetwork:
    """The namespace's wire: a tap device for the emulator, with DHCP behind it."""

    link: str


def check_private_network() -> None:
    """See in a process of its own whether a private network can be had.

    Raises:
        ToolError: when a tool is missing or the kernel refuses.
    """
    for tool, package in _TOOLS.items():
        if shutil.which(tool, path=_path()) is None:
            raise ToolError(f"{tool} is missing", hint=f"sudo apt install {package}")
    flags = ["--net"] if os.geteuid() == 0 else ["--net", "--user", "--map-root-user"]
    try:
        _run("unshare", *flags, _tool("ip"), "tuntap", "add", LINK, "mode", "tap")
    except ToolError as error:
        reason = error.message.rpartition(": ")[2]
        raise ToolError(
            f"a network of its own cannot be made for the board: {reason}", hint="run it as root"
        ) from error


def enter_private_network() -> None:
    """Move this process into a fresh network namespace; there is no way back.

    Raises:
        ToolError: when the kernel refuses; then nothing has changed.
    """
    user, group = os.geteuid(), os.getegid()
    flags = _CLONE_NEWNET if user == 0 else _CLONE_NEWNET | _CLONE_NEWUSER
    if threading.active_count() > 1 and user != 0:
        raise ToolError("a user namespace needs a process with a single thread")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise ToolError(
            f"a network namespace cannot be made: {reason}",
            hint="run it as root, or permit unprivileged user namespaces",
        )
    if user != 0:
        _map_to_root(user, group)


@contextmanager
def private_network(*, dhcp: bool = True) -> Iterator[PrivateNetwork]:
    """Lay the wire in the namespace we are in, and serve DHCP on it unless told otherwise.

    Raises:
        ToolError: when a device or server cannot be made.
    """
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "tuntap", "add", LINK, "mode", "tap")
    _run("ip", "addr", "add", _PREFIX, "dev", LINK)
    _run("ip", "link", "set", LINK, "up")
    if not dhcp:
        yield PrivateNetwork(LINK)
        return
    with tempfile.TemporaryDirectory(prefix="edgectl-net-") as folder:
        server = _serve_dhcp(Path(folder))
        try:
            yield PrivateNetwork(LINK)
        finally:
            server.terminate()
            server.wait()


def _map_to_root(user: int, group: int) -> None:
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _serve_dhcp(folder: Path) -> "subprocess.Popen[bytes]":
    # No DNS (port 0), no gateway (option 3 empty): the wire leads nowhere but to us.
    options = [
        "--no-daemon",
        "--conf-file=/dev/null",
        "--port=0",
        f"--interface={LINK}",
        "--bind-interfaces",
        f"--dhcp-range={_RANGE}",
        "--dhcp-option=3",
        "--no-ping",
        f"--dhcp-leasefile={folder / 'leases'}",
        f"--pid-file={folder / 'pid'}",
    ]
    log = folder / "dnsmasq.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", _tool("dnsmasq"), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        code = server.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        return server
    raise ToolError(f"dnsmasq ended with {code}: {log.read_text(errors='replace').strip()}")


def _run(*command: str) -> None:
    result = subprocess.run(
        [_tool(command[0]), *command[1:]], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise ToolError(f"{' '.join(command)}: {result.stderr.strip()}")


def _tool(name: str) -> str:
    return shutil.which(name, path=_path()) or name


def _path() -> str:
    # Users do not have the sbin folders on their path.
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
