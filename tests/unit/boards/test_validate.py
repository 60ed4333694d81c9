# SPDX-License-Identifier: Apache-2.0
"""`edgectl boards validate`: every fault at once, with its line and what is allowed."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from boards.catalog import SHIPPED
from boards.validate import check_board
from edge.cli.commands.boards import command
from edge.errors import ConfigError


@pytest.fixture(autouse=True)
def _nothing_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EDGECTL_BOARDS", raising=False)


def faults(folder: Path, text: str, name: str = "shop.yaml") -> list[str]:
    """Return the faults of a board with this text."""
    path = folder / name
    path.write_text(text)
    return [str(each) for each in check_board(path).faults]


def notes(folder: Path, text: str) -> list[str]:
    """Return the notes on a sound board with this text."""
    path = folder / "shop.yaml"
    path.write_text(text)
    findings = check_board(path)
    assert findings.faults == ()
    return [str(each) for each in findings.notes]


def test_every_shipped_board_is_valid() -> None:
    """Ours have no faults themselves."""
    for path in sorted(SHIPPED.glob("*.yaml")):
        assert check_board(path).faults == (), path.name


def test_all_faults_are_found_at_once_with_their_lines(tmp_path: Path) -> None:
    """One round is enough to mend a file."""
    found = faults(
        tmp_path,
        """\
name: shop2
extends: rpi44
arch: arm65
works:
  - feature: Wi-Fi
    state: no
kernel:
  sets: [file-systms]
  modules: [good, "not good"]
console: {device: ttyS0, bauds: 9600}
console: {device: ttyS0, baud: fast}
match:
  compatible: ["raspberrypi,5-model-b"]
  dmi: [{product_name: "("}]
""",
    )
    beginnings = [
        "line 1, column 1: name: is 'shop2', but the file is called shop.yaml",
        "line 2, column 1: extends: unknown board 'rpi44'",
        "line 3, column 1: arch: must be one of arm64, amd64; it is 'arm65'",
        "line 6, column 5: works.0.state: must be one of works, partly, no, unknown; it is false",
        "line 8, column 10: kernel.sets.0: there is no set of modules 'file-systms'; there are",
        "line 9, column 19: kernel.modules.1: 'not good' does not fit",
        "line 11, column 1: console: is there twice",
        "line 11, column 26: console.baud: must be a whole number; it is 'fast'",
        "line 13, column 16: match.compatible.0: 'raspberrypi,5-model-b' is how board rpi5",
        "line 14, column 10: match.dmi.0.product_name: '(' is not a regular expression",
    ]
    assert len(found) == len(beginnings), "\n".join(found)
    for fault, beginning in zip(found, beginnings, strict=True):
        assert fault.startswith(beginning)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: [", "line 1, column 8: this is not YAML"),
        ("a: b: c", "line 1, column 5: this is not YAML: mapping values are not allowed here"),
        ("\tname: x", "this is not YAML"),
        ("- a\n- b", "it is not a mapping"),
        ("", "it is not a mapping"),
        ("made: 2026-02-31", "impossible value"),
        ("name: shop\nextends: rpi4\ntitle: 2026-01-01\n", "not plain data, such as a date"),
        ("name: shop\nextends: [rpi4]\ntitle: x\n", "extends: extends must be the name"),
        ("name: shop\nextends: shop\ntitle: x\n", "unknown board 'shop'"),
        ("name: rpi4\nextends: rpi3\ntitle: x\n", "is a board of the toolkit"),
        ("name: shop\nextends: rpi4\ntitle: x\nreplaces: true\n", "no board 'shop' of the toolkit"),
        ("name: shop\nextends: rpi4\ntitle: x\nreplaces: maybe\n", "must be true or false"),
        ("name: shop\nextends: rpi4\ntitle: x\nwatchdogs: 1\n", "did you mean watchdog?"),
        ("name: shop\nextends: rpi4\ntitle: x\nkernel: 7\n", "must be a mapping"),
        (
            "name: shop\nextends: generic-arm64\ntitle: x\nmatch: {fallback: true}\n",
            "generic-arm64 is that already",
        ),
        (
            "name: shop\nextends: generic-arm64\ntitle: x\nloader: {device_tree: dtb/a.dtb}\n",
            "no target of device_trees",
        ),
        (
            "name: shop\nextends: nuc\ntitle: x\nmatch: {dmi: [{board_name: ^NUC}]}\n",
            "board nuc is recognised by the same",
        ),
    ],
)
def test_each_fault_is_told(tmp_path: Path, text: str, told: str) -> None:
    """Whatever is wrong, the sentence says what."""
    assert told in "\n".join(faults(tmp_path, text))


def test_a_circle_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards that extend each other are a fault of extends."""
    folder = tmp_path / "home/boards"
    folder.mkdir(parents=True)
    (folder / "one.yaml").write_text("name: one\ntitle: x\nextends: two\n")
    (folder / "two.yaml").write_text("name: two\ntitle: x\nextends: one\n")
    found = [str(each) for each in check_board(folder / "one.yaml").faults]
    assert any("extends: boards extend each other in a circle" in each for each in found)


