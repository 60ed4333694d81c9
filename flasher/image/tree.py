# SPDX-License-Identifier: Apache-2.0
"""The device trees of an image, overlays merged in, by their names on the EFI partition."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from flasher.devicetree.merge import merge
from flasher.devicetree.record import OverlayRecord
from flasher.image.design import Design
from flasher.image.inputs import Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """Finished trees by their names on the EFI partition, and what was done to each source."""

    files: dict[str, Path]
    records: tuple[OverlayRecord, ...]

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each tree, overlays merged in or not, by its name."""
        return {name: sha256(path.read_bytes()).hexdigest() for name, path in self.files.items()}


def make_trees(design: Design, inputs: Inputs, work: Path) -> Trees:
    """Merge the overlays of `design` into every device tree of the board.

    Raises:
        ImageError: when a tree is missing or an overlay does not fit it.
    """
    files: dict[str, Path] = {}
    records = []
    for number, (source, targets) in enumerate(_sources(design, inputs)):
        place = work / f"tree-{number}"
        place.mkdir()
        if design.overlays:
            records.append(merge(source, design.overlays, place / source.name, place))
            source = place / source.name  # noqa: PLW2901 -- the merged one from here on
        files |= dict.fromkeys(targets, source)
    return Trees(files=files, records=tuple(records))


def _sources(design: Design, inputs: Inputs) -> Iterator[tuple[Path, tuple[str, ...]]]:
    for each in design.profile.device_trees:
        yield inputs.kernel.device_tree(each.path), each.targets
    for piece in design.profile.pieces:
        if piece.form == "device-tree" and piece.name in inputs.pieces:
            yield inputs.pieces[piece.name], piece.targets
