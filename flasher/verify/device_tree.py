# SPDX-License-Identifier: Apache-2.0
"""Checks of device trees: sound, for the right board under each name, with what was promised."""

import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edge.errors import BoardError, ImageError
from flasher.devicetree.fit import require_fit
from flasher.devicetree.merge import compile_overlay
from flasher.devicetree.outcome import require_outcome
from flasher.devicetree.overlay import CompiledOverlay
from flasher.devicetree.tree import Node, Tree, load_tree, parse_tree, strings
from flasher.tool import find_tool
from flasher.verify.chain import TreeName, chain_of
from flasher.verify.check import (
    Check,
    Outcome,
    failed,
    judge,
    not_applicable,
    not_checked,
    ok,
    warning,
)
from flasher.verify.subject import Subject
from overlays.choice import OverlayChoice, parse_choice
from overlays.resolve import resolve

_NONE = "this image brings no device trees: the firmware hands over its own"
_CHECK_S = 30.0


def _check_sound(subject: Subject) -> Outcome:
    names = tree_names(subject)
    if not names:
        return not_applicable(_NONE)
    program = find_tool("dtc")
    if program is None:
        return not_checked("dtc")
    faults = []
    for name in names:
        content = subject.efi.read(name)
        done = subprocess.run(
            (program, "-q", "-I", "dtb", "-O", "null"),
            input=content,
            capture_output=True,
            timeout=_CHECK_S,
            check=False,
        )
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip().splitlines()
            faults.append(f"{name}: {told[-1] if told else 'dtc refuses it'}")
    return judge(faults, f"dtc reads all {len(names)}")


def _check_compatible(subject: Subject) -> Outcome:
    names, chain = tree_names(subject), chain_of(subject.profile.soc)
    if not names:
        return not_applicable(_NONE)
    trees = {name: read_tree(subject, name) for name in names}
    faults = [
        f"{name} is for {', '.join(tree.compatible) or 'nothing'}, not {chain.compatible}"
        for name, tree in trees.items()
        if chain.compatible and chain.compatible not in tree.compatible
    ]
    known = {text for tree in trees.values() for text in tree.compatible}
    wanted = subject.profile.match.compatible
    if wanted and not known & set(wanted):
        faults.append(f"no tree is compatible with {' or '.join(wanted)}, as the profile says")
    return judge(faults, f"{len(names)} trees of {chain.compatible or subject.profile.soc}")


def _check_names(subject: Subject) -> Outcome:
    trees = [
        (path, each)
        for each in chain_of(subject.profile.soc).trees
        for path in subject.tree_paths(each.path)
        if subject.efi.has(path)
    ]
    if not trees:
        return not_applicable("firmware of this family asks for no tree by name")
    faults = [fault for path, each in trees for fault in _wrong_tree(subject, path, each)]
    return judge(faults, f"{', '.join(path for path, _ in trees)} are what their names say")


def _check_recorded(subject: Subject) -> Outcome:
    names, recorded = tree_names(subject), subject.identity.get("tree_hashes")
    if recorded is None:
        return not_applicable("this image was built before trees were recorded")
    if not names and not recorded:
        return not_applicable(_NONE)
    wanted = {path: told for name, told in recorded.items() for path in subject.tree_paths(name)}
    faults = [f"{path} is missing" for path in wanted if path not in names]
    for name in names:
        if name not in wanted:
            faults.append(f"{name} is on the image and was not recorded")
        elif sha256(subject.efi.read(name)).hexdigest() != wanted[name]:
            faults.append(f"{name} is not the tree that was recorded")
    return judge(faults, f"{len(names)} trees are those that were recorded, byte for byte")


def _check_console(subject: Subject) -> Outcome:
    names = tree_names(subject)
    if not names:
        return not_applicable(_NONE)
    faults, silent = [], []
    for name in names:
        tree = read_tree(subject, name)
        path = _stdout(tree)
        node = tree.node(path) if path else None
        if not path:
            silent.append(name)
        elif node is None:
            faults.append(f"{name}: its console is {path}, which is no node")
        elif _text(node, "status") not in {"", "okay", "ok"}:
            faults.append(f"{name}: its console {path} is switched off")
    if silent and not faults:
        return warning(f"no stdout-path in {', '.join(silent)}: early messages go nowhere")
    return judge(faults, f"stdout-path leads to a port that is switched on in {len(names)} trees")


def _check_symbols(subject: Subject) -> Outcome:
    names = tree_names(subject)
    if not names:
        return not_applicable(_NONE)
    bare = [name for name in names if not read_tree(subject, name).labels]
    if bare and any(record["overlays"] for record in _records(subject)):
        return failed(f"no labels in {', '.join(bare)}, and overlays were merged by them")
    if bare:
        return warning(f"no labels in {', '.join(bare)}: overlays can be merged only by path")
    return ok(f"all {len(names)} trees name their labels")


