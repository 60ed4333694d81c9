# SPDX-License-Identifier: Apache-2.0
"""What an image says of itself: beside the file, and on the node."""

from dataclasses import dataclass

from boards.profile import Profile
from edge import __version__
from edge.units import MIB
from flasher.image.inputs import Inputs
from flasher.image.wishes import Wishes

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

    @property
    def within_goal(self) -> bool:
        """Whether one slot's boot assets are as small as they should be."""
        return self.slot_bytes <= self.slot_goal_bytes


def describe(profile: Profile, wishes: Wishes, inputs: Inputs) -> dict[str, object]:
    """Return what the image says of itself on the node."""
    return {
        "version": __version__,
        "board": profile.name,
        "arch": profile.arch,
        "build_time": inputs.build_time,
        "kernel": inputs.kernel.version,
        "modules": list(profile.kernel.preload),
        "console": profile.console.device,
        "packages": inputs.packages,
        "schematic": wishes.schematic_id,
    }
