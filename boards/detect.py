# SPDX-License-Identifier: Apache-2.0
"""Which board is this machine? Its device tree says, or its DMI strings where it has none.

The catalogue with its models is loaded only when nobody gives the profiles, so that a node that
knows its own can ask without it.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boards.hardware import DmiMatch
    from boards.profile import Profile

_DMI_FIELDS = ("sys_vendor", "product_name", "board_name")
_ARCHES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What the machine says of itself, and the profile that fits, if one does."""

    profile: Profile | None
    evidence: str
    model: str


def detect(
    root: Path = Path("/"),
    profiles: Iterable[Profile] | None = None,
    *,
    machine: str = "",
) -> Detection:
    """Return the profile that fits the machine whose /proc and /sys lie below `root`.

    The device tree is asked first: a board that boots through UEFI often has DMI strings too,
    and they are less exact. What nothing fits but has UEFI is a generic board for its processor,
    this one's unless `machine` names another as `uname -m` does.
    """
    known = list(profiles) if profiles is not None else _catalogue()
    compatible, dmi = _read_compatible(root), _read_dmi(root)
    for entry in compatible:  # from the most specific to the family
        for profile in known:
            if entry in profile.match.compatible:
                return Detection(
                    profile=profile, evidence=f"device tree: {entry}", model=_read_model(root)
                )
    for profile in known:
        if any(_fits(match, dmi) for match in profile.match.dmi):
            return Detection(profile=profile, evidence=f"DMI: {_dmi_text(dmi)}", model=_name(dmi))
    said = ", ".join(compatible) or _dmi_text(dmi)
    model = _read_model(root) or _name(dmi)
    if generic := _fallback(root, known, machine or platform.machine()):
        evidence = f"UEFI, and no other board fits: {said or 'no device tree, no DMI strings'}"
        return Detection(profile=generic, evidence=evidence, model=model)
    return Detection(
        profile=None, evidence=said or "no device tree and no DMI strings", model=model
    )


def _catalogue() -> list[Profile]:
    from boards.catalog import all_profiles

    return all_profiles()


def _fallback(root: Path, known: Iterable[Profile], machine: str) -> Profile | None:
    if not (root / "sys/firmware/efi").is_dir():
        return None
    arch = _ARCHES.get(machine)
    return next((each for each in known if each.match.fallback and each.arch == arch), None)


def _read_compatible(root: Path) -> list[str]:
    text = _read(root / "proc/device-tree/compatible")
    return [entry for entry in text.split("\0") if entry]


def _read_model(root: Path) -> str:
    return _read(root / "proc/device-tree/model").rstrip("\0")


def _read_dmi(root: Path) -> dict[str, str]:
    folder = root / "sys/class/dmi/id"
    return {field: text for field in _DMI_FIELDS if (text := _read(folder / field).strip())}


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _fits(match: DmiMatch, dmi: Mapping[str, str]) -> bool:
    wanted = {field: pattern for field in _DMI_FIELDS if (pattern := getattr(match, field))}
    return all(re.search(pattern, dmi.get(field, "")) for field, pattern in wanted.items())


def _dmi_text(dmi: Mapping[str, str]) -> str:
    return " / ".join(dmi.values())


def _name(dmi: Mapping[str, str]) -> str:
    return dmi.get("product_name", "")
