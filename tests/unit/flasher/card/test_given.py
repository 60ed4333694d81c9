# SPDX-License-Identifier: Apache-2.0
"""Files that an operator names are read whole, or refused in one line."""

import os
from pathlib import Path

import pytest

from edge.errors import ConfigError
from flasher.card.given import read_bytes, read_text
from flasher.card.listing import load_list, make_card


def test_text_is_read_with_any_line_ends(tmp_path: Path) -> None:
    """And up to the last byte that is allowed."""
    path = tmp_path / "list.csv"
    path.write_bytes("hostname\r\nä\r".encode())
    assert read_text(path) == "hostname\nä\n"
    assert read_bytes(path, most=path.stat().st_size) == path.read_bytes()


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    """Some never end, some never begin, and opening some already does something."""
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe", tmp_path):
        with pytest.raises(ConfigError, match=f"^reading {path}: not a regular file$"):
            read_text(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"x" * 9, "larger than 8 B"), ("größe".encode("latin-1"), "not UTF-8")],
)
def test_what_is_no_text_of_a_card_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    """Saying what to do about it."""
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^reading {path}: {reason}$") as caught:
        read_text(path, most=8)
    assert caught.value.hint


def test_name_that_no_file_can_have_is_refused() -> None:
    """As YAML can spell one."""
    with pytest.raises(ConfigError, match="null byte"):
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
