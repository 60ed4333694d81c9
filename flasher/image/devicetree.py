# SPDX-License-Identifier: Apache-2.0
"""Device trees of the kernel package with our overlays merged in."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from edge.errors import ImageError, ToolError
from flasher.image.tool import run_tool


def merge_overlays(tree: Path, overlays: Sequence[Path], output: Path, work: Path) -> None:
    """Write `tree` with `overlays` (sources) merged in, in order, to `output`.

    Raises:
        ImageError: when an overlay does not fit the tree.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    if not overlays:
        shutil.copyfile(tree, output)
        return
    compiled = [_compile(overlay, work) for overlay in overlays]
    try:
        run_tool("fdtoverlay", "-i", tree, "-o", output, *compiled)
    except ToolError as error:
        names = ", ".join(overlay.name for overlay in overlays)
        raise ImageError(f"overlays {names} do not fit {tree.name}: {error.message}") from error


def _compile(overlay: Path, work: Path) -> Path:
    compiled = work / f"{overlay.stem}.dtbo"
    run_tool("dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", compiled, overlay)
    return compiled
