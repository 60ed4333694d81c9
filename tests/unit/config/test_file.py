# SPDX-License-Identifier: Apache-2.0
"""Files written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from edge.config.file import write_file, write_files
from edge.errors import ConfigError


def test_all_or_none(tmp_path: Path) -> None:
    """When one of several files exists, none is written."""
    (tmp_path / "b").write_text("old")
    with pytest.raises(ConfigError, match="b already exists") as caught:
        write_files({tmp_path / "a": "new", tmp_path / "b": "new"})
    assert caught.value.hint
    assert "--force" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    write_files({tmp_path / "a": "new", tmp_path / "b": "new"}, force=True)
    assert (tmp_path / "b").read_text() == "new"


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    """When a file cannot be written, those before it are not there either."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="writing"):
        write_files({tmp_path / "a": "new", tmp_path / "file/b": "new"})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room not even an empty file with another name stays."""

    def refuse(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ConfigError, match="No space left") as caught:
        write_file(tmp_path / "a", "new")
    assert "make room" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    """Not even with force does a device or a pipe give way to a file."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="pipe is not a regular file"):
        write_file(tmp_path / "pipe", "new")
    assert (tmp_path / "pipe").is_fifo()


def test_secrecy(tmp_path: Path) -> None:
    """Only the owner can read what was written, whatever was there before."""
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_file(path, "new")
    assert path.stat().st_mode & 0o777 == 0o600
