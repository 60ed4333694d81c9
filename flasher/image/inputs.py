# SPDX-License-Identifier: Apache-2.0
"""Everything fetched that an image is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from boards.kernel import FirmwareFiles, Suite
from boards.profile import Profile
from edge.errors import ImageError, ToolError
from edge.events import Listener, step
from flasher.debian.fetch import Cache, Packages, fetch_files, fetch_root, unpack
from flasher.debian.suite import suite_name
from flasher.image.bytecode import Compiler, fetch_compiler
from flasher.image.design import Design
from flasher.image.kernel import KernelFiles, packaged_kernel, supplied_kernel
from flasher.image.piece import check_pieces
from flasher.image.root import ROOT_PACKAGES, base_tree, newest_file
from flasher.image.wheel import fetch_wheels
from flasher.tool import run_tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Packages and their versions, the root's cached part, the kernel, the user's pieces."""

    cache: Cache
    packages: dict[str, str]
    base: Path
    compiler: Compiler
    kernel: KernelFiles
    pieces: dict[str, Path]
    build_time: int
    """The newest file of any package, Unix seconds."""
    unpacked: dict[str, Path]

    def package_file(self, package: str, path: str) -> Path:
        """Return a file of an unpacked package.

        Raises:
            ImageError: when the package has no such file.
        """
        found = self.unpacked[package] / path
        if not found.is_file():
            raise ImageError(f"package {package} holds no file {path}")
        return found

    def matching(self, files: FirmwareFiles) -> Iterator[tuple[str, Path]]:
        """Yield the driver firmware that `files` means, each with the name drivers ask for.

        Raises:
            ImageError: when a pattern matches nothing.
        """
        folder = self.unpacked[files.package] / "usr/lib/firmware"
        for pattern in files.patterns:
            matches = [path for path in sorted(folder.glob(pattern)) if path.is_file()]
            if not matches:
                raise ImageError(f"package {files.package} has no firmware file {pattern}")
            yield from ((path.relative_to(folder).as_posix(), path) for path in matches)


def fetch_inputs(design: Design, cache: Cache, work: Path, listener: Listener) -> Inputs:
    """Fetch and unpack what an image needs.

    Raises:
        ImageError: when a piece is missing, or packages cannot be fetched or are too old.
    """
    profile = design.profile
    pieces = check_pieces(profile, design.wishes.pieces)
    stable = suite_name("stable")
    with step(listener, "fetch packages") as running:
        names = sorted((*ROOT_PACKAGES, *profile.packages))
        root = fetch_root(cache, profile.arch, stable, names, listener)
        loose, kernel = _fetch_loose(profile, cache, listener)
        running.detail = f"{len(root.versions) + len(loose)} packages"
    with step(listener, "fetch Python packages") as running:
        wheels = fetch_wheels(cache, profile.arch, listener)
        running.detail = f"{len(wheels)} wheels"
    with step(listener, "prepare root"):
        compiler = fetch_compiler(cache, stable, listener)
        base = base_tree(cache, root, wheels, compiler, listener)
        unpacked = {name: unpack(cache, file, listener) for name, (_, file) in loose.items()}
    times = (int((base / "build_time").read_text()), newest_file(*unpacked.values()))
    return Inputs(
        cache=cache,
        packages={**root.versions, **{name: version for name, (version, _) in loose.items()}},
        base=base / "tree",
        compiler=compiler,
        kernel=(
            packaged_kernel([unpacked[name] for name in kernel])
            if kernel
            else supplied_kernel(profile, pieces, work)
        ),
        pieces=pieces,
        build_time=max(times),
        unpacked=unpacked,
    )


_Loose = dict[str, tuple[str, Path]]
"""Package name -> its version and its file."""


def _fetch_loose(profile: Profile, cache: Cache, listener: Listener) -> tuple[_Loose, list[str]]:
    """Return the packages that only some files are taken of, and which of them are the kernel."""
    kernel_suite: Suite = "backports" if profile.kernel.origin == "backports" else "stable"
    wanted = _loose_packages(profile)
    found: _Loose = {}
    kernel: list[str] = []
    for suite in sorted({*wanted.values(), kernel_suite}):
        names = [name for name, where in wanted.items() if where == suite]
        meta = profile.kernel.package if suite == kernel_suite else ""
        fetched = fetch_files(
            cache, profile.arch, suite_name(suite), names, kernel=meta, listener=listener
        )
        kernel += [name for name in sorted(fetched.files) if name not in names] if meta else []
        found |= _with_versions(fetched)
    _check_versions(profile, {name: version for name, (version, _) in found.items()})
    return found, kernel


def _loose_packages(profile: Profile) -> dict[str, Suite]:
    """Return the packages to take files of, and the suite of each."""
    loader: dict[str, Suite] = (
        {profile.loader.package: profile.loader.suite} if profile.loader.package else {}
    )
    microcode = (profile.microcode,) if profile.microcode else ()
    drivers = {each.package: each.suite for each in (*profile.driver_firmware, *microcode)}
    return loader | drivers | {each.package: each.suite for each in profile.efi_files}


def _with_versions(packages: Packages) -> _Loose:
    return {name: (packages.versions[name], file) for name, file in packages.files.items()}


def _check_versions(profile: Profile, versions: Mapping[str, str]) -> None:
    for each in profile.efi_files:
        version = versions[each.package]
        if each.at_least and not _is_at_least(version, each.at_least):
            raise ImageError(
                f"{each.package} {version} is too old for {profile.name}, which needs"
                f" {each.at_least}: {each.reason}",
                hint="use a mirror that has Debian testing as of today",
            )


def _is_at_least(version: str, oldest: str) -> bool:
    try:
        run_tool("dpkg", "--compare-versions", version, "ge", oldest)
    except ToolError:
        return False
    return True
