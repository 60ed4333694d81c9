# SPDX-License-Identifier: Apache-2.0
"""The overlays that ship: complete, for the family that their folder names, and documented."""

import re
import subprocess
from pathlib import Path

import pytest

from edge.errors import BoardError
from overlays.catalog import (
    Overlay,
    families,
    families_with,
    load_overlay,
    load_overlays,
    overlay_names,
)
from overlays.choice import OverlayChoice
from overlays.description import Choice
from overlays.resolve import resolve

ALL = [each for soc in families() for each in load_overlays(soc)]
IDS = [f"{each.soc}/{each.name}" for each in ALL]
VENDORS = {"bcm2711": "brcm", "bcm2712": "brcm", "bcm2837": "brcm"} | {
    "rk3588": "rockchip",
    "tegra210": "nvidia",
}


def test_the_families_are_those_of_the_boards() -> None:
    """No folder is left over."""
    assert families() == sorted(VENDORS)


@pytest.mark.parametrize("overlay", ALL, ids=IDS)
def test_an_overlay_says_what_it_is_for(overlay: Overlay) -> None:
    """It declares the family, describes itself in a sentence and every parameter in words."""
    wanted = f'compatible = "{VENDORS[overlay.soc]},{overlay.soc}";'
    assert wanted in overlay.source
    assert overlay.description.summary.endswith((".", "?"))
    assert all(each.text for each in overlay.description.parameters.values())
    assert all(each.text and each.evidence for each in overlay.description.caveats)


@pytest.mark.parametrize("overlay", ALL, ids=IDS)
def test_every_gap_has_a_parameter_and_every_parameter_a_gap(overlay: Overlay) -> None:
    """A parameter that changes nothing would be a lie."""
    gaps = set(re.findall(r"\$\{([a-z0-9_]+)\}", overlay.source))
    filled: set[str] = set()
    for name, parameter in overlay.description.parameters.items():
        own = (
            set(next(iter(parameter.choices.values()))) if isinstance(parameter, Choice) else {name}
        )
        assert own & gaps, name
        filled |= own
    assert gaps == filled


@pytest.mark.parametrize("overlay", ALL, ids=IDS)
def test_an_overlay_names_only_others_of_its_family(overlay: Overlay) -> None:
    """What it excludes is there, and excludes it too."""
    for other in overlay.description.conflicts:
        assert overlay.name in load_overlay(other, overlay.soc).description.conflicts


@pytest.mark.parametrize("overlay", ALL, ids=IDS)
def test_a_source_compiles_without_a_warning(overlay: Overlay, tmp_path: Path) -> None:
    """Every word of every choice gives a source that the compiler has nothing against."""
    choices = [OverlayChoice(overlay.name)]
    for name, parameter in overlay.description.parameters.items():
        if isinstance(parameter, Choice):
            choices += [OverlayChoice(overlay.name, {name: word}) for word in parameter.choices]
    for choice in choices:
        source = tmp_path / "source.dts"
        source.write_bytes(resolve(choice, overlay.soc).content)
        command = ["dtc", "-@", "-I", "dts", "-O", "dtb", "-o", "/dev/null", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert [line for line in done.stderr.splitlines() if not _expected(line)] == []


def test_an_unknown_overlay_is_answered_with_what_there_is() -> None:
    """The families that have it, and the names that this one has."""
    with pytest.raises(BoardError, match=r"no overlay 'gpio-fan' for tegra210 .*bcm2711") as caught:
        load_overlay("gpio-fan", "tegra210")
    assert caught.value.hint is not None
    assert "pwm-fan" in caught.value.hint


def test_a_family_without_overlays_has_none() -> None:
    """It is no error to ask."""
    assert overlay_names("virt") == []
    assert families_with("nothing") == []


def _expected(line: str) -> bool:
    # A fragment does not know the cells of the node that it changes, nor what a reference leads to.
    blind = ("reg_format", "avoid_default_addr_size", "unit_address_vs_reg", "spi_bus", "i2c_bus")
    return any(f"({name}" in line for name in blind) or "also defined at" in line
