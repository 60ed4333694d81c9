# SPDX-License-Identifier: Apache-2.0
"""Which board is this machine? Its device tree says, or its DMI strings where it has none."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from boards.catalog import all_profiles
from boards.hardware import DmiMatch
from boards.profile import Profile

_DMI_FIELDS = ("sys_vendor", "product_name", "board_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What the machine says of itself, and the profile that fits, if one does."""

    profile: Profile | None
    evidence: str
    model: str


def detect(root: Path = Path("/"), profiles: Iterable[Profile] | None = None) -> Detection:
    """Return the profile that fits the machine whose /proc and /sys lie below `root`.

    The device tree is asked first: a board that boots through UEFI often has DMI strings too,
    and they are less exact.
    """
    known = list(profiles) if profiles is not None else all_profiles()
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
    evidence = ", ".join(compatible) or _dmi_text(dmi) or "no device tree and no DMI strings"
    return Detection(profile=None, evidence=evidence, model=_read_model(root) or _name(dmi))


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


def _fits(match: DmiMatch, dmi: dict[str, str]) -> bool:
    wanted = {field: pattern for field in _DMI_FIELDS if (pattern := getattr(match, field))}
    return all(re.search(pattern, dmi.get(field, "")) for field, pattern in wanted.items())


def _dmi_text(dmi: dict[str, str]) -> str:
    return " / ".join(dmi.values())


def _name(dmi: dict[str, str]) -> str:
    return dmi.get("product_name", "")
