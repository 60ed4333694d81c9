# SPDX-License-Identifier: Apache-2.0
"""What an image says of itself: beside the file, and on the node."""

from dataclasses import asdict, dataclass

from edge import __version__
from edge.units import MIB
from flasher.extension.compose import Composition, schematic_record
from flasher.image.design import Design
from flasher.image.inputs import Inputs
from flasher.image.tree import Trees

SLOT_GOAL_BYTES = 80 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What was built; `slot_bytes` is the size of one slot's boot assets."""

    board: str
    arch: str
    version: str
    image: str
    size_bytes: int
    sha256: str
    build_time: int
    kernel_version: str
    kernel_bytes: int
    initramfs_bytes: int
    root_bytes: int
    slot_bytes: int
    slot_goal_bytes: int
    packages: dict[str, str]
    overlays: list[str]
    extensions: list[str]
    arguments: list[str]
    schematic: str

    @property
    def within_goal(self) -> bool:
        """Whether one slot's boot assets are as small as they should be."""
        return self.slot_bytes <= self.slot_goal_bytes


def describe(
    design: Design, inputs: Inputs, trees: Trees, extras: Composition
) -> dict[str, object]:
    """Return what the image says of itself on the node."""
    profile, schematic = design.profile, design.wishes.schematic_id
    drivers = (name for overlay in design.overlays for name in overlay.preload)
    return {
        "version": __version__,
        "board": profile.name,
        "arch": profile.arch,
        "build_time": inputs.build_time,
        "kernel": inputs.kernel.version,
        "modules": list(dict.fromkeys((*profile.kernel.preload, *drivers, *extras.preload))),
        "console": design.console.device,
        "packages": {**inputs.packages, **extras.packages},
        "extensions": [*extras.records, *([schematic_record(schematic)] if schematic else [])],
        "device_trees": [asdict(record) for record in trees.records],
        "tree_hashes": trees.hashes,
    }
