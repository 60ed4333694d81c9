# SPDX-License-Identifier: Apache-2.0
"""Overlays tried on device trees, every result told."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.errors import ImageError
from flasher.devicetree.lint import schema_faults
from flasher.devicetree.merge import merge
from overlays.resolve import ResolvedOverlay


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came of one tree; `schema` is None where dtschema is not installed."""

    tree: str
    result: Literal["fits", "left out", "does not fit"]
    detail: str = ""
    warnings: tuple[str, ...] = ()
    schema: tuple[str, ...] | None = None
    error: ImageError | None = None


def check_overlays(
    trees: Sequence[Path],
    overlays: Sequence[ResolvedOverlay],
    work: Path,
    *,
    bindings: Path | None = None,
) -> list[Finding]:
    """Return what merging the overlays into each of the trees comes to.

    `bindings` is a kernel source's folder of schemas, for dtschema.

    Raises:
        BoardError: when two of the overlays exclude each other.
        ToolError: when a program that this needs is missing.
    """
    return [_check(tree, overlays, work, bindings) for tree in trees]


def _check(
    tree: Path, overlays: Sequence[ResolvedOverlay], work: Path, bindings: Path | None
) -> Finding:
    merged = work / f"checked-{tree.name}"
    try:
        record = merge(tree, overlays, merged, work)
    except ImageError as error:
        return Finding(tree=tree.name, result="does not fit", detail=error.message, error=error)
    left_out = record.skipped and not record.overlays
    return Finding(
        tree=tree.name,
        result="left out" if left_out else "fits",
        detail="this board lacks the hardware" if left_out else "",
        warnings=record.warnings,
        schema=schema_faults(tree, merged, bindings),
    )
