# SPDX-License-Identifier: Apache-2.0
"""Files of an ext4 file system inside an image, taken out by debugfs, which mounts nothing."""

import re
from pathlib import Path

from edge.errors import ImageError
from flasher.tool import run_tool

_LISTED = re.compile(r"/\d+/(?P<mode>[0-7]{6})/\d+/\d+/(?P<name>[^/]+)/(?P<size>\d*)/")
_FOLDER = 0o040000


class ExtVolume:
    """The file system at `start` of `image`, whose path must hold no question mark."""

    def __init__(self, image: Path, start: int) -> None:
        self.device = f"{image}?offset={start}"

    def listing(self, folder: str) -> dict[str, bool]:
        """Return the names in a folder, and whether each is a folder; empty if there is none."""
        lines = run_tool("debugfs", "-R", f'ls -p "/{folder}"', self.device)
        found = {}
        for match in _LISTED.finditer(lines):
            if match["name"] not in {".", ".."}:
                found[match["name"]] = bool(int(match["mode"], 8) & 0o170000 == _FOLDER)
        return found

    def has(self, path: str) -> bool:
        """Tell whether there is a file of this name."""
        folder, _, name = path.rpartition("/")
        return self.listing(folder).get(name) is False

    def extract(self, path: str, target: Path) -> None:
        """Write a file to `target`.

        Raises:
            ImageError: when there is none of this name.
        """
        run_tool("debugfs", "-R", f'dump "/{path}" "{target}"', self.device)
        if not target.exists() or not (target.stat().st_size or self.has(path)):
            target.unlink(missing_ok=True)
            raise ImageError(f"the BOOT partition holds no {path}")
