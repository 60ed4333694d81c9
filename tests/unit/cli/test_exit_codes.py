# SPDX-License-Identifier: Apache-2.0
"""The same mistake ends with the same code, whichever command or option it is made with."""

from pathlib import Path

import pytest

from edge.cli.exit import ExitCode
from edge.cli.main import run

NOT_THERE = [
    "boards validate none",
    "boards detect --root none",
    "extensions show ./none",
    "image build --schematic none",
    "image build --board rpi4 --config-txt none",
    "image build --board rpi4 --grub-cfg none",
    "image build --board rpi4 --overlay ./none.dts",
    "image build --board rpi4 --overlay ./none.dtbo",
    "image build --board rpi4 --extension ./none",
    "image build --board rock-5b --piece loader=none",
    "image build --board rpi4 --output none/a.img",
    "image verify none",
    "overlays check disable-bt --tree none",
    "overlays apply none disable-bt -o out.dtb",
    "overlays apply pi.dtb ./none.dts -o out.dtb",
    "schematic id none",
    "schematic show none",
    "schematic id none --upstream",
    "validate none",
    "machineconfig patch none -p {}",
    "apply-config -n 192.0.2.1 -f none",
    "patch mc -n 192.0.2.1 -p @none",
    "gen config name https://192.0.2.1:6443 --config-patch @none",
    "flash --image none --to out.img --size 1GiB -y",
]
NOT_KNOWN = [
    "boards",
    "overlays show none",
    "overlays list --soc none",
    "overlays show none --board rpi4",
    "overlays show disable-bt --soc none",
    "overlays check none --tree pi.dtb",
    "overlays apply pi.dtb none -o out.dtb",
    "extensions show none",
    "image build --board rpi4 --overlay none",
    "image build --board rpi4 --extension none",
    "image build --board rpi4 --piece none=pi.dtb",
    "console --expect none",
]
NOT_ALLOWED = [
    "image build",
    "image build --board rpi4 --overlay i2c-rtc,none=1",
    "image build --board rpi4 --overlay i2c-rtc,chip=none",
    "image build --board rpi4 --overlay i2c-rtc,chip",
    "image build --board rpi4 --overlay disable-bt --overlay disable-bt",
    "image build --board rpi4 --overlay text",
    "image build --board rpi4 --overlay ./text",
    "image build --board rpi4 --piece none",
    "image build --board rpi4 --meta none",
    "image build --board rpi4 --meta 0x999=none",
    "image build --board rpi4 --kernel-arg a$b",
    "image build --board rpi4 --output text",
    "image build --board rpi4 --output /dev/null",
    "image build --schematic right.yaml --board rpi5",
    "image build --schematic .",
    "image verify .",
    "overlays apply pi.dtb i2c-rtc,chip=none -o out.dtb",
    "console none://x",
    "gen config name 192.0.2.1",
    "gen secrets --talos-version none",
    "meta write 300 x -n 192.0.2.1",
    "meta delete 0 -n 192.0.2.1",
    # What only its user has, and did not give.
    "image build --board rock-5b",
]
NO_BOARD = [
    "boards show none",
    "overlays list --board none",
    "overlays show i2c-rtc --board none",
    "overlays check disable-bt --board none",
    "image build --board none",
    "image build --schematic right.yaml --board none",
    "image verify text --board none",
    "schematic id right.yaml --board none",
    "schematic show right.yaml --board none",
    "console --board none",
    "flash --board none --to out.img -y",
]
NOT_FOR_THE_BOARD = [
    "overlays show gpio-fan --board jetson-nano",
    "image build --board jetson-nano --overlay gpio-fan",
    "image build --board nuc --config-txt text",
    "image build --board rpi5 --grub-cfg text",
]
WRONG_DOCUMENT = [
    "boards validate text",
    "extensions show ./folder",
    "image build --schematic text",
    "image build --schematic wrong.yaml",
    "image build --board rpi4 --config-txt long.txt",
    "image build --board rpi4 --extension ./folder",
    "schematic id text",
    "schematic id wrong.yaml",
    "schematic show text",
    "schematic id text --upstream",
    "validate text",
]
WRONG_BINARY = [
    "image verify text",
    "overlays check disable-bt --tree text",
    "overlays apply text disable-bt -o out.dtb",
    "image build --board rock-5b --piece loader=text",
    "flash --image text --to out.img --size 1GiB -y",
]
NO_DEVICE = ["flash --image pi.dtb --to /dev/none -y"]
NO_CONSOLE = ["console /dev/none"]

TABLE = [
    (words, code)
    for lines, code in (
        (NOT_THERE, ExitCode.USAGE),
        (NOT_KNOWN, ExitCode.USAGE),
        (NOT_ALLOWED, ExitCode.USAGE),
        (NO_BOARD, ExitCode.BOARD),
        (NOT_FOR_THE_BOARD, ExitCode.BOARD),
        (WRONG_DOCUMENT, ExitCode.CONFIG),
        (WRONG_BINARY, ExitCode.IMAGE),
        (NO_DEVICE, ExitCode.DEVICE),
        (NO_CONSOLE, ExitCode.NODE),
    )
    for words in lines
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with files of every sort."""
    monkeypatch.chdir(tmp_path)
    Path("right.yaml").write_text("board: rpi4\n")
    Path("wrong.yaml").write_text("board: none\n")
    Path("text").write_text("this is text\n" * 100)
    Path("long.txt").write_text("a=" + "1" * 200)
    Path("folder").mkdir()
    Path("folder/extension.yaml").write_text("colour: red\n")
    Path("pi.dtb").write_bytes(_TREE)


@pytest.mark.parametrize(("words", "code"), TABLE, ids=[words for words, _ in TABLE])
def test_a_mistake_has_one_code(
    words: str, code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two is for what was typed, three for documents, four for boards, six for what is binary."""
    assert run(words.split()) == code
    assert {"edgectl", "Usage"} & {
        line.partition(":")[0] for line in capsys.readouterr().err.splitlines()
    }


# A device tree with `compatible = "brcm,bcm2711"` and nothing else.
_STRUCTURE = (
    b"\0\0\0\x01\0\0\0\0\0\0\0\x03\0\0\0\x0d\0\0\0\0brcm,bcm2711\0\0\0\0\0\0\0\x02\0\0\0\x09"
)
_HEAD = (0xD00DFEED, 56 + len(_STRUCTURE) + 11, 56, 56 + len(_STRUCTURE), 40, 17, 16, 0, 11)
_TREE = b"".join(each.to_bytes(4, "big") for each in (*_HEAD, len(_STRUCTURE)))
_TREE += bytes(16) + _STRUCTURE + b"compatible\0"
