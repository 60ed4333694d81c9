# SPDX-License-Identifier: Apache-2.0
"""Detection against copies of /proc and /sys of known machines."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from boards.catalog import all_profiles
from boards.detect import detect
from edge.cli.commands.boards import command


def machine(root: Path, *, compatible: tuple[str, ...] = (), model: str = "", **dmi: str) -> Path:
    if compatible:
        tree = root / "proc/device-tree"
        tree.mkdir(parents=True)
        (tree / "compatible").write_bytes(b"".join(each.encode() + b"\0" for each in compatible))
        (tree / "model").write_bytes(model.encode() + b"\0")
    if dmi:
        folder = root / "sys/class/dmi/id"
        folder.mkdir(parents=True)
        for name, text in dmi.items():
            (folder / name).write_text(f"{text}\n")
    return root


@pytest.mark.parametrize(
    ("facts", "board"),
    [
        ({"compatible": ("linux,dummy-virt",)}, "qemu-arm64"),
        ({"sys_vendor": "QEMU", "product_name": "QEMU Virtual Machine"}, "qemu-arm64"),
        ({"sys_vendor": "QEMU", "product_name": "Standard PC (Q35 + ICH9, 2009)"}, "qemu-amd64"),
        ({"sys_vendor": "Intel(R) Client Systems", "product_name": "NUC10i7FNH"}, "nuc"),
        ({"sys_vendor": "ASUSTeK COMPUTER INC.", "board_name": "NUC14RVBU5"}, "nuc"),
        ({"sys_vendor": "raspberrypi", "product_name": "Raspberry Pi 4 Model B"}, "rpi4"),
        ({"sys_vendor": "raspberrypi", "product_name": "Raspberry Pi 3 Model B+"}, "rpi3"),
        (
            {"sys_vendor": "NVIDIA", "product_name": "NVIDIA Jetson Orin Nano Developer Kit"},
            "jetson-orin-nano",
        ),
        ({"sys_vendor": "Radxa", "product_name": "ROCK 5B"}, "rock-5b"),
    ],
)
def test_known_machines_are_recognised(tmp_path: Path, facts: dict[str, str], board: str) -> None:
    """Each board is known by the strings that its firmware gives."""
    found = detect(machine(tmp_path, **facts))  # type: ignore[arg-type]
    assert found.profile is not None
    assert found.profile.name == board


TREES = {  # the root's compatible of device trees in Debian's kernels 6.12 and 7.3.4
    "bcm2711-rpi-4-b": ("raspberrypi,4-model-b brcm,bcm2711", "rpi4"),
    "bcm2711-rpi-400": ("raspberrypi,400 brcm,bcm2711", "rpi4"),
    "bcm2711-rpi-cm4-io": ("raspberrypi,4-compute-module brcm,bcm2711", "rpi4"),
    "bcm2712-rpi-5-b": ("raspberrypi,5-model-b brcm,bcm2712", "rpi5"),
    "bcm2712-d-rpi-5-b": ("raspberrypi,5-model-b brcm,bcm2712", "rpi5"),
    "bcm2837-rpi-3-b": ("raspberrypi,3-model-b brcm,bcm2837", "rpi3"),
    "bcm2837-rpi-3-b-plus": ("raspberrypi,3-model-b-plus brcm,bcm2837", "rpi3"),
    "bcm2837-rpi-3-a-plus": ("raspberrypi,3-model-a-plus brcm,bcm2837", "rpi3"),
    "bcm2837-rpi-zero-2-w": ("raspberrypi,model-zero-2-w brcm,bcm2837", "rpi3"),
    "bcm2837-rpi-cm3-io3": ("raspberrypi,3-compute-module brcm,bcm2837", None),
    "bcm2837-rpi-2-b": ("raspberrypi,2-model-b-rev2 brcm,bcm2837", None),
    "tegra210-p3450-0000": ("nvidia,p3450-0000 nvidia,tegra210", "jetson-nano"),
    "tegra210-p2371-2180": ("nvidia,p2371-2180 nvidia,tegra210", None),
    "tegra194-p2972-0000": ("nvidia,p2972-0000 nvidia,tegra194", "jetson-agx-xavier"),
    "tegra194-p3509-0000+p3668-0000": (
        "nvidia,p3509-0000+p3668-0000 nvidia,tegra194",
        "jetson-xavier-nx",
    ),
    "tegra194-p3509-0000+p3668-0001": (
        "nvidia,p3509-0000+p3668-0001 nvidia,tegra194",
        "jetson-xavier-nx",
    ),
    "tegra194-lenovo-thinkedge-se70": (
        "lenovo,thinkedge-se70 nvidia,p3668-0001 nvidia,tegra194",
        None,
    ),
    "tegra234-p3737-0000+p3701-0000": (
        "nvidia,p3737-0000+p3701-0000 nvidia,p3701-0000 nvidia,tegra234",
        "jetson-agx-orin",
    ),
    "tegra234-p3737-0000+p3701-0008": (
        "nvidia,p3737-0000+p3701-0008 nvidia,p3701-0008 nvidia,tegra234",
        "jetson-agx-orin",
    ),
    "tegra234-p3740-0002+p3701-0008": (
        "nvidia,p3740-0002+p3701-0008 nvidia,p3701-0008 nvidia,tegra234",
        None,
    ),
    "tegra234-p3768-0000+p3767-0000": (
        "nvidia,p3768-0000+p3767-0000 nvidia,p3767-0000 nvidia,tegra234",
        "jetson-orin-nx",
    ),
    "tegra234-p3768-0000+p3767-0005": (
        "nvidia,p3768-0000+p3767-0005 nvidia,p3767-0005 nvidia,tegra234",
        "jetson-orin-nano",
    ),
    "rk3588-rock-5b": ("radxa,rock-5b rockchip,rk3588", "rock-5b"),
    "rk3588-rock-5b-plus": ("radxa,rock-5b-plus rockchip,rk3588", None),
    "rk3588-turing-rk1": ("turing,rk1 rockchip,rk3588", "turing-rk1"),
}


@pytest.mark.parametrize("tree", TREES)
def test_every_device_tree_is_recognised_as_its_board(tmp_path: Path, tree: str) -> None:
    """And relatives that a profile does not cover are not taken for it."""
    compatible, board = TREES[tree]
    found = detect(machine(tmp_path, compatible=tuple(compatible.split())))
    assert (found.profile.name if found.profile else None) == board


def test_no_two_boards_are_recognised_by_the_same() -> None:
    """Whatever the order of boards, the answer is one."""
    entries = [entry for each in all_profiles() for entry in each.match.compatible]
    assert len(entries) == len(set(entries))
    generic = [each.arch for each in all_profiles() if each.match.fallback]
    assert sorted(generic) == ["amd64", "arm64"]


@pytest.mark.parametrize(
    ("processor", "board"),
    [("x86_64", "generic-amd64"), ("aarch64", "generic-arm64"), ("riscv64", None)],
)
def test_what_nothing_fits_but_has_uefi_is_generic(
    tmp_path: Path, processor: str, board: str | None
) -> None:
    """Any PC or Arm server gets a board; without UEFI there is none."""
    root = machine(tmp_path, sys_vendor="Acme", product_name="Server 7")
    assert detect(root, machine=processor).profile is None
    (root / "sys/firmware/efi").mkdir(parents=True)
    found = detect(root, machine=processor)
    assert (found.profile.name if found.profile else None) == board
    if board:
        assert found.evidence == "UEFI, and no other board fits: Acme / Server 7"


def test_detection_is_light_where_the_profiles_are_known() -> None:
    """It runs on nodes, where pydantic would cost a second."""
    code = "import sys, boards.detect, boards.usb; print({'pydantic', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_device_tree_is_believed_before_dmi(tmp_path: Path) -> None:
    """A Pi booted through UEFI has DMI strings too; they do not make it a PC."""
    root = machine(
        tmp_path,
        compatible=("raspberrypi,4-model-b", "brcm,bcm2711"),
        model="Raspberry Pi 4 Model B Rev 1.5",
        sys_vendor="QEMU",
        product_name="QEMU Virtual Machine",
    )
    found = detect(root)
    assert found.profile is not None
    assert (found.profile.name, found.model) == ("rpi4", "Raspberry Pi 4 Model B Rev 1.5")
    assert found.evidence == "device tree: raspberrypi,4-model-b"


def test_an_unknown_machine_says_what_it_is(tmp_path: Path) -> None:
    """The evidence is enough to write a profile from."""
    found = detect(machine(tmp_path, compatible=("acme,board", "acme,soc"), model="Acme Board"))
    assert found.profile is None
    assert found.evidence == "acme,board, acme,soc"


def test_the_command_names_the_board(tmp_path: Path) -> None:
    """`edgectl boards detect` prints one row for the machine."""
    root = machine(tmp_path, compatible=("raspberrypi,400",), model="Raspberry Pi 400 Rev 1.0")
    result = CliRunner().invoke(command, ["detect", "--root", str(root), "-o", "json"])
    assert result.exit_code == 0
    assert '"name": "rpi4"' in result.output
