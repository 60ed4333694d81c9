# SPDX-License-Identifier: Apache-2.0
"""An image with extensions, booted: what they bring runs on the board and is ruled by its owner."""

from pathlib import Path

import pytest

from tests.integration.qemu.test_board import run_module

pytestmark = [pytest.mark.qemu, pytest.mark.timeout(900)]


@pytest.mark.parametrize("board", ["qemu-arm64", "qemu-amd64"])
def test_extensions_run_on_a_board(board: str, tmp_path: Path) -> None:
    """Listed with the schematic; services run, are stopped, started and ended; META is there."""
    module = "tests.integration.qemu.extension_board"
    done = run_module(module, "--board", board, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
