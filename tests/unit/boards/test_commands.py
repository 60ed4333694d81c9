# SPDX-License-Identifier: Apache-2.0
"""Other commands that ask the profiles: disks of configurations, boards that are no disks."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import boards.usb
from edge.cli.commands import devices, gen
from edge.cli.main import run
from edge.errors import BoardError
from tests.unit.boards.test_usb import plug

CLUSTER = ("config", "shop", "https://10.0.0.10:6443", "-t", "worker", "-o", "-")


@pytest.fixture(autouse=True)
def _nothing_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EDGECTL_BOARDS", raising=False)


@pytest.mark.parametrize(
    ("options", "disk"),
    [
        ((), "/dev/sda"),
        (("--board", "rpi5"), "/dev/mmcblk0"),
        (("--board", "jetson-orin-nx"), "/dev/nvme0n1"),
        (("--board", "rpi5", "--install-disk", "/dev/nvme0n1"), "/dev/nvme0n1"),
    ],
)
def test_configurations_name_the_disk_of_the_board(options: tuple[str, ...], disk: str) -> None:
    """Unless another is named."""
    result = CliRunner().invoke(gen.command, [*CLUSTER, *options])
    assert result.exit_code == 0, result.output
    document = next(yaml.safe_load_all(result.stdout))
    assert document["machine"]["install"]["disk"] == disk


def test_a_board_that_names_no_disk_is_told(tmp_path: Path) -> None:
    """The hint says how to name one."""
    folder = tmp_path / "home/boards"
    folder.mkdir(parents=True)
    text = "name: shop\ntitle: Shop\nextends: rpi4\ninstall_disk: {path: '', text: Any.}\n"
    (folder / "shop.yaml").write_text(text)
    result = CliRunner().invoke(gen.command, [*CLUSTER, "--board", "shop"])
    assert isinstance(result.exception, BoardError)
    assert "--install-disk" in str(result.exception.hint)


def test_devices_explains_boards_that_are_no_disks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever plugged in a board in recovery mode and sees no disk learns why."""
    plug(tmp_path, "1-1", "0a5c", "2711")
    monkeypatch.setattr("flasher.device.find_devices", lambda with_all: [])
    found = boards.usb.find_usb_boards(devices=tmp_path / "sys/bus/usb/devices")
    monkeypatch.setattr("boards.usb.find_usb_boards", lambda: found)
    result = CliRunner().invoke(devices.command, [])
    assert "no disks found" in result.stderr
    assert "waits for rpiboot" in result.stderr


def test_detect_below_a_folder_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong path is that, and no unknown machine."""
    assert run(["boards", "detect", "--root", "/nonexistent"]) == 2
    assert "'/nonexistent' does not exist" in capsys.readouterr().err
