# SPDX-License-Identifier: Apache-2.0
"""Whether an overlay fits a device tree, told before anything is merged and by its labels."""

from collections.abc import Iterator

from edge.errors import ImageError
from flasher.devicetree.overlay import CompiledOverlay, Fragment
from flasher.devicetree.tree import Node, Tree, is_text

# Raspberry Pi writes this into the overlays for all of its boards.
_ANY_RASPBERRY = "brcm,bcm2835"
_RASPBERRY = ("brcm,bcm2835", "brcm,bcm2836", "brcm,bcm2837", "brcm,bcm2711", "brcm,bcm2712")
# Raspberry Pi's own kernel has these labels, the mainline kernel does not.
_DOWNSTREAM = frozenset(
    {
        *("uart0_pins", "uart1_pins", "bt_pins", "i2c_arm", "i2c_vc", "i2c0_pins", "i2c1_pins"),
        *("i2c_csi_dsi", "spi0", "spi0_pins", "spi0_cs_pins", "spidev0", "spidev1", "mmcnr"),
        *("wifi_pins", "audio", "audio_pins", "gpu", "sound", "act_led", "i2s_clk_producer"),
        *("dma40", "fragment", "rp1_uart0_pins", "cooling_maps", "aux_intc"),
    }
)


def require_fit(overlay: CompiledOverlay, tree: Tree) -> None:
    """Check that an overlay can be merged into a tree and is meant for it.

    Raises:
        ImageError: with everything that stands against it, labels by their names.
    """
    faults = [*_family(overlay, tree), *_labels(overlay, tree), *_targets(overlay, tree)]
    faults = faults or list(_kinds(overlay, tree))
    if faults:
        message = f"overlay {overlay.name} does not fit {tree.name}: {'; '.join(faults)}"
        raise ImageError(message, hint=_hint(overlay, tree))


def missing_labels(overlay: CompiledOverlay, tree: Tree) -> list[str]:
    """Return the labels that the overlay refers to and the tree does not have, sorted."""
    return sorted(set(overlay.references.values()) - tree.labels.keys())


def _family(overlay: CompiledOverlay, tree: Tree) -> Iterator[str]:
    wanted = overlay.tree.compatible
    if not wanted or set(wanted) & set(tree.compatible):
        return
    if _ANY_RASPBERRY in wanted and set(_RASPBERRY) & set(tree.compatible):
        return
    is_for, found = ", ".join(wanted), tree.compatible[-1] if tree.compatible else "not named"
    yield f"it is for {is_for}, the tree is {found}"


def _labels(overlay: CompiledOverlay, tree: Tree) -> Iterator[str]:
    if missing := missing_labels(overlay, tree):
        kind = "no labels at all, so none of" if not tree.labels else "no label"
        yield f"the tree has {kind} {', '.join(missing)}"


def _targets(overlay: CompiledOverlay, tree: Tree) -> Iterator[str]:
    if not overlay.fragments:
        yield "it changes nothing; a source needs /plugin/; below /dts-v1/;"
    for fragment in overlay.fragments:
        if fragment.path and not fragment.target(tree):
            yield f"the tree has no node {fragment.path}"
        if not fragment.path and not fragment.label:
            yield f"{fragment.name} names no node to change"


def _kinds(overlay: CompiledOverlay, tree: Tree) -> Iterator[str]:
    """Yield properties that the overlay turns from text into numbers or the other way."""
    for path, name, value, before in _replaced(overlay, tree):
        if value and before and is_text(value) != is_text(before):
            kinds = ("text", "numbers") if is_text(before) else ("numbers", "text")
            yield f"{name} of {path} is {kinds[0]} in the tree and {kinds[1]} in the overlay"


def _replaced(overlay: CompiledOverlay, tree: Tree) -> Iterator[tuple[str, str, bytes, bytes]]:
    for fragment in overlay.fragments:
        for path, node in _content(fragment, tree):
            there = tree.node(path)
            for name, value in node.properties.items():
                if there and name in there.properties:
                    yield path, name, value, there.properties[name]


def _content(fragment: Fragment, tree: Tree) -> Iterator[tuple[str, Node]]:
    target = fragment.target(tree)
    if target:
        yield from fragment.content.walk(target.rstrip("/"))


def _hint(overlay: CompiledOverlay, tree: Tree) -> str:
    missing = missing_labels(overlay, tree)
    if missing and not tree.labels:
        return (
            "this kernel's tree was compiled without __symbols__; overlays can only name nodes"
            " by target-path, or take a kernel whose tree has labels"
        )
    if _DOWNSTREAM & set(missing):
        return (
            "it was written for Raspberry Pi's own kernel; `edgectl overlays list` shows those for"
            " the mainline kernel, docs/overlays.md tells how to write one"
        )
    if missing:
        return "labels of a tree: fdtget -p TREE.dtb /__symbols__"
    return "`edgectl overlays list --board BOARD` shows those that fit"
