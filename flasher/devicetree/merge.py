# SPDX-License-Identifier: Apache-2.0
"""Overlays merged into a device tree by libfdt, one after the other, each step checked."""

import os
import re
import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from edge.errors import ImageError, InputError, ToolError
from flasher.devicetree.fit import require_fit
from flasher.devicetree.lint import new_warnings, require_sound
from flasher.devicetree.outcome import require_outcome
from flasher.devicetree.overlay import CompiledOverlay
from flasher.devicetree.pins import require_free_pins
from flasher.devicetree.record import MergedOverlay, OverlayRecord
from flasher.devicetree.tree import Tree, load_tree
from flasher.tool import require_tools, run_tool
from overlays.resolve import ResolvedOverlay, check_together

TOOLS = ("dtc", "fdtoverlay")
_TAKES_FILES = re.compile(rb"(/incbin/|/include/)")


def merge(
    tree: Path, overlays: Sequence[ResolvedOverlay], output: Path, work: Path
) -> OverlayRecord:
    """Write `tree` with `overlays` merged in, in order, to `output`, and tell what was done.

    The output appears when it is whole and checked; `work` is a directory for what comes between.

    Raises:
        BoardError: when two of the overlays exclude each other.
        ImageError: when one does not compile, does not fit, or the result is not sound.
        ToolError: when a program that this needs is missing.
    """
    require_tools(TOOLS)
    check_together(overlays)
    compatible = load_tree(tree).compatible
    fitting = [overlay for overlay in overlays if overlay.is_for(compatible)]
    result = tree
    for number, overlay in enumerate(fitting):
        step = work / f"{number}-{tree.name}"
        _merge_one(result, overlay, step, work, name=tree.name)
        result = step
    warnings = new_warnings(tree, result) if fitting else ()
    require_sound(tree.name, warnings)
    require_free_pins(load_tree(tree), Tree(tree.name, load_tree(result).root))
    _place(result, output)
    return OverlayRecord(
        tree=tree.name,
        base_sha256=_hash(tree),
        overlays=tuple(_merged(overlay) for overlay in fitting),
        sha256=_hash(output),
        skipped=tuple(overlay.name for overlay in overlays if overlay not in fitting),
        warnings=warnings,
    )


def compile_overlay(overlay: ResolvedOverlay, work: Path) -> Path:
    """Return the compiled overlay, made below `work`.

    Raises:
        ImageError: when its source has a fault; the message has the line.
        ToolError: when there is no compiler.
    """
    require_tools(["dtc"])
    stem = overlay.name.removesuffix(".dtbo").removesuffix(".dts")
    compiled = work / f"{stem}.dtbo"
    if overlay.compiled:
        compiled.write_bytes(overlay.content)
        return compiled
    if found := _TAKES_FILES.search(overlay.content):
        word = found[1].decode()
        raise ImageError(
            f"overlay {overlay.name} takes in another file by {word}",
            hint="write out what it needs: the hash of an overlay is that of its own text",
        )
    source = work / f"{stem}.dts"
    source.write_bytes(overlay.content)
    options = ("-@", "-q", "-I", "dts", "-O", "dtb", "-o")
    try:
        run_tool("dtc", *options, compiled, source, prefer=r"^(Error:|ERROR)")
    except ToolError as error:
        fault = error.message.removeprefix("dtc failed: ").replace(f"{source}:", "line ")
        hint = "it is compiled without the C preprocessor: no #include, no names for numbers"
        raise ImageError(
            f"overlay {overlay.name} does not compile: {fault}",
            hint=hint if b"\n#include" in overlay.content else None,
        ) from error
    return compiled


def _merge_one(
    before: Path, overlay: ResolvedOverlay, after: Path, work: Path, *, name: str
) -> None:
    compiled = compile_overlay(overlay, work)
    base = Tree(name, load_tree(before).root)
    read = CompiledOverlay(Tree(overlay.name, load_tree(compiled).root))
    require_fit(read, base)
    try:
        run_tool("fdtoverlay", "-i", before, "-o", after, compiled)
    except ToolError as error:
        raise ImageError(f"cannot merge {overlay.name} into {name}: {error.message}") from error
    require_outcome(read, base, Tree(name, load_tree(after).root))


def _place(result: Path, output: Path) -> None:
    if output.exists() and not output.is_file():
        raise InputError(f"{output} is not a regular file")
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        shutil.copyfile(result, partial)
        partial.replace(output)
    except OSError as error:
        raise ImageError(f"cannot write {output}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _merged(overlay: ResolvedOverlay) -> MergedOverlay:
    return MergedOverlay(
        name=overlay.name, sha256=overlay.sha256, parameters=dict(overlay.parameters)
    )


def _hash(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