def test_an_unknown_base_does_not_flood_with_what_it_would_have_had(tmp_path: Path) -> None:
    """Only the base itself is told."""
    found = faults(tmp_path, "name: shop\ntitle: x\nextends: nowhere\n")
    assert len(found) == 1


def test_odd_things_are_notes(tmp_path: Path) -> None:
    """Allowed, but worth a look."""
    text = """\
name: shop
title: Shop
extends: rpi4
models: []
works: [{feature: USB, state: works, text: All of them.}]
console: {baud: 115201}
kernel: {modules: [ext4, genet, genet], needs: {disk: [], network: []}, preload: []}
media: {smallest_bytes: 5000000000, largest_expected_bytes: 4000000000}
partition_table: {efi_mib: 64}
"""
    found = "\n".join(notes(tmp_path, text))
    for told in (
        "match: nothing recognises this board",
        "models: says nothing",
        "works: says nothing of network, serial console",
        "works: nothing of it was checked",
        "console.baud: 115201 is an unusual speed",
        "kernel.modules.0: ext4 is in one of the sets already",
        "kernel.modules: genet is there 2 times",
        "kernel.needs: nothing is checked",
        "media: the smallest disk is larger than the largest",
        "partition_table.efi_mib: is less than 256",
    ):
        assert told in found


def test_room_for_a_loader_is_looked_at(tmp_path: Path) -> None:
    """A piece in front of the partitions needs them to begin later."""
    found = notes(
        tmp_path, "name: shop\ntitle: x\nextends: rock-5b\npartition_table: {first_mib: 1}\n"
    )
    assert not [each for each in found if "no room" in each]  # sector 64 is in the first MiB
    pieces = (
        "[{name: loader, form: rockchip-loader, title: a, origin: b, action: c, at_sector: 4096}]"
    )
    text = f"name: shop\ntitle: x\nextends: rock-5b\npieces: {pieces}\n"
    found = faults(tmp_path, text + "partition_table: {first_mib: 1}\n")
    assert [each for each in found if "piece loader lies behind sector 2048" in each]


def test_a_missing_file_is_a_plain_error(tmp_path: Path) -> None:
    """No traceback for a typing error."""
    with pytest.raises(ConfigError, match="No such file"):
        check_board(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        check_board(tmp_path / "binary.yaml")


def test_the_command_counts_and_lists(tmp_path: Path) -> None:
    """Faults end it with an error; notes alone do not, unless strict."""
    runner = CliRunner()
    path = tmp_path / "shop.yaml"
    path.write_text("name: shop\ntitle: Shop\nextends: rpi4\n")
    good = runner.invoke(command, ["validate", str(path)])
    assert good.exit_code == 0
    assert "is valid: board shop, Shop" in good.stderr
    assert "note: " in good.stderr
    strict = runner.invoke(command, ["validate", "--strict", str(path)])
    assert isinstance(strict.exception, ConfigError)
    path.write_text("name: shop\ntitle: Shop\nextends: rpi4\ntier: Z\nsoc: 1\n")
    bad = runner.invoke(command, ["validate", str(path)])
    assert isinstance(bad.exception, ConfigError)
    assert "2 faults" in bad.exception.message
    assert len(bad.exception.faults) == 2
