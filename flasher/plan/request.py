# SPDX-License-Identifier: Apache-2.0
"""What shall be written where, as it was asked for and as it was found safe."""

from dataclasses import dataclass, field
from pathlib import Path

from flasher.card import CardSpec
from flasher.device import Device
from flasher.source import Image
from flasher.table import Table

LARGEST_CARD_BYTES = 260 * 10**9
"""Cards are sold up to "256 GB"; what is larger is more likely somebody's disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashOptions:
    """What the operator said about the target, beyond its path."""

    size_bytes: int | None = None
    """How large a regular file shall be."""
    allow_fixed: bool = False
    """Write disks that are not removable."""
    allow_large: bool = False
    """Write disks larger than `largest_bytes`."""
    any_port: bool = False
    """Write disks in ports that the configuration does not list."""
    largest_bytes: int = LARGEST_CARD_BYTES
    smallest_bytes: int = 0
    """What the board needs besides the image, for its state and its data."""
    grow_last: bool = False
    """Have the image's last partition reach to the end of the medium, in the table alone."""
    save_labels: tuple[str, ...] = ()
    """Which partitions stay as they are: patterns of labels, also several with commas."""
    probe: bool = True
    """Find out, before the image is written, whether the card is as large as it says."""
    eject: bool = True
    """Have the card given out when it is finished."""
    resume: bool = False
    """Go on where an interrupted run left the card."""
    enrolment: bool = True
    """Have the node take its first configuration only from whoever flashed its card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashRequest:
    """What shall be written, and how freely."""

    image: Image
    options: FlashOptions = FlashOptions()
    image_disks: frozenset[Path] = frozenset()
    """The whole disks that the image itself lies on."""
    board: str = ""
    version: str = ""
    card: CardSpec | None = None
    """What is wanted of this card beyond the image."""
    meta: dict[int, bytes] = field(default_factory=dict)
    """Values to put into META besides key and enrolment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashPlan:
    """A write that was found safe: exactly this image to exactly this disk."""

    device: Device
    request: FlashRequest
    size_bytes: int
    """The size of the medium; for a regular file, what it will be."""
    oddities: tuple[str, ...]
    """What is unusual about the target, and worth a second look."""
    saved: Table | None = None
    """The target's present table with nothing but the partitions that stay."""
