# SPDX-License-Identifier: Apache-2.0
"""Logs of consoles: every byte, and lines with their times."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.provision.console.log import RawLog, TextLog

START = datetime(2026, 3, 1, 9, 15, 0, tzinfo=UTC)


def clock(*seconds: float) -> Callable[[], datetime]:
    """Return a clock that shows these seconds after the start, one by one and then the last."""
    left = list(seconds)
    return lambda: START + timedelta(seconds=left.pop(0) if len(left) > 1 else left[0])


def test_raw_log_is_appended_to(tmp_path: Path) -> None:
    """A second console goes on where the first one ended, byte for byte."""
    path = tmp_path / "raw"
    for data in (b"\x00\xff first\r", b"\x1b[2Jsecond"):
        with RawLog(path) as log:
            log.take(data)
    assert path.read_bytes() == b"\x00\xff first\r\x1b[2Jsecond"


def test_text_log_has_times_and_no_controls(tmp_path: Path) -> None:
    """Escape sequences, CR, NUL and backspaces are gone; each line has the time it began."""
    path = tmp_path / "text"
    with TextLog(path, now=clock(2.125, 3.5)) as log:
        log.take(b"\x00\x1b[2J\x1b[01;31mWelcome t", 2.0)
        log.take(b"oo\b GRUB!\r\n", 2.125)
        log.take("[    0.1] Grüße\n".encode(), 3.5)
    assert path.read_text().splitlines() == [
        "2026-03-01T09:15:02.000Z      2.000  Welcome to GRUB!",
        "2026-03-01T09:15:03.500Z      3.500  [    0.1] Grüße",
    ]


def test_prompt_is_written_when_nothing_follows(tmp_path: Path) -> None:
    """A line that waits for a key is in the log a second later, and at the latest at the end."""
    path = tmp_path / "text"
    with TextLog(path, now=clock(5.0)) as log:
        log.take(b"U-Boot> ", 4.0)
        log.wait(4.5)
        assert path.read_text() == ""
        log.wait(5.0)
        assert path.read_text().endswith("     4.000  U-Boot>\n")
        log.take(b"half a line", 5.0)
    assert path.read_text().endswith("     5.000  half a line\n")


def test_remarks_stand_apart(tmp_path: Path) -> None:
    """What the program says about the console is marked as such."""
    path = tmp_path / "text"
    with TextLog(path, now=clock(0.0)) as log:
        log.note("console /dev/ttyUSB0 at 115200 baud", 0.0)
    assert path.read_text().endswith("     0.000  # console /dev/ttyUSB0 at 115200 baud\n")


def test_every_line_is_on_disk_at_once(tmp_path: Path) -> None:
    """Nothing waits in this process: somebody else can read it before the log is closed."""
    with RawLog(tmp_path / "raw") as raw, TextLog(tmp_path / "text") as text:
        raw.take(b"line\n")
        text.take(b"line\n", 0.0)
        assert (tmp_path / "raw").read_bytes() == b"line\n"
        assert (tmp_path / "text").read_text().endswith("line\n")


@pytest.mark.parametrize("kind", [RawLog, TextLog])
def test_folder_is_no_log(kind: type[RawLog | TextLog], tmp_path: Path) -> None:
    """What cannot be written is named before anything is read."""
    with pytest.raises(EdgeError, match=r"cannot write the log .*: it is no file"):
        kind(tmp_path)


def test_full_disk_is_one_line() -> None:
    """A disk without room ends it with the name of the log."""
    with RawLog(Path("/dev/full")) as log, pytest.raises(EdgeError, match="/dev/full: No space"):
        log.take(b"x")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300), places=st.lists(st.integers(0, 300), max_size=8))
def test_pieces_make_no_difference(data: bytes, places: list[int], tmp_path: Path) -> None:
    """The same lines are written however the bytes are cut up, and none holds a control."""
    texts = []
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    for cuts in (edges, [0, len(data)]):
        path = tmp_path / "text"
        path.unlink(missing_ok=True)
        with TextLog(path, now=clock(1.0)) as log:
            for start, end in itertools.pairwise(cuts):
                log.take(data[start:end], 1.0)
        texts.append(path.read_text())
    assert texts[0] == texts[1]
    lines = texts[0].split("\n")
    assert not any(ord(each) < 0x20 or 0x7F <= ord(each) < 0xA0 for each in "".join(lines))
