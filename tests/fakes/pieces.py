# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for what users supply: another Debian kernel as the vendor's, a loader that is none."""

import os
import shutil
from pathlib import Path

from boards.kernel import Needs
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
            found[piece.name] = _module_tree(_kernel(), folder, profile.kernel.needs)
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


def _module_tree(kernel: KernelFiles, folder: Path, needs: Needs) -> Path:
    """Return the modules as a vendor ships them: all in one folder named like the version.

    Drivers that only the vendor's kernel has are named as part of it.
    """
    tree = folder / kernel.version
    if not tree.exists():
        shutil.copytree(kernel.modules, tree, copy_function=_link)
        listing = tree / "modules.builtin"
        listed = (kernel.builtin or listing).read_text()
        listing.unlink(missing_ok=True)  # a link to the cache's own
        lacking = (name for name in needs.modules if name not in kernel.module_tree())
        listing.write_text(listed + "".join(f"kernel/{name}.ko\n" for name in lacking))
    return tree


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
