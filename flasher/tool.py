# SPDX-License-Identifier: Apache-2.0
"""Programs of the host that the builder runs, and plain errors when one is missing or fails."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from edge.errors import ImageError, ToolError

# program -> the Debian package that holds it
PACKAGES = {
    "debugfs": "e2fsprogs",
    "dpkg": "dpkg",
    "dpkg-deb": "dpkg",
    "dtc": "device-tree-compiler",
    "fdtoverlay": "device-tree-compiler",
    "mcopy": "mtools",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mksquashfs": "squashfs-tools",
    "mmd": "mtools",
    "mmdebstrap": "mmdebstrap",
    "qemu-img": "qemu-utils",
    "tar": "tar",
    "unsquashfs": "squashfs-tools",
}
_NO_SPACE = "No space left on device"
_TIDY_S = 5.0  # for a stopped program to remove what it has made


def run_tool(
    program: str,
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    text_in: str | None = None,
    prefer: str = "",
) -> str:
    """Run a program of the host and return what it printed.

    Raises:
        ToolError: when it is not installed or fails; the message ends in the first line that
            matches `prefer`, or in the last.
        ImageError: when the disk is full.
    """
    command = [_find(program), *map(str, arguments)]
    variables = {**os.environ, "LC_ALL": "C", "TZ": "UTC", **(environment or {})}
    code, out, err = _run(command, variables, text_in)
    if code:
        _fail(program, err + out, prefer)
    return out


def require_tools(programs: Sequence[str]) -> None:
    """Check before any work that every program is there.

    Raises:
        ToolError: naming all that are missing and how to install them.
    """
    missing = [program for program in programs if not find_tool(program)]
    if missing:
        raise _missing(missing)


def find_tool(program: str) -> str | None:
    """Return the path of a program of this host, looking where ordinary users' PATH does not."""
    # File system tools live in sbin.
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    return shutil.which(program, path=path)


def _run(
    command: Sequence[str], variables: Mapping[str, str], text_in: str | None
) -> tuple[int, str, str]:
    # A process group of its own: a failing mmdebstrap hangs up on all of the group it is in.
    with subprocess.Popen(
        command,
        env=variables,
        stdin=subprocess.DEVNULL if text_in is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        process_group=0,
    ) as process:
        try:
            out, err = process.communicate(text_in)
        except BaseException:
            # Ctrl-C reaches only our own group.
            _end(process)
            raise
    return process.returncode, out, err


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_TIDY_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _find(program: str) -> str:
    found = find_tool(program)
    if found is None:
        raise _missing([program])
    return found


def _missing(programs: Sequence[str]) -> ToolError:
    packages = sorted({PACKAGES.get(program, program) for program in programs})
    return ToolError(
        f"this needs {', '.join(programs)}, which {'is' if len(programs) == 1 else 'are'} not here",
        hint=f"sudo apt install {' '.join(packages)}",
    )


def _fail(program: str, output: str, prefer: str) -> None:
    if _NO_SPACE in output:
        raise ImageError(
            f"the disk is full: {program} could not write",
            hint="free space; TMPDIR and EDGECTL_CACHE name other disks",
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if prefer and re.search(prefer, line)] or lines[-1:]
    raise ToolError(f"{program} failed: {told[0] if told else 'without a message'}")
