# SPDX-License-Identifier: Apache-2.0
"""What somebody wants of one image beyond its board's profile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flasher.extension.catalog import Extension
from overlays.choice import OverlayChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Choices for one image; nothing of it is needed."""

    overlays: tuple[OverlayChoice, ...] = ()
    """Device-tree overlays besides the profile's own."""
    extensions: tuple[Extension, ...] = ()
    """Packages, drivers, files and container images that are put into the root."""
    arguments: tuple[str, ...] = ()
    """Kernel arguments behind the profile's."""
    pieces: Mapping[str, Path] = field(default_factory=dict)
    """Files and folders that Debian does not have, by the names that the profile gives them."""
    config_txt: str = ""
    """The user's own lines for the Raspberry Pi firmware."""
    grub_cfg: str = ""
    """The user's own commands for GRUB, run before a slot is chosen."""
    meta: Mapping[int, bytes] = field(default_factory=dict)
    """Values of the META partition by key."""
    schematic_id: str = ""
    """The hash of the schematic that these wishes were written in, if they were."""
