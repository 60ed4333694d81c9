# SPDX-License-Identifier: Apache-2.0
"""Boards that come up as their cards want, on a network that offers them nothing."""

from pathlib import Path

import pytest

from tests.integration.qemu.test_board import run_module

pytestmark = [pytest.mark.qemu, pytest.mark.timeout(900)]


@pytest.mark.parametrize(("scene", "times"), [("network", 2), ("configuration", 2)])
def test_board_is_where_and_what_its_card_says(scene: str, times: int, tmp_path: Path) -> None:
    """With a network alone also before it is configured, and with a configuration at once."""
    done = run_module("tests.integration.qemu.card_wishes", scene, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("shelf-3 answers at 10.77.0.77") == times


def test_every_call_works_on_a_board_or_says_why_not(tmp_path: Path) -> None:
    """The walk of the lab nodes, on the kernel and the disks of a board, and a restart after it."""
    done = run_module("tests.integration.qemu.card_wishes", "api", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("shelf-3 answers at 10.77.0.77") == 1
