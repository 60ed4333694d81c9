# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for what users supply: another Debian kernel as the vendor's, a loader that is none."""

import os
import shutil
from pathlib import Path

from boards.profile import Profile
from edge.events import ignore
from edge.paths import cache_dir
from flasher.debian.fetch import Cache, fetch_files, unpack
from flasher.debian.suite import suite_name
from flasher.image.kernel import KernelFiles, packaged_kernel


def stand_ins(profile: Profile, folder: Path) -> dict[str, Path]:
    """Return a path for every piece that an image of `profile` cannot be built without."""
    found = {}
    for piece in profile.pieces:
        if piece.form == "arm64-kernel":
            found[piece.name] = _kernel().image
        elif piece.form == "module-tree":
            found[piece.name] = _module_tree(_kernel(), folder)
        elif piece.form == "rockchip-loader":
            place = folder / "u-boot-rockchip.bin"
            place.write_bytes(b"RKNS".ljust(1 << 20, b"\x5a"))
            found[piece.name] = place
        else:
            assert not piece.required, f"no stand-in for {piece.name} of {profile.name}"
    return found


def _kernel() -> KernelFiles:
    """Return Debian's backported kernel, which has device trees of all these boards."""
    cache = Cache(folder=cache_dir() / "image")
    packages = fetch_files(
        cache, "arm64", suite_name("backports"), [], kernel="linux-image-arm64", listener=ignore
    )
    return packaged_kernel([unpack(cache, file, ignore) for file in packages.files.values()])


def _module_tree(kernel: KernelFiles, folder: Path) -> Path:
    """Return the modules as a vendor ships them: all in one folder named like the version."""
    tree = folder / kernel.version
    if not tree.exists():
        shutil.copytree(kernel.modules, tree, copy_function=_link)
        if kernel.builtin is not None and not (tree / "modules.builtin").exists():
            shutil.copyfile(kernel.builtin, tree / "modules.builtin")
    return tree


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
