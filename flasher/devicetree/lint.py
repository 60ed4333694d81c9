# SPDX-License-Identifier: Apache-2.0
"""What the compiler, and dtschema where it is installed, have against a device tree."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import which

from edge.errors import ImageError
from flasher.tool import require_tools

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
_UNKNOWN_TYPE = "is not of type 'object', 'integer', 'array', 'boolean', 'null'"
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


def schema_faults(
    before: Path, after: Path, bindings: Path | None = None
) -> tuple[str, ...] | None:
    """Return what dtschema has against one tree and not against the other; None without it.

    `bindings` is a kernel source's folder of schemas, or the file that dt-mk-schema makes of it;
    without it only those that go for every tree are tried.

    Raises:
        ImageError: when the bindings are not there.
    """
    program = _schema_program()
    if program is None:
        return None
    if bindings and not bindings.exists():
        raise ImageError(
            f"no bindings at {bindings}", hint="it is Documentation/devicetree/bindings of a kernel"
        )
    schemas = ("-s", str(bindings)) if bindings else ()
    found = [set(_schema(program, schemas, tree)) for tree in (before, after)]
    return tuple(sorted(found[1] - found[0]))


def _schema(program: str, schemas: Sequence[str], tree: Path) -> Iterator[str]:
    """Yield the faults, each with the lines that say more of it."""
    text = ""
    for line in _run([program, *schemas, str(tree)]):
        place, found, rest = line.partition(f"{tree}: ")
        if found and not place:
            yield from _known(text)
            text = rest
        elif not line.startswith("from schema"):
            text = f"{text} {line}"
    yield from _known(text)


def _known(text: str) -> Iterator[str]:
    # Without the bindings the type of most properties is unknown, which is no fault of the tree.
    if text and _UNKNOWN_TYPE not in text:
        yield text


def _warnings(tree: Path) -> list[str]:
    require_tools(["dtc"])
    # A compiled tree has lost the difference between a number and a reference; -W asks for all.
    lines = _run(["dtc", "-I", "dtb", "-O", "dtb", "-o", "/dev/null", str(tree)])
    if fatal := [line for line in lines if "FATAL" in line]:
        raise ImageError(f"{tree.name} does not hold together: {fatal[0]}")
    found = (_WARNING.search(_PLACE.sub("", line)) for line in lines)
    texts = [f"{each['check']}: {each['text']}" for each in found if each]
    # Labels are stored as properties, which some checks take for those of devices.
    return [text for text in texts if ": /__symbols__" not in text]


def _run(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]


def _schema_program() -> str | None:
    beside = Path(sys.executable).with_name("dt-validate")
    return str(beside) if beside.is_file() else which("dt-validate")
