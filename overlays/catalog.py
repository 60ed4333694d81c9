# SPDX-License-Identifier: Apache-2.0
"""The overlays of the toolkit: `<family>/<name>.dts` beside this module."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edge.errors import BoardError, EdgeError, InputError
from overlays.description import Description, read_description

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """An overlay of one family of device trees: source with gaps for its parameters."""

    name: str
    soc: str
    path: Path
    source: str
    description: Description


def families() -> list[str]:
    """Return the families of device trees that there are overlays for, sorted."""
    return sorted({path.parent.name for path in _FOLDER.glob("*/*.dts")})


def overlay_names(soc: str) -> list[str]:
    """Return the names of the overlays for a family, sorted; none when it has none."""
    return sorted(path.stem for path in (_FOLDER / soc).glob("*.dts"))


def families_with(name: str) -> list[str]:
    """Return the families that have an overlay of this name."""
    return [soc for soc in families() if name in overlay_names(soc)]


def family_of(compatible: Sequence[str]) -> str:
    """Return the family of a device tree: the chip, the last that its root is compatible with.

    >>> family_of(["raspberrypi,4-model-b", "brcm,bcm2711"])
    'bcm2711'
    """
    return compatible[-1].rpartition(",")[2] if compatible else "unknown"


@cache
def load_overlay(name: str, soc: str) -> Overlay:
    """Return the overlay `name` for the family `soc`.

    Raises:
        BoardError: when others have one and this has not; it tells which, and the names here.
        InputError: when none has.
    """
    if name not in overlay_names(soc):
        raise _unknown(name, soc)
    path = _FOLDER / soc / f"{name}.dts"
    source = path.read_text()
    description = read_description(source, name=f"{soc}/{path.name}")
    return Overlay(name=name, soc=soc, path=path, source=source, description=description)


def load_overlays(soc: str) -> list[Overlay]:
    """Return every overlay for a family, sorted by name."""
    return [load_overlay(name, soc) for name in overlay_names(soc)]


def _unknown(name: str, soc: str) -> EdgeError:
    names = ", ".join(overlay_names(soc)) or "none"
    others = families_with(name)
    elsewhere = f" (there is one for {', '.join(others)})" if others else ""
    hint = f"overlays for {soc}: {names}; or give the path of a .dts or .dtbo file"
    kind = BoardError if others else InputError
    return kind(f"no overlay {name!r} for {soc}{elsewhere}", hint=hint)
