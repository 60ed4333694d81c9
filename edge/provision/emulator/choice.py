# SPDX-License-Identifier: Apache-2.0
"""Which of a board's emulators is used, and whether everything that it needs is there."""

import re
import shutil
import subprocess
from pathlib import Path

from boards.catalog import all_profiles
from boards.emulator import Emulator
from boards.profile import Profile
from edge.errors import BoardError, ToolError
from flasher.tool import require_tools

_VERSION = re.compile(r"version (\d+(?:\.\d+)*)")


def choose_emulator(profile: Profile, name: str | None = None) -> Emulator:
    """Return the board's emulator called `name`, or its usual one.

    Raises:
        BoardError: when it has none, or none of that name.
    """
    known = {each.name: each for each in profile.emulators}
    if not known:
        raise BoardError(
            f"board {profile.name} has no emulator",
            hint=f"these have one: {', '.join(_emulated())}",
        )
    if name is None:
        return profile.emulators[0]
    if name not in known:
        raise BoardError(
            f"board {profile.name} has no emulator {name!r}",
            hint=f"emulators of {profile.name}: {', '.join(known)}",
        )
    return known[name]


def _emulated() -> list[str]:
    return [each.name for each in all_profiles() if each.emulators]


def check_emulator(emulator: Emulator) -> Emulator:
    """Return `emulator` when what it needs is installed, and new enough.

    Raises:
        ToolError: naming the package to install.
    """
    if shutil.which(emulator.program) is None:
        raise ToolError(
            f"{emulator.program} is missing", hint=f"sudo apt install {emulator.package}"
        )
    if not is_new_enough(emulator):
        raise ToolError(
            f"{emulator.machine} takes QEMU {emulator.at_least} or later, "
            f"this is {emulator_version(emulator.program)}",
            hint="a newer one is in the backports of Debian; `python3 dev.py emulators` in a "
            "checkout gets it",
        )
    firmware = emulator.firmware
    for path in filter(None, (firmware.bios, firmware.flash_code, firmware.flash_vars)):
        if not Path(path).exists():
            raise ToolError(f"{path} is missing", hint=f"sudo apt install {firmware.package}")
    if firmware.kernel:
        require_tools(("mcopy",))
    if firmware.device_tree_overlay:
        require_tools(("dtc", "fdtoverlay"))
    return emulator


def is_new_enough(emulator: Emulator) -> bool:
    """Say whether the QEMU that is installed has the machine.

    Raises:
        ToolError: when it does not run.
    """
    return _number(emulator_version(emulator.program)) >= _number(emulator.at_least)


def emulator_version(program: str) -> str:
    """Return the version that QEMU itself tells.

    Raises:
        ToolError: when it does not run.
    """
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise ToolError(f"{program} does not run: {error.strerror}") from error
    found = _VERSION.search(told.stdout)
    if found is None:
        raise ToolError(f"{program} does not tell its version: {told.stderr.strip()}")
    return found[1]


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
