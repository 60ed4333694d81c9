# SPDX-License-Identifier: Apache-2.0
"""Upstream's schematics: what becomes of them here, and upstream's own ids."""

from pathlib import Path

import pytest
import yaml

from boards.catalog import board_names
from edge.errors import ConfigError
from flasher.extension.catalog import extension_names
from flasher.schematic.canonical import schematic_id
from flasher.schematic.load import load_either, load_schematic, read_upstream_id
from flasher.schematic.upstream import BOARDS, is_upstream, upstream_id

# Ids that upstream's service gave, as published in its manual and in users' repositories.
PUBLISHED = {
    "customization: {}": "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba",
    "overlay: {name: rpi_generic, image: siderolabs/sbc-raspberrypi}": (
        "ee21ef4a5ef808a9b7484cc0dda0f25075021691c8c09a276591eedb638ea1f9"
    ),
    "customization: {systemExtensions: {officialExtensions: [siderolabs/qemu-guest-agent]}}": (
        "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515"
    ),
    "customization: {systemExtensions: {officialExtensions: "
    "[siderolabs/iscsi-tools, siderolabs/util-linux-tools]}}": (
        "613e1592b2da41ae5e265e8789429f22e121aab91cb4deb6bc3c0b6262961245"
    ),
    "customization: {systemExtensions: {officialExtensions: "
    "[siderolabs/gvisor, siderolabs/intel-ucode]}, extraKernelArgs: [net.ifnames=0]}": (
        "b8e8fbbe1b520989e6c52c8dc8303070cb42095997e76e812fa8892393e1d176"
    ),
}
FULL = """
overlay:
  name: rpi_generic
  image: siderolabs/sbc-raspberrypi
  options:
    configTxtAppend: "dtparam=audio=off\\n"
customization:
  extraKernelArgs: [net.ifnames=0]
  meta:
    - key: 0xa
      value: "{}"
  systemExtensions:
    officialExtensions: [siderolabs/util-linux-tools, siderolabs/iscsi-tools]
  bootloader: auto
  diskImage: {sectorSize: 512}
"""
UNKNOWN = """
owner: me
overlay: {name: rpi_5, image: siderolabs/sbc-raspberrypi, options: {configTxt: a}}
customization:
  embeddedMachineConfiguration: "a: b"
  extraKernelArgs: ["-console", quiet]
  meta: [{key: 0xe0, value: a}]
  systemExtensions: {officialExtensions: [siderolabs/gvisor, siderolabs/iscsi-tools]}
  secureboot: {enrollKeys: force}
  bootloader: sd-boot
  diskImage: {sectorSize: 4096}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "schematic.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", PUBLISHED)
def test_upstreams_ids_are_those_that_were_published(text: str) -> None:
    """The canonical text is upstream's to the last byte."""
    assert upstream_id(yaml.safe_load(text), source="x") == PUBLISHED[text]


@pytest.mark.parametrize(
    "text",
    [
        "customization: {meta: [{key: 1, value: a}]}",
        "customization: {extraKernelArgs: ['a b']}",
        "overlay: {name: rpi_5, options: {configTxtAppend: a}}",
    ],
)
def test_an_id_that_is_not_certain_is_not_told(text: str) -> None:
    """Rather nothing than something wrong."""
    assert upstream_id(yaml.safe_load(text), source="x") == ""


def test_what_has_an_equivalent_is_taken_over(tmp_path: Path) -> None:
    """Board, lines of config.txt, arguments, META and extensions."""
    loaded = load_either(write(tmp_path, FULL))
    found = loaded.schematic
    assert found.board == "rpi4"
    assert [each.name for each in found.extensions] == ["iscsi", "util-linux-tools"]
    assert (found.arguments, found.meta) == (("net.ifnames=0",), {0x0A: "{}"})
    assert found.config_txt.text == "dtparam=audio=off\n"
    ours = (
        "board: rpi4\nextensions: [util-linux-tools, iscsi]\nmeta: [{key: 10, value: '{}'}]\n"
        "kernel: {arguments: [net.ifnames=0]}\nconfig_txt: |\n  dtparam=audio=off\n"
    )
    assert schematic_id(load_schematic(write(tmp_path, ours))) == schematic_id(found)


