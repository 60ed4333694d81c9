# SPDX-License-Identifier: Apache-2.0
"""The device trees of a board as its kernel's package has them."""

from pathlib import Path

from boards.kernel import Suite
from boards.profile import Profile
from edge.errors import BoardError, ImageError
from edge.events import Listener
from flasher.debian.fetch import Cache, fetch_files, unpack
from flasher.debian.suite import suite_name

_PLACES = ("usr/lib/linux-image-*", "usr/lib/modules/*/dtb")


def packaged_trees(profile: Profile, cache: Cache, listener: Listener) -> tuple[Path, ...]:
    """Fetch the kernel's package where it is not cached and return the board's device trees.

    Raises:
        BoardError: when the board has none from a package.
        ImageError: when the archive cannot be reached, or a tree is missing in the package.
    """
    if not profile.device_trees or profile.kernel.origin == "file":
        raise BoardError(
            f"board {profile.name} has no device tree from a package",
            hint="give one with --tree FILE.dtb",
        )
    suite: Suite = "backports" if profile.kernel.origin == "backports" else "stable"
    fetched = fetch_files(
        cache,
        profile.arch,
        suite_name(suite),
        (),
        kernel=profile.kernel.package,
        listener=listener,
    )
    # Trees are in one of these; the modules, ten times as large, are in another.
    names = [name for name in fetched.files if name.startswith(("linux-image-", "linux-base-"))]
    folders = [unpack(cache, fetched.files[name], listener) for name in names]
    return tuple(_find(folders, tree.path) for tree in profile.device_trees)


def _find(folders: list[Path], name: str) -> Path:
    for folder in folders:
        for place in _PLACES:
            for found in sorted(folder.glob(f"{place}/{name}")):
                return found
    raise ImageError(f"the kernel's package holds no device tree {name}")
