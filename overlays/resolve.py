# SPDX-License-Identifier: Apache-2.0
"""From a choice to an overlay whose parameters are checked and filled in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from string import Template

from boards.text import LARGEST_BYTES
from edge.errors import ConfigError, InputError
from edge.text import read_bytes
from overlays.catalog import load_overlay
from overlays.choice import SUFFIXES, OverlayChoice
from overlays.description import (
    Choice,
    Description,
    Integer,
    SerialConsole,
    read_description,
)

Parameter = Integer | Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedOverlay:
    """An overlay to merge: complete source, or a user's compiled file.

    `parameters` holds every parameter, those left at their defaults too.
    """

    name: str
    soc: str
    """The family of the toolkit's overlay; empty for a user's file."""
    content: bytes
    compiled: bool
    parameters: Mapping[str, str]
    description: Description

    @property
    def sha256(self) -> str:
        """The hash of what is merged, parameters filled in."""
        return sha256(self.content).hexdigest()

    @property
    def modules(self) -> tuple[str, ...]:
        """The kernel modules that the image needs for it."""
        return self.description.modules

    @property
    def preload(self) -> tuple[str, ...]:
        """Those of the modules that have to be loaded by name at boot."""
        return self.description.preload

    def is_for(self, compatible: Sequence[str]) -> bool:
        """Tell whether a board with this device tree has the hardware at all."""
        return not set(self.description.absent_on) & set(compatible)


def resolve(choice: OverlayChoice, soc: str) -> ResolvedOverlay:
    """Return the overlay that was chosen for a board of the family `soc`.

    Raises:
        BoardError: when there is none for the family, but for others.
        InputError: when there is none at all, or a parameter is not allowed.
        ConfigError: when a user's file describes itself wrongly.
    """
    if choice.path is not None:
        return _resolve_file(choice, choice.path)
    overlay = load_overlay(choice.name_or_path, soc)
    return _fill(choice, overlay.name, soc, overlay.source, overlay.description)


def resolve_all(choices: Sequence[OverlayChoice], soc: str) -> tuple[ResolvedOverlay, ...]:
    """Return the overlays that were chosen, having checked that they go together.

    Raises:
        BoardError: when there is none for the family, but for others.
        InputError: when one is not there, not allowed, or two exclude each other.
        ConfigError: when a user's file describes itself wrongly.
    """
    overlays = tuple(resolve(choice, soc) for choice in choices)
    check_together(overlays)
    return overlays


def check_together(overlays: Sequence[ResolvedOverlay]) -> None:
    """Check that no overlay is there twice or excludes another.

    Raises:
        InputError: naming the two.
    """
    for index, overlay in enumerate(overlays):
        for other in overlays[:index]:
            if overlay.name == other.name and not overlay.description.repeatable:
                raise InputError(f"overlay {overlay.name} is chosen twice")
            if overlay.name == other.name and overlay.parameters == other.parameters:
                raise InputError(f"overlay {overlay.name} is chosen twice with the same parameters")
            both = overlay.description.conflicts, other.description.conflicts
            if other.name in both[0] or overlay.name in both[1]:
                raise InputError(
                    f"overlays {other.name} and {overlay.name} exclude each other",
                    hint="`edgectl overlays show NAME` tells what they use",
                )


def console_of(overlays: Sequence[ResolvedOverlay]) -> SerialConsole | None:
    """Return the console that the overlays move to; None when it stays the board's."""
    moved = [each.description.console for each in overlays if each.description.console]
    return moved[-1] if moved else None


def _resolve_file(choice: OverlayChoice, path: Path) -> ResolvedOverlay:
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path} is neither a .dts nor a .dtbo file")
    content = read_bytes(path, LARGEST_BYTES)
    if path.suffix == ".dts":
        source = content.decode(errors="replace")
        return _fill(choice, path.name, "", source, read_description(source, name=path.name))
    if choice.parameters:
        raise InputError(
            f"{path.name} is compiled and takes no parameters", hint="give its source, a .dts file"
        )
    return ResolvedOverlay(
        name=path.name,
        soc="",
        content=content,
        compiled=True,
        parameters={},
        description=Description(),
    )


def _fill(
    choice: OverlayChoice, name: str, soc: str, source: str, description: Description
) -> ResolvedOverlay:
    known = description.parameters
    for given in choice.parameters:
        if given not in known:
            hint = f"parameters of {name}: {', '.join(known) or 'none'}"
            raise InputError(f"overlay {name} has no parameter {given!r}", hint=hint)
    chosen = {
        key: _allowed(name, key, parameter, choice.parameters.get(key, str(parameter.default)))
        for key, parameter in known.items()
    }
    filled = _filled(name, source, known, chosen) if known else source
    return ResolvedOverlay(
        name=name,
        soc=soc,
        content=filled.encode(),
        compiled=False,
        parameters=chosen,
        description=description,
    )


def _allowed(overlay: str, key: str, parameter: Parameter, value: str) -> str:
    """Return the value in its one spelling."""
    fault = f"overlay {overlay}: {key}={value}"
    if isinstance(parameter, Choice):
        if value in parameter.choices:
            return value
        raise InputError(f"{fault} is not one of {', '.join(parameter.choices)}")
    try:
        number = int(value, 0)
    except ValueError:
        raise InputError(f"{fault} is not a whole number") from None
    if parameter.minimum <= number <= parameter.maximum:
        return str(number)
    unit = f" {parameter.unit}".rstrip()
    raise InputError(f"{fault} is not within {parameter.minimum} to {parameter.maximum}{unit}")


def _filled(
    name: str, source: str, known: Mapping[str, Parameter], chosen: Mapping[str, str]
) -> str:
    values: dict[str, str | int] = {}
    for key, parameter in known.items():
        if isinstance(parameter, Choice):
            values |= parameter.choices[chosen[key]]
        else:
            values[key.replace("-", "_")] = int(chosen[key]) * parameter.scale
    try:
        return Template(source).substitute(values)
    except (KeyError, ValueError) as error:
        raise ConfigError(f"overlay {name} has a gap that no parameter fills: {error}") from error
