# SPDX-License-Identifier: Apache-2.0
"""Programs of the host that the builder runs, and plain errors when one is missing or fails."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.errors import ImageError, ToolError

# program -> the Debian package that holds it
PACKAGES = {
    "debugfs": "e2fsprogs",
    "dpkg-deb": "dpkg",
    "dtc": "device-tree-compiler",
    "fdtoverlay": "device-tree-compiler",
    "mcopy": "mtools",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mksquashfs": "squashfs-tools",
    "mmd": "mtools",
    "mmdebstrap": "mmdebstrap",
    "tar": "tar",
}
_NO_SPACE = "No space left on device"


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
    done = subprocess.run(
        command,
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC", **(environment or {})},
        input=text_in,
        stdin=subprocess.DEVNULL if text_in is None else None,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        _fail(program, done.stderr + done.stdout, prefer)
    return done.stdout


def require_tools(programs: Sequence[str]) -> None:
    """Check before any work that every program is there.

    Raises:
        ToolError: naming all that are missing and how to install them.
    """
    missing = [program for program in programs if not _which(program)]
    if missing:
        raise _missing(missing)


def _find(program: str) -> str:
    found = _which(program)
    if found is None:
        raise _missing([program])
    return found


def _which(program: str) -> str | None:
    # File system tools live in sbin, which an ordinary user's PATH often lacks.
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    return shutil.which(program, path=path)


def _missing(programs: Sequence[str]) -> ToolError:
    packages = sorted({PACKAGES.get(program, program) for program in programs})
    return ToolError(
        f"this needs {', '.join(programs)}, which {'is' if len(programs) == 1 else 'are'} not here",
        hint=f"sudo apt install {' '.join(packages)}",
    )


def _fail(program: str, output: str, prefer: str) -> None:
    if _NO_SPACE in output:
        raise ImageError(
            f"the disk is full: {program} could not write", hint="free space, or set TMPDIR"
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if prefer and re.search(prefer, line)] or lines[-1:]
    raise ToolError(f"{program} failed: {told[0] if told else 'without a message'}")