def test_what_has_none_is_refused_by_name(tmp_path: Path) -> None:
    """Everything at once, and how to leave it out."""
    path = write(tmp_path, UNKNOWN)
    with pytest.raises(ConfigError) as caught:
        load_schematic(path)
    faults = "\n".join(caught.value.faults)
    for part in (
        "no equivalent of siderolabs/gvisor",
        "extraKernelArgs: -console takes an argument away",
        "overlay.options.configTxt: not an option",
        "owner: images here have none",
        "embeddedMachineConfiguration: a machine configuration goes onto the card",
        "bootloader: sd-boot; images here start by GRUB",
        "secureboot: images here are not signed",
        "diskImage.sectorSize: 4096, not 512",
        "meta.0: key 0xe0 is the node's and the flasher's own",
    ):
        assert part in faults
    assert "iscsi" not in faults
    assert caught.value.hint == "--ignore-unknown leaves out what has no equivalent"


def test_what_is_unknown_can_be_ignored_but_not_what_is_wrong(tmp_path: Path) -> None:
    """A key of META that is not the image's to set stays a fault."""
    path = write(tmp_path, UNKNOWN)
    with pytest.raises(ConfigError) as caught:
        load_schematic(path, ignore_unknown=True)
    assert len(caught.value.faults) == 1
    path = write(tmp_path, UNKNOWN.replace("0xe0", "0x0c"))
    found = load_schematic(path, ignore_unknown=True)
    assert (found.board, found.arguments) == ("rpi5", ("quiet",))
    assert [each.name for each in found.extensions] == ["iscsi"]


def test_one_for_no_board_needs_one_named(tmp_path: Path) -> None:
    """Upstream's without an overlay are for any; one with an overlay is for its board alone."""
    path = write(tmp_path, "customization: {}\n")
    with pytest.raises(ConfigError) as caught:
        load_schematic(path)
    assert "name one with --board" in caught.value.faults[0]
    assert load_schematic(path, board="nuc").board == "nuc"
    assert read_upstream_id(path) == PUBLISHED["customization: {}"]
    path = write(tmp_path, "overlay: {name: rpi_generic}\n")
    with pytest.raises(ConfigError) as caught:
        load_schematic(path, board="nuc")
    assert "rpi_generic is board rpi4, not nuc" in caught.value.faults[0]
    path = write(tmp_path, "overlay: {name: rockpi_4}\n")
    with pytest.raises(ConfigError) as caught:
        load_schematic(path)
    assert "no board for rockpi_4; known: jetson_nano" in caught.value.faults[0]


def test_ours_keeps_to_its_board(tmp_path: Path) -> None:
    """A board beside it must be the same one."""
    path = write(tmp_path, "board: nuc\n")
    assert load_schematic(path, board="nuc").board == "nuc"
    with pytest.raises(ConfigError, match="is for board nuc, not rpi4"):
        load_schematic(path, board="rpi4")


def test_every_equivalent_is_there() -> None:
    """Boards and extensions that upstream's names lead to exist."""
    assert set(BOARDS.values()) <= set(board_names())
    assert "iscsi" in extension_names()


def test_forms_are_told_apart() -> None:
    """By their keys; an empty document is neither."""
    assert is_upstream({"customization": {}})
    assert not is_upstream({"board": "a"})
    assert not is_upstream({})
    assert not is_upstream(None)


def test_an_unknown_key_of_upstreams_is_a_fault(tmp_path: Path) -> None:
    """Upstream refuses it, too."""
    with pytest.raises(ConfigError) as caught:
        load_schematic(write(tmp_path, "customization: {extraKernelArguments: [a]}\n"))
    assert "customization.extraKernelArguments: there is no such field" in caught.value.faults[0]


def test_config_txt_of_boards_without_one_can_be_left_out(tmp_path: Path) -> None:
    """It stays in neither the schematic nor its id."""
    text = "overlay: {name: jetson_nano, options: {configTxtAppend: a=1}}\ncustomization: {}\n"
    loaded = load_either(write(tmp_path, text), ignore_unknown=True)
    assert loaded.schematic.board == "jetson-nano"
    assert not loaded.schematic.config_txt.text
