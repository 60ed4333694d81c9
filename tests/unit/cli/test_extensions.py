# SPDX-License-Identifier: Apache-2.0
"""`edgectl extensions` and `edgectl schematic`, which need nothing but files."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from edge.cli.exit import ExitCode
from edge.cli.main import run
from flasher.extension.catalog import extension_names

Capture = pytest.CaptureFixture[str]

OURS = "board: rpi4\nextensions: [iscsi]\n"
THEIRS = (
    "overlay: {name: rpi_generic, image: siderolabs/sbc-raspberrypi}\n"
    "customization: {systemExtensions: {officialExtensions: [siderolabs/iscsi-tools]}}\n"
)
EMPTY = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "image.yaml"
    path.write_text(OURS)
    return path


def test_the_catalogue_is_listed(capsys: Capture) -> None:
    """Every extension with its processors and what it brings; JSON has its packages too."""
    assert run(["extensions", "list"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["NAME", "ARCH", "BRINGS", "TITLE"]
    assert [row[0] for row in rows[1:]] == extension_names()
    assert run(["extensions", "list", "-o", "json"]) == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert found["iscsi"]["packages"] == ["open-iscsi"]


def test_an_extension_is_shown(capsys: Capture, tmp_path: Path) -> None:
    """Its document; one in a folder with the hash of all that lies there, or its faults."""
    assert run(["extensions", "show", "iscsi"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["services"][0]["name"] == "iscsid"
    document = tmp_path / "extension.yaml"
    document.write_text("name: kit\ntitle: a\nsummary: a\narch: [arm64]\n")
    assert run(["extensions", "show", str(tmp_path), "-o", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["sha256"]) == 64
    document.write_text("name: kit\ntitle: a\n")
    assert run(["extensions", "show", str(tmp_path)]) == ExitCode.CONFIG
    assert "summary: is missing" in capsys.readouterr().err


def test_an_unknown_extension_is_no_trace(capsys: Capture) -> None:
    """The known ones are named."""
    assert run(["extensions", "show", "isci"]) != 0
    err = capsys.readouterr().err
    assert "unknown extension 'isci'" in err
    assert "iscsi" in err


def test_the_form_and_the_id_are_of_one_schematic(capsys: Capture, file: Path) -> None:
    """What is shown is what the id is the hash of."""
    assert run(["schematic", "id", str(file)]) == 0
    found = capsys.readouterr().out.strip()
    assert run(["schematic", "show", str(file), "-o", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["id"] == found
    text = json.dumps(shown["schematic"], sort_keys=True, separators=(",", ":"))
    assert sha256(text.encode()).hexdigest() == found


def test_a_file_of_upstreams_is_the_same_image(capsys: Capture, file: Path) -> None:
    """It has our id beside its own."""
    assert run(["schematic", "id", str(file)]) == 0
    ours = capsys.readouterr().out.strip()
    file.write_text(THEIRS)
    assert run(["schematic", "show", str(file)]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["id"] == ours
    assert shown["upstream_id"] != ours


def test_upstreams_id_needs_no_board(capsys: Capture, file: Path) -> None:
    """An id that is not certain is refused, and so is one of ours."""
    file.write_text("customization: {}\n")
    assert run(["schematic", "id", "--upstream", str(file)]) == 0
    assert capsys.readouterr().out == f"{EMPTY}\n"
    assert run(["schematic", "id", str(file)]) == ExitCode.CONFIG
    assert "--board" in capsys.readouterr().err
    assert run(["schematic", "id", str(file), "--board", "nuc"]) == 0
    file.write_text("customization: {meta: [{key: 12, value: a}]}\n")
    assert run(["schematic", "id", "--upstream", str(file)]) == ExitCode.CONFIG
    assert "is not known for certain" in capsys.readouterr().err
    file.write_text(OURS)
    assert run(["schematic", "id", "--upstream", str(file)]) == ExitCode.CONFIG


def test_faults_of_a_schematic(capsys: Capture, file: Path) -> None:
    """Each on a line of its own; names that nobody knows are faults as well."""
    file.write_text("board: rpi4\nextensionz: []\nmeta: [{key: 0xe0, value: a}]\n")
    assert run(["schematic", "show", str(file)]) == ExitCode.CONFIG
    err = capsys.readouterr().err
    assert "extensionz: there is no such field; did you mean extensions?" in err
    assert "key 0xe0 is the node's and the flasher's own" in err
    file.write_text("board: rpi9\n")
    assert run(["schematic", "show", str(file)]) != 0
    assert "rpi9" in capsys.readouterr().err
    assert run(["schematic", "show", str(file.parent / "gone.yaml")]) != 0
    assert "gone.yaml" in capsys.readouterr().err


def test_every_fault_of_a_schematic_is_told_at_once(capsys: Capture, file: Path) -> None:
    """Also those of what it names: overlays, extensions, pieces, texts."""
    file.write_text(
        "board: rpi4\noverlays: [nope, {name: i2c-rtc, parameters: {chp: a}}]\n"
        "extensions: [nope, ./gone]\npieces: {nonsense: .}\nconfig_txt: {file: bytes}\n"
    )
    (file.parent / "bytes").write_bytes(b"\xff")
    (file.parent / "gone").mkdir()
    assert run(["schematic", "show", str(file)]) == ExitCode.CONFIG
    err = capsys.readouterr().err
    for part in (
        "overlays.0: no overlay 'nope' for bcm2711",
        "overlays.1: overlay i2c-rtc has no parameter 'chp'",
        "extensions.0: unknown extension 'nope'",
        "extensions.1: ",
        "reading extension.yaml: No such file",
        "pieces.nonsense: board rpi4 has no such piece",
        f"config_txt: reading {file.parent}/bytes: not UTF-8",
    ):
        assert part in err
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "must be a mapping; it is empty"),
        ("board: rpi4\nextensions: [thunderbolt]\n", "is for amd64, board rpi4 is arm64"),
        ("board: rpi4\nkernel: {arguments: ['a\"b']}\n", "kernel argument"),
        ("board: nuc\nconfig_txt: a=1\n", "board nuc has no config.txt"),
        ("board: rpi4\noverlays: [disable-bt, disable-bt]\n", "is chosen twice"),
    ],
)
def test_what_the_board_does_not_take_is_told(
    capsys: Capture, file: Path, text: str, fault: str
) -> None:
    """Before anything is built, with the name of the document."""
    file.write_text(text)
    assert run(["schematic", "show", str(file)]) == ExitCode.CONFIG
    err = capsys.readouterr().err
    assert fault in err
    assert str(file) in err