def _check_overlays(subject: Subject) -> Outcome:
    records = _records(subject)
    wanted = [parse_choice(text).name_or_path for text in subject.profile.overlays]
    merged = [each["name"] for record in records for each in record["overlays"]]
    faults = [
        f"{name} is not merged, which the profile wants" for name in wanted if name not in merged
    ]
    if not merged and not faults:
        return not_applicable("no overlays were merged into this image")
    trees = {sha256(subject.efi.read(name)).hexdigest(): name for name in tree_names(subject)}
    for record in records:
        if record["sha256"] not in trees:
            faults.append(f"no tree on the image is {record['tree']} as it was merged")
        else:
            tree = read_tree(subject, trees[record["sha256"]])
            faults += _unmerged(subject, tree, record["overlays"])
    return judge(faults, f"{', '.join(dict.fromkeys(merged))} in {len(records)} trees")


CHECKS = (
    Check(
        name="tree-format",
        rule="every device tree is one that dtc reads",
        evidence="source",
        run=_check_sound,
    ),
    Check(
        name="tree-compatible",
        rule="every device tree is for a board of this family, and one is for the profile's",
        evidence="package",
        run=_check_compatible,
    ),
    Check(
        name="tree-names",
        rule="the tree under each name is that of the model and stepping that asks for the name",
        evidence="documentation",
        run=_check_names,
    ),
    Check(
        name="tree-bytes",
        rule="every device tree is the one that the builder recorded under its name, to the byte",
        evidence="source",
        run=_check_recorded,
    ),
    Check(
        name="tree-console",
        rule="the tree's stdout-path leads to a serial port that is switched on",
        evidence="package",
        run=_check_console,
    ),
    Check(
        name="tree-symbols",
        rule="trees into which overlays are merged name their labels",
        evidence="package",
        run=_check_symbols,
    ),
    Check(
        name="tree-overlays",
        rule="the trees are those that the overlays were merged into, and say what these say",
        evidence="source",
        run=_check_overlays,
    ),
)


def tree_names(subject: Subject) -> list[str]:
    """Return the device trees on the EFI partition."""
    files = subject.efi.files.values()
    return sorted(each.path for each in files if each.path.endswith(".dtb") and not each.is_folder)


def read_tree(subject: Subject, name: str) -> Tree:
    """Return a device tree of the EFI partition.

    Raises:
        ImageError: when it is damaged.
    """
    return parse_tree(subject.efi.read(name), name=name)


def _wrong_tree(subject: Subject, path: str, each: TreeName) -> Iterator[str]:
    tree = read_tree(subject, path)
    if each.compatible not in tree.compatible:
        yield f"{path} is for {', '.join(tree.compatible[:1]) or 'nothing'}, not {each.compatible}"
    if each.pinctrl and not any(
        each.pinctrl in strings(node.properties.get("compatible", b""))
        for _, node in tree.root.walk()
    ):
        yield f"{path} is for another stepping of the chip: it has no {each.pinctrl}"


def _stdout(tree: Tree) -> str:
    """Return the path of the node that is the console, through an alias where it is one."""
    name = _text(tree.node("/chosen"), "stdout-path").split(":")[0]
    if not name or name.startswith("/"):
        return name
    return _text(tree.node("/aliases"), name)


def _text(node: Node | None, name: str) -> str:
    return next(iter(strings(node.properties.get(name, b""))), "") if node else ""


def _records(subject: Subject) -> list[dict[str, Any]]:
    """Return what the image says was merged into its trees."""
    return list(subject.identity.get("device_trees", ()))


def _unmerged(subject: Subject, tree: Tree, merged: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what overlays of the toolkit say and a tree does not; users' are not here to ask."""
    changed: set[str] = set()
    # From the last on: what a later one changes again, an earlier one cannot be held to.
    for each in reversed(merged):
        choice = OverlayChoice(each["name"], each["parameters"])
        if choice.path is not None:
            continue
        try:
            overlay = _compiled(subject, choice)
            targets = {fragment.target(tree) or "" for fragment in overlay.fragments}
            if not targets & changed:
                require_fit(overlay, tree)
                require_outcome(overlay, tree, tree)
            changed |= targets
        except (ImageError, BoardError) as error:
            yield f"{each['name']}: {error.message}"


def _compiled(subject: Subject, choice: OverlayChoice) -> CompiledOverlay:
    with TemporaryDirectory(dir=subject.work) as folder:
        compiled = compile_overlay(resolve(choice, subject.profile.soc), Path(folder))
        return CompiledOverlay(load_tree(compiled))
