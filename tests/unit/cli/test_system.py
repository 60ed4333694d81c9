# SPDX-License-Identifier: Apache-2.0
"""What the system refuses, and streams that are not there: one line, never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli.main import run


def test_a_home_that_cannot_be_made_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the folder and the hint the variable that moves it."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path / "file"))
    assert run(["lab", "up"]) == 1
    err = capsys.readouterr().err
    assert f"edgectl: {tmp_path / 'file'}" in err
    assert "EDGECTL_HOME" in err


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(closed: str) -> None:
    """A caller may have closed stdin, stdout or stderr."""
    done = _shell(f"boards list {closed}")
    assert done.returncode == 0
    assert done.stderr == ""


def test_a_question_without_stdin_is_refused(tmp_path: Path) -> None:
    """With stdin closed nobody can be asked."""
    (tmp_path / "talosconfig").write_text("context: c\ncontexts: {c: {}}\n")
    done = _shell(f"reset -n 127.0.0.1 --talosconfig {tmp_path / 'talosconfig'} <&-")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_a_full_disk_behind_stdout_is_one_line() -> None:
    """What cannot be printed is said on stderr, and the command has failed."""
    done = _shell("boards list >/dev/full")
    assert done.returncode != 0
    assert "edgectl: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def _shell(words: str) -> subprocess.CompletedProcess[str]:
    command = f"{sys.executable} -m edge {words}"
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
