# SPDX-License-Identifier: Apache-2.0
"""Overlays merged into a device tree, and what is recorded of it."""

import subprocess
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from edge.errors import ImageError, InputError
from flasher.devicetree.merge import compile_overlay, merge
from flasher.devicetree.outcome import require_outcome
from flasher.devicetree.overlay import CompiledOverlay
from flasher.devicetree.tree import load_tree, strings
from overlays.choice import OverlayChoice
from overlays.resolve import resolve
from tests.unit.devicetree.conftest import Mine

CLOCK = """\
&i2c1 {
    status = "okay";
    clock: rtc@68 { compatible = "maxim,ds3231"; reg = <0x68>; };
};
&{/chosen} { clock = <&clock>; };
&{/} { fan { gpios = <&gpio 7 0>; parent = <&clock>; }; };
"""


def test_the_result_holds_what_the_overlay_says(base: Path, mine: Mine, tmp_path: Path) -> None:
    """References lead to the node that the overlay brought along."""
    merge(base, [mine(CLOCK)], tmp_path / "out.dtb", tmp_path)
    tree = load_tree(tmp_path / "out.dtb")
    clock, chosen, fan = tree.node("/bus/i2c/rtc"), tree.node("/chosen"), tree.node("/fan")
    assert clock
    assert chosen
    assert fan
    assert strings(clock.properties["compatible"]) == ("maxim,ds3231",)
    handle = tree.handles["/bus@1000/i2c@1300/rtc@68"].to_bytes(4)
    assert chosen.properties["clock"] == fan.properties["parent"] == handle
    assert fan.properties["gpios"][:4] == tree.handles["/bus@1000/gpio@1100"].to_bytes(4)


def test_another_merger_makes_the_same_tree(base: Path, mine: Mine, tmp_path: Path) -> None:
    """Our way through several steps ends where one call of the tool ends."""
    overlays = [mine(CLOCK), mine('&uart0 { status = "disabled"; };', name="two.dts")]
    merge(base, overlays, tmp_path / "out.dtb", tmp_path)
    files = [compile_overlay(each, tmp_path) for each in overlays]
    command = ["fdtoverlay", "-i", base, "-o", tmp_path / "other.dtb", *files]
    subprocess.run([str(word) for word in command], check=True)
    assert _sorted(tmp_path / "out.dtb") == _sorted(tmp_path / "other.dtb")


def test_the_record_has_hashes_and_parameters(base: Path, mine: Mine, tmp_path: Path) -> None:
    """Enough to tell later what is in an image, and from what it came."""
    overlay = mine("&{/} { thing; };")
    record = merge(base, [overlay], tmp_path / "out.dtb", tmp_path)
    assert record.tree == "base.dtb"
    assert record.base_sha256 == sha256(base.read_bytes()).hexdigest()
    assert record.sha256 == sha256((tmp_path / "out.dtb").read_bytes()).hexdigest()
    assert record.overlays[0].sha256 == overlay.sha256
    assert record.warnings == record.skipped == ()


def test_the_same_inputs_give_the_same_bytes(base: Path, mine: Mine, tmp_path: Path) -> None:
    """Places and times leave no trace."""
    (tmp_path / "elsewhere").mkdir()
    records = [
        merge(base, [mine(CLOCK)], place / "out.dtb", place)
        for place in (tmp_path, tmp_path / "elsewhere")
    ]
    assert records[0] == records[1]


def test_without_overlays_the_tree_is_copied(base: Path, tmp_path: Path) -> None:
    """Byte by byte."""
    merge(base, [], tmp_path / "out.dtb", tmp_path)
    assert (tmp_path / "out.dtb").read_bytes() == base.read_bytes()


def test_a_later_overlay_builds_on_an_earlier_one(base: Path, mine: Mine, tmp_path: Path) -> None:
    """Its labels count as the tree's."""
    overlays = [mine(CLOCK), mine("&clock { wakeup-source; };", name="two.dts")]
    merge(base, overlays, tmp_path / "out.dtb", tmp_path)
    node = load_tree(tmp_path / "out.dtb").node("/bus/i2c/rtc")
    assert node
    assert "wakeup-source" in node.properties


def test_a_compiled_overlay_is_taken_as_it_is(base: Path, mine: Mine, tmp_path: Path) -> None:
    """The record has the hash of the file."""
    compiled = compile_overlay(mine(CLOCK), tmp_path)
    given = compiled.rename(tmp_path / "given.dtbo")
    record = merge(base, [resolve(OverlayChoice(str(given)), "")], tmp_path / "out.dtb", tmp_path)
    assert record.overlays[0].sha256 == sha256(given.read_bytes()).hexdigest()


def test_a_board_without_the_hardware_is_left_alone(base: Path, mine: Mine, tmp_path: Path) -> None:
    """The record says so."""
    overlay = mine(CLOCK)
    absent = overlay.description.model_copy(update={"absent_on": ("maker,board",)})
    record = merge(base, [replace(overlay, description=absent)], tmp_path / "out.dtb", tmp_path)
    assert (record.overlays, record.skipped) == ((), ("mine.dts",))
    assert (tmp_path / "out.dtb").read_bytes() == base.read_bytes()


