# SPDX-License-Identifier: Apache-2.0
"""Keeps built images in the cache, one a board, until the code that makes them changes."""

from pathlib import Path

from boards.profile import Profile
from edge import __version__
from edge.events import Listener, Noted, ignore
from edge.paths import cache_dir
from flasher.description import read_description
from flasher.schematic.build import build_schematic
from flasher.schematic.model import Schematic

_CODE = ("boards", "edge", "flasher", "overlays")


def stock_image(
    profile: Profile, *, listener: Listener = ignore, folder: Path | None = None
) -> Path:
    """Return the image of a board, built now unless the cache has a current one.

    Raises:
        ToolError, ImageError: as `build_schematic` does.
    """
    path = (folder or cache_dir() / "images") / f"{profile.name}.img"
    if is_current(path, profile.name):
        listener(Noted(text=f"{profile.name}: image from the cache"))
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    build_schematic(Schematic(board=profile.name), path, listener=listener)
    return path


def is_current(path: Path, board: str) -> bool:
    """Tell whether `path` is an image of `board` made by this version of this code."""
    description = read_description(path)
    if (description.get("board"), description.get("version")) != (board, __version__):
        return False
    return path.exists() and path.stat().st_mtime >= _newest_code()


def _newest_code() -> float:
    root = Path(__file__).resolve().parent.parent
    files = (path for name in _CODE for path in (root / name).rglob("*"))
    return max(path.stat().st_mtime for path in files if path.suffix != ".pyc" and path.is_file())
