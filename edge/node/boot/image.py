# SPDX-License-Identifier: Apache-2.0
"""What the image says of itself: /etc/edge/image.json, written when it was built.

PID 1 reads it, too: dataclasses and typing would take as long to load as all else it needs.
"""

import json
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

IMAGE_FILE = Path("/etc/edge/image.json")


class ImageInfo:
    """Version, board and build time (Unix seconds) of the running image.

    `modules` are loaded by name at boot. `extensions` tell what the image holds beyond the
    system: name, version, author, description of each.
    """

    __slots__ = ("arch", "board", "build_time", "extensions", "modules", "version")

    def __init__(
        self,
        *,
        version: str,
        board: str,
        arch: str,
        build_time: float,
        modules: tuple[str, ...] = (),
        extensions: "tuple[Mapping[str, Any], ...]" = (),
    ) -> None:
        self.version = version
        self.board = board
        self.arch = arch
        self.build_time = build_time
        self.modules = modules
        self.extensions = extensions


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
