# SPDX-License-Identifier: Apache-2.0
"""Detection against copies of /proc and /sys of known machines."""

from pathlib import Path

import pytest
from click.testing import CliRunner

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
        ({"compatible": ("raspberrypi,4-model-b", "brcm,bcm2711")}, "rpi4"),
        ({"compatible": ("raspberrypi,400", "brcm,bcm2711")}, "rpi4"),
        ({"compatible": ("linux,dummy-virt",)}, "qemu-arm64"),
        ({"sys_vendor": "QEMU", "product_name": "QEMU Virtual Machine"}, "qemu-arm64"),
        ({"sys_vendor": "QEMU", "product_name": "Standard PC (Q35 + ICH9, 2009)"}, "qemu-amd64"),
        ({"sys_vendor": "Intel(R) Client Systems", "product_name": "NUC10i7FNH"}, "nuc"),
        ({"sys_vendor": "ASUSTeK COMPUTER INC.", "board_name": "NUC14RVBU5"}, "nuc"),
    ],
)
def test_known_machines_are_recognised(tmp_path: Path, facts: dict[str, str], board: str) -> None:
    """Each board is known by the strings that its firmware gives."""
    found = detect(machine(tmp_path, **facts))  # type: ignore[arg-type]
    assert found.profile is not None
    assert found.profile.name == board


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


def test_the_commands_list_and_show_every_board() -> None:
    """The table has a row a board, and a board can be shown whole."""
    runner = CliRunner()
    assert "qemu-arm64" in runner.invoke(command, ["list"]).output
    assert "partition_table:" in runner.invoke(command, ["show", "nuc"]).output
