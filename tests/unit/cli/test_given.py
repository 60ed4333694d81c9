# SPDX-License-Identifier: Apache-2.0
"""Files that somebody names are read whole, or refused in one line; and where pipes will do."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from edge.cli.main import run
from edge.errors import ConfigError, InputError
from edge.text import read_bytes, read_given, read_text
from flasher.card.listing import load_list, make_card

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch

BOARD = "name: my-pi\nextends: rpi4\ntitle: A Pi of mine\nmodels: [a Pi of mine]\n"
BOARD += "works: [{feature: disk, state: unknown, text: Not tried., evidence: unverified}]\n"


@contextmanager
def pipe(text: str) -> Iterator[str]:
    """Lend the name that a shell gives `<(generator)`, from which `text` can be read once."""
    out, into = os.pipe()

    def write() -> None:
        os.write(into, text.encode())
        os.close(into)

    writer = Thread(target=write)
    writer.start()
    try:
        yield f"/dev/fd/{out}"
    finally:
        os.close(out)
        writer.join()


def test_text_is_read_with_any_line_ends(tmp_path: Path) -> None:
    """And up to the last byte that is allowed."""
    path = tmp_path / "list.csv"
    path.write_bytes("hostname\r\nä\r".encode())
    assert read_text(path) == "hostname\nä\n"
    assert read_bytes(path, path.stat().st_size) == path.read_bytes()


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    """Some never end, some never begin, and opening some already does something."""
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe", tmp_path):
        with pytest.raises(InputError, match=f"^reading {path}: not a regular file$"):
            read_text(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"x" * 9, "larger than 8 B"), ("größe".encode("latin-1"), "not UTF-8")],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    """Saying what to do about it."""
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    for read in (read_text, read_given):
        with pytest.raises(ConfigError, match=f"^reading {path}: {reason}$") as caught:
            read(path, most=8)
        assert caught.value.hint


def test_name_that_no_file_can_have_is_refused() -> None:
    """As YAML can spell one."""
    with pytest.raises(InputError, match="null"):
        read_text(Path("a\0b"))


@pytest.mark.parametrize("column", ["config", "files"])
def test_cards_and_lists_read_no_devices(column: str) -> None:
    """Whichever column or option names it."""
    with pytest.raises(ConfigError, match="reading /dev/zero: not a regular file"):
        load_list(Path("/dev/zero"))
    value = "a=/dev/zero" if column == "files" else "/dev/zero"
    with pytest.raises(ConfigError) as caught:
        make_card({column: value})
    assert caught.value.faults == (f"card, {column}: reading /dev/zero: not a regular file",)


def test_a_pipe_is_read_where_the_command_line_names_it() -> None:
    """A device, which may have no end, is not."""
    with pipe("hello\r\n") as name:
        assert read_given(Path(name)) == "hello\n"
    with pytest.raises(InputError, match="reading /dev/zero: not a regular file"):
        read_given(Path("/dev/zero"))


def test_a_pipe_without_end_is_not_read_to_its_end() -> None:
    """It is refused once it is longer than what it could mean."""
    with pipe("x" * 64) as name, pytest.raises(InputError, match="larger than 8 B"):
        read_given(Path(name), most=8)


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        (("boards", "validate", "{}"), BOARD, "is valid: board my-pi"),
        (("schematic", "id", "{}"), "board: rpi4\n", ""),
        (("schematic", "show", "{}"), "board: rpi4\n", ""),
        (
            ("validate", "-c", "{}"),
            "version: v1alpha1\nmachine:\n  colour: red\n",
            "machine.colour",
        ),
        (("image", "build", "--schematic", "{}", "--meta", "x"), "board: rpi4\n", "META value 'x'"),
        (("image", "build", "--schematic", "{}"), "colour: red\n", "colour"),
        (("image", "build", "--board", "nuc", "--config-txt", "{}"), "a=1\n", "has no config.txt"),
        (("image", "build", "--board", "rpi5", "--grub-cfg", "{}"), "set\n", "without GRUB"),
        (("machineconfig", "patch", "{}", "-p", "[]"), "machine: {colour: red}\n", "colour"),
        (("apply-config", "-n", "192.0.2.1", "-f", "{}"), "machine: {colour: red}\n", "colour"),
    ],
)
@pytest.mark.parametrize("way", ["pipe", "stdin"])
def test_commands_take_pipes(
    words: tuple[str, ...], text: str, said: str, way: str, capsys: Capture, monkeypatch: Patch
) -> None:
    """As `<(generator)` gives one, or behind a dash: the text comes as from a file."""
    if way == "stdin":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        code, name = run([each.replace("{}", "-") for each in words]), "stdin"
    else:
        with pipe(text) as name:
            code = run([each.replace("{}", name) for each in words])
    err = capsys.readouterr().err
    assert said in err
    assert "not a" not in err.replace("is not a valid board", "")
    if said in ("machine.colour", "colour"):
        assert name in err
    if not said or "is valid" in said:
        assert code == 0


def test_files_that_a_pipe_names_lie_here(
    tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    """A pipe has no folder that they could lie beside."""
    (tmp_path / "more.txt").write_text("hdmi_group=1\n")
    schematic = tmp_path / "made.yaml"
    schematic.write_text("board: rpi4\nconfig_txt: {file: more.txt}\n")
    assert run(["schematic", "id", str(schematic)]) == 0
    from_file = capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    with pipe(schematic.read_text()) as name:
        assert run(["schematic", "id", name]) == 0
    assert capsys.readouterr().out == from_file


def test_standard_input_may_be_closed(capsys: Capture, monkeypatch: Patch) -> None:
    """Then Python has none; edgectl as a program gives itself an empty one."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match=r"^reading stdin: it is closed$"):
        read_given(Path("-"))
    assert run(["schematic", "id", "-"]) == 2
    assert "reading stdin: it is closed" in capsys.readouterr().err


def test_standard_input_is_there_for_one_option(capsys: Capture) -> None:
    """It can be read but once."""
    words = ["image", "build", "--schematic", "-", "--config-txt", "-"]
    assert run(words) == 2
    assert "only one option may be -" in capsys.readouterr().err
