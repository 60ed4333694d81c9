# SPDX-License-Identifier: Apache-2.0
"""What the image says of itself: /etc/edge/image.json, written when it was built."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IMAGE_FILE = Path("/etc/edge/image.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """Version, board and build time (Unix seconds) of the running image."""

    version: str
    board: str
    arch: str
    build_time: float
    modules: tuple[str, ...] = ()
    extensions: tuple[Mapping[str, Any], ...] = ()
    """What the image holds beyond the system: name, version, author, description of each."""


def read_image(path: Path = IMAGE_FILE) -> ImageInfo:
    """Return the description of the running image.

    Raises:
        OSError: when the file is missing.
        ValueError: when it is not what the image builder writes.
    """
    fields = json.loads(path.read_text())
    return ImageInfo(
        version=str(fields["version"]),
        board=str(fields["board"]),
        arch=str(fields["arch"]),
        build_time=float(fields["build_time"]),
        modules=tuple(fields.get("modules", ())),
        extensions=tuple(fields.get("extensions", ())),
    )
