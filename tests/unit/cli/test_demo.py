# SPDX-License-Identifier: Apache-2.0
"""What the demonstration says at its end."""

import sys
from pathlib import Path

import pytest

from edge.cli.commands import demo


def test_program_that_is_named_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where edgectl was never installed beside Python, it is run as a module."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    assert demo._program() == f"{tmp_path}/python3 -m edge"
    (tmp_path / "edgectl").touch()
    assert demo._program() == str(tmp_path / "edgectl")
