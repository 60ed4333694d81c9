# SPDX-License-Identifier: Apache-2.0
"""From choices to overlays with their parameters filled in."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ConfigError, InputError
from overlays.choice import OverlayChoice, parse_choice
from overlays.resolve import console_of, resolve, resolve_all

MINE = """\
/*---
summary: Mine.
parameters:
  pin: {type: integer, text: Its pin., default: 4, minimum: 2, maximum: 27, scale: 10}
---*/
/dts-v1/;
/plugin/;
&{/} { mine = <${pin}>; };
"""


def test_parameters_fill_the_gaps() -> None:
    """Words stand for several values, numbers are scaled, and defaults are told."""
    found = resolve(parse_choice("gpio-fan,temperature=55,active=low"), "bcm2711")
    assert b"<&gpio 18 1>" in found.content
    assert b"temperature = <55000>;" in found.content
    assert found.parameters == {
        "pin": "18",
        "temperature": "55",
        "hysteresis": "10",
        "active": "low",
    }
    assert found.modules == ("gpio_fan", "bcm2711_thermal")


@given(st.integers(-(2**40), 2**40))
def test_a_number_is_allowed_within_its_range_only(number: int) -> None:
    """Both ends of the range belong to it."""
    choice = OverlayChoice("gpio-fan", {"pin": str(number)})
    if 4 <= number <= 27:
        assert resolve(choice, "bcm2711").parameters["pin"] == str(number)
    else:
        with pytest.raises(InputError, match="is not within 4 to 27"):
            resolve(choice, "bcm2711")


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ({"pin": "28"}, "pin=28 is not within 4 to 27"),
        ({"temperature": "81"}, "temperature=81 is not within 30 to 80 °C"),
        ({"pin": "x"}, "pin=x is not a whole number"),
        ({"pin": "1.5"}, "pin=1.5 is not a whole number"),
        ({"active": "up"}, "active=up is not one of high, low"),
        ({"gpiopin": "4"}, "has no parameter 'gpiopin'"),
    ],
)
def test_wrong_parameters_are_refused(parameters: Mapping[str, str], fault: str) -> None:
    """The message names the overlay, the parameter, the value and what is allowed."""
    with pytest.raises(InputError, match=fault):
        resolve(OverlayChoice("gpio-fan", parameters), "bcm2711")


def test_numbers_have_one_spelling() -> None:
    """The same choice gives the same record, however it was written."""
    ways = [resolve(OverlayChoice("gpio-fan", {"pin": text}), "bcm2711") for text in ("16", "0x10")]
    assert ways[0] == ways[1]
    assert ways[0].sha256 == ways[1].sha256


def test_parameters_change_the_hash() -> None:
    """What is recorded stands for what was merged."""
    texts = ("gpio-fan", "gpio-fan,pin=4")
    assert len({resolve(parse_choice(text), "bcm2711").sha256 for text in texts}) == 2


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        (("disable-bt", "disable-bt"), "disable-bt is chosen twice"),
        (("uart,port=3", "uart"), "twice with the same parameters"),
        (("gpio-fan", "disable-bt", "pwm-fan"), "gpio-fan and pwm-fan exclude each other"),
    ],
)
def test_overlays_that_exclude_each_other_are_refused(texts: tuple[str, ...], fault: str) -> None:
    """So are two of the same."""
    with pytest.raises(InputError, match=fault):
        resolve_all([parse_choice(text) for text in texts], "bcm2711")


def test_one_overlay_may_be_there_for_several_ports() -> None:
    """Where it says so itself."""
    found = resolve_all([parse_choice("uart,port=3"), parse_choice("uart,port=5")], "bcm2711")
    assert [each.parameters["port"] for each in found] == ["3", "5"]


def test_the_console_moves_with_the_overlay() -> None:
    """Without one that moves it, it stays the board's."""
    assert console_of(resolve_all([parse_choice("disable-wifi")], "bcm2711")) is None
    console = console_of(resolve_all([parse_choice("disable-bt")], "bcm2711"))
    assert console is not None
    assert (console.device, console.baud) == ("ttyAMA0", 115200)


def test_a_users_source_may_have_parameters(tmp_path: Path) -> None:
    """The same comment works in any file."""
    (tmp_path / "mine.dts").write_text(MINE)
    found = resolve(parse_choice(f"{tmp_path}/mine.dts,pin=9"), "anything")
    assert b"mine = <90>;" in found.content
    assert (found.name, found.soc) == ("mine.dts", "")


def test_a_gap_without_a_parameter_is_refused(tmp_path: Path) -> None:
    """A forgotten description is told at once and not by the compiler."""
    (tmp_path / "mine.dts").write_text(MINE.replace("${pin}", "${pim}"))
    with pytest.raises(ConfigError, match="a gap that no parameter fills: 'pim'"):
        resolve(parse_choice(f"{tmp_path}/mine.dts"), "anything")


def test_files_that_cannot_be_overlays_are_refused(tmp_path: Path) -> None:
    """Another ending, a file that is not there, parameters for a compiled one."""
    (tmp_path / "mine.dtbo").write_bytes(b"\xd0\x0d\xfe\xed")
    for text, fault in (
        (f"{tmp_path}/mine.txt", "neither a .dts nor a .dtbo"),
        (f"{tmp_path}/none.dts", "No such file"),
        (f"{tmp_path}/mine.dtbo,pin=4", "takes no parameters"),
    ):
        with pytest.raises(InputError, match=fault):
            resolve(parse_choice(text), "bcm2711")
    assert resolve(parse_choice(f"{tmp_path}/mine.dtbo"), "bcm2711").compiled