def test_overlays_that_exclude_each_other_stay_out(base: Path, mine: Mine, tmp_path: Path) -> None:
    """Nothing is written."""
    with pytest.raises(InputError, match="twice"):
        merge(base, [mine(CLOCK), mine(CLOCK)], tmp_path / "out.dtb", tmp_path)
    assert not (tmp_path / "out.dtb").exists()


def test_two_devices_cannot_have_one_pin(base: Path, mine: Mine, tmp_path: Path) -> None:
    """Neither by two groups, nor by a group and a line."""
    for body in (
        '&i2c1 { status = "okay"; pinctrl-0 = <&uart_pins>; };',
        "&{/} { fan { gpios = <&gpio 14 0>; }; };",
        "&{/} { fan { x-gpios = <&gpio 4 0>, <&gpio 15 1>; }; };",
    ):
        with pytest.raises(ImageError, match=r"serial@1200.* both take pin gpio1[45]"):
            merge(base, [mine(body)], tmp_path / "out.dtb", tmp_path)


def test_a_disabled_device_gives_its_pins_back(base: Path, mine: Mine, tmp_path: Path) -> None:
    """So does one below a disabled one."""
    body = '&uart0 { status = "disabled"; }; &{/} { fan { gpios = <&gpio 14 0>; }; };'
    assert merge(base, [mine(body)], tmp_path / "out.dtb", tmp_path).overlays


def test_a_broken_result_is_refused(base: Path, mine: Mine, tmp_path: Path) -> None:
    """What would make a driver read nonsense is an error; an odd name is told."""
    with pytest.raises(ImageError, match=r"leave base\.dtb broken: reg_format"):
        merge(base, [mine("&uart0 { reg = <1>; };")], tmp_path / "out.dtb", tmp_path)
    odd = mine('&i2c1 { rtc@68 { compatible = "a,b"; reg = <0x69>; }; };')
    record = merge(base, [odd], tmp_path / "out.dtb", tmp_path)
    assert [text.split(":")[0] for text in record.warnings] == ["i2c_bus_reg"]


def test_a_merge_that_loses_something_is_noticed(base: Path, mine: Mine, tmp_path: Path) -> None:
    """Whatever the tool says of itself, the result is compared with the promise."""
    overlay = mine(CLOCK)
    merge(base, [overlay], tmp_path / "out.dtb", tmp_path)
    compiled = CompiledOverlay(load_tree(compile_overlay(overlay, tmp_path)))
    before = load_tree(base)
    require_outcome(compiled, before, load_tree(tmp_path / "out.dtb"))
    for options, words, fault in (
        (("-r",), ("/bus@1000/i2c@1300/rtc@68",), "there is no .*rtc@68"),
        (("-t", "s"), ("/bus@1000/i2c@1300", "status", "off"), "status of .*i2c@1300"),
        (("-t", "x"), ("/chosen", "clock", "1"), "clock of /chosen"),
        (("-t", "x"), ("/bus@1000/gpio@1100/uart-pins", "phandle", "63"), "handle of .*uart-pins"),
    ):
        broken = tmp_path / "broken.dtb"
        broken.write_bytes((tmp_path / "out.dtb").read_bytes())
        subprocess.run(["fdtput", *options, str(broken), *words], check=True)
        with pytest.raises(ImageError, match=fault):
            require_outcome(compiled, before, load_tree(broken))


def test_the_output_is_whole_or_as_it_was(base: Path, mine: Mine, tmp_path: Path) -> None:
    """A refused overlay leaves an earlier result in place, and no half file beside it."""
    output = tmp_path / "results/out.dtb"
    merge(base, [mine(CLOCK)], output, tmp_path)
    first = output.read_bytes()
    with pytest.raises(ImageError):
        merge(base, [mine("&none { x; };")], output, tmp_path)
    assert output.read_bytes() == first
    assert list(output.parent.iterdir()) == [output]


def test_a_device_is_no_output(base: Path, mine: Mine, tmp_path: Path) -> None:
    """As root a rename would put a file in its place."""
    with pytest.raises(InputError, match="is not a regular file"):
        merge(base, [mine(CLOCK)], tmp_path, tmp_path)


def _sorted(tree: Path) -> str:
    command = ["dtc", "-q", "-s", "-I", "dtb", "-O", "dts", str(tree)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("line", ['/include/ "x.dtsi"', '&{/} { a = /incbin/("/etc/hostname"); };'])
def test_a_source_takes_in_no_other_file(mine: Mine, tmp_path: Path, line: str) -> None:
    """What is recorded of it is the hash of its own text; nothing of the host goes in."""
    with pytest.raises(ImageError, match="takes in another file by /inc"):
        compile_overlay(mine(line), tmp_path)
