# SPDX-License-Identifier: Apache-2.0
"""Overlays that do not fit are refused by what they lack."""

from pathlib import Path

import pytest

from edge.errors import ImageError
from flasher.devicetree.merge import merge
from tests.unit.devicetree.conftest import BASE, HEAD, Compile, Mine

RASPBERRY = HEAD.replace("brcm,bcm2711", "brcm,bcm2835")


def test_another_family_is_refused(base: Path, mine: Mine, tmp_path: Path) -> None:
    """Although its label is there as well."""
    overlay = mine('&uart0 { status = "okay"; };', head=HEAD.replace("bcm2711", "bcm2712"))
    with pytest.raises(ImageError, match=r"it is for brcm,bcm2712, the tree is brcm,bcm2711"):
        merge(base, [overlay], tmp_path / "out.dtb", tmp_path)
    assert not (tmp_path / "out.dtb").exists()


def test_missing_labels_are_named(base: Path, mine: Mine, tmp_path: Path) -> None:
    """Every one of them, sorted; those that are there are not."""
    overlay = mine('&spi7 { status = "okay"; }; &uart0 { x = <&clk_x &uart_pins>; };')
    with pytest.raises(ImageError, match=r"no label clk_x, spi7$") as caught:
        merge(base, [overlay], tmp_path / "out.dtb", tmp_path)
    assert caught.value.hint == "labels of a tree: fdtget -p TREE.dtb /__symbols__"


def test_an_overlay_for_raspberrys_own_kernel_is_recognised(
    base: Path, mine: Mine, tmp_path: Path
) -> None:
    """Its family stands for all of their boards; its labels give it away."""
    body = '&i2c_arm { status = "okay"; }; &uart0 { pinctrl-0 = <&uart0_pins>; };'
    with pytest.raises(ImageError, match=r"no label i2c_arm, uart0_pins$") as caught:
        merge(base, [mine(body, head=RASPBERRY)], tmp_path / "out.dtb", tmp_path)
    assert caught.value.hint is not None
    assert "Raspberry Pi's own kernel" in caught.value.hint


def test_one_that_needs_no_such_label_merges(base: Path, mine: Mine, tmp_path: Path) -> None:
    """Some of theirs fit the mainline kernel."""
    overlay = mine('&i2c1 { status = "okay"; };', head=RASPBERRY)
    record = merge(base, [overlay], tmp_path / "out.dtb", tmp_path)
    assert [each.name for each in record.overlays] == ["mine.dts"]


def test_a_tree_without_labels_is_told_by_name(
    compiled: Compile, mine: Mine, tmp_path: Path
) -> None:
    """The hint says what such a kernel can take."""
    tree = compiled(BASE, "bare.dtb", labels=False)
    with pytest.raises(ImageError, match=r"bare.dtb: the tree has no labels at all.* uart0") as bad:
        merge(tree, [mine('&uart0 { status = "okay"; };')], tmp_path / "out.dtb", tmp_path)
    assert bad.value.hint is not None
    assert "__symbols__" in bad.value.hint


def test_a_tree_without_labels_takes_paths(compiled: Compile, mine: Mine, tmp_path: Path) -> None:
    """An overlay that names nodes by path needs no labels."""
    tree = compiled(BASE, "bare.dtb", labels=False)
    overlay = mine('&{/bus@1000/i2c@1300} { status = "okay"; };')
    assert merge(tree, [overlay], tmp_path / "out.dtb", tmp_path).overlays


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('&{/bus@1000/spi@1400} { status = "okay"; };', r"no node /bus@1000/spi@1400"),
        ("&uart0 { status = <1>; };", "status of .*serial@1200 is text in the tree and numbers in"),
        ('&uart0 { reg = "here"; };', "reg of .*serial@1200 is numbers in the tree and text in"),
        ("", "it changes nothing"),
    ],
)
def test_what_makes_no_sense_is_refused(
    base: Path, mine: Mine, tmp_path: Path, body: str, fault: str
) -> None:
    """Nodes that are not there, values of another kind, nothing to do."""
    with pytest.raises(ImageError, match=fault):
        merge(base, [mine(body)], tmp_path / "out.dtb", tmp_path)


def test_a_source_that_does_not_compile_is_told_with_its_line(
    base: Path, mine: Mine, tmp_path: Path
) -> None:
    """The place is that in the user's file."""
    with pytest.raises(
        ImageError, match=r"mine.dts does not compile: .*line 4\.\d+.* syntax error"
    ):
        merge(base, [mine("&uart0 { status = ; };")], tmp_path / "out.dtb", tmp_path)


def test_a_source_for_the_preprocessor_is_explained(base: Path, mine: Mine, tmp_path: Path) -> None:
    """Headers of the kernel are not there."""
    overlay = mine("#include <dt-bindings/gpio/gpio.h>\n&uart0 { x; };")
    with pytest.raises(ImageError) as caught:
        merge(base, [overlay], tmp_path / "out.dtb", tmp_path)
    assert caught.value.hint is not None
    assert "preprocessor" in caught.value.hint
