# SPDX-License-Identifier: Apache-2.0
"""Configuration files to apply, and a terminal that no environment variable changes."""

from pathlib import Path

import pytest

from tests.tui.stage import write_configurations


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw in colours whatever the tests were started with."""
    for name in ("NO_COLOR", "TEXTUAL_THEME", "TALOSCONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working directory with a valid and a broken configuration."""
    monkeypatch.chdir(tmp_path)
    write_configurations(tmp_path)
    return tmp_path
