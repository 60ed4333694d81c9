# SPDX-License-Identifier: Apache-2.0
"""Which modules of a kernel go into an image, and which it cannot be without."""

from pathlib import Path

import pytest

from boards.catalog import load_profile
from boards.profile import Profile
from edge.errors import ImageError
from edge.events import Event
from flasher.debian.module import ModuleTree
from flasher.image.design import make_design
from flasher.image.slot import choose_modules
from flasher.image.wishes import Wishes

BOARDS = ("jetson-orin-nano", "jetson-orin-nx", "jetson-agx-orin", "jetson-agx-xavier")
COMMON = {"loop", "squashfs", "ext4", "vfat", "overlay", "nvme", "pcie_tegra194"}
COMMON |= {"phy_tegra194_p2u", "sdhci_tegra", "mmc_block"}
PORTS = {"r8169", "nvethernet"}


def kernel(folder: Path, names: set[str]) -> ModuleTree:
    """Return a kernel that has these modules, half of them as a part of it."""
    tree = folder / "5.15.0-tegra"
    tree.mkdir()
    ordered = sorted(names)
    for name in ordered[::2]:
        (tree / f"{name.replace('_', '-')}.ko").write_bytes(b"")
    lines = [f"kernel/{name}.ko\n" for name in ordered[1::2]]
    (tree / "modules.builtin").write_text("".join(lines))
    return ModuleTree(tree)


def choose(profile: Profile, tree: ModuleTree) -> tuple[list[str], list[Event]]:
    told: list[Event] = []
    return choose_modules(make_design(profile, Wishes()), tree, told.append), told


@pytest.mark.parametrize("board", BOARDS)
def test_a_kernel_that_reaches_disk_and_network_is_enough(tmp_path: Path, board: str) -> None:
    """What else it lacks is told."""
    names, told = choose(load_profile(board), kernel(tmp_path, COMMON | PORTS))
    assert COMMON - {"loop", "squashfs"} <= {*names, "loop", "squashfs"}
    assert "r8168" not in names
    assert "comes without" in str(told)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("lacking", ["nvme", "ext4", "squashfs"])
def test_a_supplied_kernel_without_its_disk_is_refused(
    tmp_path: Path, board: str, lacking: str
) -> None:
    """It would build and then never start."""
    tree = kernel(tmp_path, (COMMON | PORTS) - {lacking})
    with pytest.raises(ImageError, match=f"has no {lacking}, which {board} needs"):
        choose(load_profile(board), tree)


@pytest.mark.parametrize(
    ("board", "drivers"),
    [
        ("jetson-orin-nano", "r8168 or r8169"),
        ("jetson-agx-orin", "nvethernet or dwmac_tegra"),
        ("jetson-xavier-nx", "nvethernet or dwmac_dwc_qos_eth"),
    ],
)
def test_one_of_several_network_drivers_must_be_there(
    tmp_path: Path, board: str, drivers: str
) -> None:
    """Either will do, and none is refused."""
    with pytest.raises(ImageError, match=f"has no {drivers}, which"):
        choose(load_profile(board), kernel(tmp_path, COMMON))


def test_alternatives_work_with_a_packaged_kernel_too(tmp_path: Path) -> None:
    """The one that the kernel has goes in, and all else that the profile names."""
    profile = load_profile("nuc")
    needs = profile.kernel.needs.model_copy(update={"disk": (), "network": ("e1000e|other",)})
    changed = profile.kernel.model_copy(update={"needs": needs, "modules": ("e1000e", "igc")})
    board = profile.model_copy(update={"kernel": changed})
    names, told = choose(board, kernel(tmp_path, {"e1000e", "loop", "squashfs"}))
    assert (names, told) == (["e1000e", "igc"], [])
