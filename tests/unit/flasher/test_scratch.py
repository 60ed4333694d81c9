# SPDX-License-Identifier: Apache-2.0
"""Folders for work that may be killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flasher.scratch import scratch_folder

WORKER = """
import sys
from flasher.scratch import scratch_folder
with scratch_folder("test") as folder:
    (folder / "large").write_bytes(b"x")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_one_left_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders that somebody works in, new ones, those of others and other things stay."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", WORKER]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout
        left = Path(worker.stdout.readline().strip())
        others = [tmp_path / f"edgectl-test-{each}" for each in ("file", "link", "new", "foreign")]
        others[0].touch()
        others[1].symlink_to(tmp_path)
        others[2].mkdir()
        others[3].mkdir()
        os.chown(others[3], 12345, 12345)
        for each in (left, others[0], others[3]):
            os.utime(each, (0, 0))
        with scratch_folder("test") as folder:
            assert folder.is_dir()
            assert left.is_dir()
        worker.kill()
    with scratch_folder("test"):
        assert not left.exists()
    assert sorted(tmp_path.iterdir()) == sorted(others)
