# SPDX-License-Identifier: Apache-2.0
"""What was merged into which device tree: the record that an image's description keeps."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedOverlay:
    """One overlay as it was merged: the hash covers its source with the parameters filled in."""

    name: str
    sha256: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayRecord:
    """A device tree of the kernel, the overlays merged into it in order, and the result."""

    tree: str
    base_sha256: str
    overlays: tuple[MergedOverlay, ...]
    sha256: str
    skipped: tuple[str, ...] = ()
    """Overlays that were chosen and left out: this board lacks the hardware."""
    warnings: tuple[str, ...] = ()
    """What the compiler says of the result that it does not say of the base."""
