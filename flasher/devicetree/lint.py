# SPDX-License-Identifier: Apache-2.0
"""What the compiler, and dtschema where it is installed, have against a device tree."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from edge.errors import ImageError
from flasher.image.tool import require_tools

# Faults that make a driver read nonsense; the others are matters of style.
GRAVE = frozenset(
    {
        *("addr_size_cells", "alias_paths", "duplicate_label", "duplicate_node_names"),
        *("duplicate_property_names", "explicit_phandles", "gpios_property", "clocks_property"),
        *("cooling_device_property", "dmas_property", "interrupts_property", "interrupt_map"),
        *("mboxes_property", "name_properties", "phandle_references", "phys_property"),
        *("power_domains_property", "pwms_property", "ranges_format", "reg_format"),
        *("resets_property", "thermal_sensors_property", "unique_unit_address_if_enabled"),
    }
)
_WARNING = re.compile(r"(?:Warning|ERROR) \((?P<check>[a-z0-9_]+)\): (?P<text>.*)")
_PLACE = re.compile(r"^\S*?:(?:\d+\.\d+-\d+(?:\.\d+)?: )?")


def new_warnings(before: Path, after: Path) -> tuple[str, ...]:
    """Return what the compiler says of one tree and does not say of the other, sorted.

    Raises:
        ImageError: when the compiler cannot read one of them.
        ToolError: when there is no compiler.
    """
    return tuple(sorted(set(_warnings(after)) - set(_warnings(before))))


def require_sound(tree: str, warnings: tuple[str, ...]) -> None:
    """Check that none of the warnings means that a driver would read nonsense.

    Raises:
        ImageError: naming the first.
    """
    grave = [text for text in warnings if text.split(":")[0] in GRAVE]
    if grave:
        raise ImageError(f"the overlays leave {tree} broken: {grave[0]}")


def schema_faults(before: Path, after: Path) -> tuple[str, ...] | None:
    """Return what dtschema has against one tree and not against the other; None without it."""
    program = _schema_program()
    if program is None:
        return None
    faults = [set(_run([program, str(tree)])) for tree in (before, after)]
    return tuple(sorted(faults[1] - faults[0]))


def _warnings(tree: Path) -> list[str]:
    require_tools(["dtc"])
    # A compiled tree has lost the difference between a number and a reference; -W asks for all.
    lines = _run(["dtc", "-I", "dtb", "-O", "dtb", "-o", "/dev/null", str(tree)])
    if fatal := [line for line in lines if "FATAL" in line]:
        raise ImageError(f"{tree.name} does not hold together: {fatal[0]}")
    found = (_WARNING.search(_PLACE.sub("", line)) for line in lines)
    return [f"{each['check']}: {each['text']}" for each in found if each]


def _run(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]


def _schema_program() -> str | None:
    beside = Path(sys.executable).with_name("dt-validate")
    return str(beside) if beside.is_file() else shutil.which("dt-validate")
