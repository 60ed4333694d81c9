# SPDX-License-Identifier: Apache-2.0
"""What profiles say of Debian's packages, held against the packages themselves."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from boards.catalog import all_profiles
from boards.detect import detect
from boards.kernel import Suite
from boards.profile import Profile
from edge.events import Event
from edge.paths import cache_dir
from flasher.debian.fetch import Cache, fetch_files, unpack
from flasher.debian.suite import suite_name
from flasher.image.kernel import KernelFiles, packaged_kernel

pytestmark = pytest.mark.image

with_kernel = pytest.mark.parametrize(
    "profile",
    [each for each in all_profiles() if each.kernel.origin != "file"],
    ids=lambda each: each.name,
)
every_board = pytest.mark.parametrize("profile", all_profiles(), ids=lambda each: each.name)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The packages that an image takes single files of, by name, and those of its kernel."""

    folders: dict[str, Path]
    kernel: tuple[Path, ...]


def _ignore(_: Event) -> None:
    pass


@cache
def _unpacked(name: str) -> Unpacked:
    (profile,) = (each for each in all_profiles() if each.name == name)
    store = Cache(folder=cache_dir() / "image")
    origin: Suite = "backports" if profile.kernel.origin == "backports" else "stable"
    wanted = dict(_packages(profile))
    folders: dict[str, Path] = {}
    kernel: list[Path] = []
    for suite in sorted({*wanted.values(), origin}):
        names = [each for each, where in wanted.items() if where == suite]
        meta = profile.kernel.package if suite == origin else ""
        found = fetch_files(
            store, profile.arch, suite_name(suite), names, kernel=meta, listener=_ignore
        )
        for package, file in found.files.items():
            folders[package] = unpack(store, file, _ignore)
            if package not in names:
                kernel.append(folders[package])
    return Unpacked(folders, tuple(kernel))


def _packages(profile: Profile) -> Iterator[tuple[str, Suite]]:
    if profile.loader.package:
        yield profile.loader.package, profile.loader.suite
    yield from ((each.package, each.suite) for each in profile.driver_firmware)
    yield from ((each.package, each.suite) for each in profile.efi_files)
    if profile.microcode:
        yield profile.microcode.package, profile.microcode.suite


def _kernel(profile: Profile) -> KernelFiles:
    return packaged_kernel(_unpacked(profile.name).kernel)


@with_kernel
def test_every_module_is_in_the_kernel_or_built_in(profile: Profile) -> None:
    """No name is wrong, and all that they depend on is there too."""
    needs = profile.kernel.needs.modules
    assert _kernel(profile).module_tree().load_order((*profile.kernel.modules, *needs))


@with_kernel
def test_every_device_tree_is_there_and_is_recognised_as_the_board(
    profile: Profile, tmp_path: Path
) -> None:
    """The names are right, and a machine with that tree is this board."""
    for number, each in enumerate(profile.device_trees):
        file = _kernel(profile).device_tree(each.path)
        command = ("fdtget", "-t", "s", file, "/", "compatible")
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        root = tmp_path / str(number)
        (root / "proc/device-tree").mkdir(parents=True)
        (root / "proc/device-tree/compatible").write_text("".join(f"{name}\0" for name in told))
        found = detect(root).profile
        assert found is not None
        # What an emulator stands in for is recognised as the real board.
        assert found.name == profile.name or not profile.match.compatible


@every_board
def test_every_file_and_every_pattern_is_found(profile: Profile) -> None:
    """Loader, files of the EFI partition, firmware and microcode have the names that we think."""
    folders = _unpacked(profile.name).folders
    if profile.loader.path:
        assert (folders[profile.loader.package] / profile.loader.path).is_file()
    for each in profile.efi_files:
        assert (folders[each.package] / each.path).is_file(), each.path
    for firmware in (
        *profile.driver_firmware,
        *((profile.microcode,) if profile.microcode else ()),
    ):
        below = folders[firmware.package] / "usr/lib/firmware"
        for pattern in firmware.patterns:
            assert any(below.glob(pattern)), f"{firmware.package} has no {pattern}"
