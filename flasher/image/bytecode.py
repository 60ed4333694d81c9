# SPDX-License-Identifier: Apache-2.0
"""Byte-compiling for the board's Python on a host of another kind.

Bytecode does not depend on the processor, so the board's Python version in its build for this
host does the work: unpacked, and started through its own dynamic loader, so that neither root
nor an emulator nor the host's C library is involved.
"""

import platform
from collections.abc import Sequence
from pathlib import Path

from boards.profile import Arch
from edge.errors import ImageError
from edge.events import Listener
from flasher.debian.fetch import Cache, Packages, fetch_root
from flasher.tool import run_tool

_HOSTS: dict[str, tuple[Arch, str, str]] = {
    "x86_64": ("amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64": ("arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}
_REHEARSAL = Path(__file__).with_name("rehearsal.py")
_PACKAGES = ("python3.13-minimal", "libpython3.13-stdlib")


class Compiler:
    """The board's Python version, built for this host."""

    def __init__(self, root: Path, packages: Packages, libraries: str, loader: str) -> None:
        self._root = root
        self._libraries = root / "usr/lib" / libraries
        self._loader = self._libraries / loader
        self.digest = packages.digest

    def compile(self, tree: Path, folders: Sequence[str]) -> None:
        """Compile every module below `folders` of `tree`, which stands for the board's root.

        The compiled files are never checked against their sources: both are in one read-only image.
        """
        self._run(
            *("-m", "compileall", "-q", "-f"),
            *("--invalidation-mode", "unchecked-hash", "-s", tree, "-p", "/"),
            *(tree / folder for folder in sorted(folders)),
        )

    def rehearse(
        self, tree: Path, *, stdlib: str, site: str, modules: Sequence[str], output: str
    ) -> None:
        """Write the startup file `output` of `tree`, for a board that loads `modules` at boot.

        `edge.node.boot.startup` reads it. Everything in `tree` is compiled before.
        """
        self._run(_REHEARSAL, tree, stdlib, site, tree / output, *modules)

    def _run(self, *arguments: str | Path) -> None:
        run_tool(
            str(self._loader),
            "--library-path",
            self._libraries,
            self._root / "usr/bin/python3.13",
            *("-B", "-S", "-s", *arguments),
            environment={
                "PYTHONHOME": str(self._root / "usr"),
                "PYTHONPATH": "",
                # Sets are stored in hash order.
                "PYTHONHASHSEED": "0",
            },
        )


def fetch_compiler(cache: Cache, suite: str, listener: Listener) -> Compiler:
    """Return a compiler for the Python of Debian `suite` that runs here.

    Raises:
        ImageError: when this machine's processor is none that Debian builds this for.
    """
    machine = platform.machine()
    if machine not in _HOSTS:
        raise ImageError(f"images cannot be built on a {machine} machine")
    arch, libraries, loader = _HOSTS[machine]
    packages = fetch_root(cache, arch, suite, _PACKAGES, listener)

    def make(place: Path) -> None:
        assert packages.root is not None
        run_tool(
            "tar", "-x", "-f", packages.root, "-C", place, "--no-same-owner", "--exclude=./dev"
        )

    root = cache.entry("compiler", packages.digest[:24], make, listener=listener)
    return Compiler(root, packages, libraries, loader)
