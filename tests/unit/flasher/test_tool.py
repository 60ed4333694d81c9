# SPDX-License-Identifier: Apache-2.0
"""Programs of the host: what they do to their process group stays there."""

import signal
from pathlib import Path

import pytest

from edge.errors import ImageError, ToolError
from flasher.tool import run_tool


def test_a_program_gets_its_text_and_is_read() -> None:
    """stdin goes in, stdout comes out."""
    assert run_tool("cat", text_in="hello") == "hello"


def test_a_program_may_hang_up_on_its_group() -> None:
    """mmdebstrap does so when it fails; it must not end the build without a word."""
    with pytest.raises(ToolError, match="sh failed: broken"):
        run_tool("sh", "-c", "echo broken >&2; kill -HUP 0")


def test_a_full_disk_is_told_from_other_failures() -> None:
    """What the program says of the disk decides."""
    with pytest.raises(ImageError, match="the disk is full"):
        run_tool("sh", "-c", "echo 'write: No space left on device' >&2; exit 1")


def test_an_interrupt_ends_the_program_too(tmp_path: Path) -> None:
    """Ctrl-C does not reach another group by itself."""
    script = f"trap 'touch {tmp_path}/ended; exit' TERM; sleep 300 & wait"
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_tool("sh", "-c", script)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert (tmp_path / "ended").exists()
