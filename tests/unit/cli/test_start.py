# SPDX-License-Identifier: Apache-2.0
"""How edgectl starts: what help and completion load, and what a shell gets from completion."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HEAVY = {
    *("asyncio", "cryptography", "google.protobuf", "grpc", "pydantic", "requests"),
    *("rich", "sqlite3", "textual", "tui", "yaml", "zeroconf"),
}
_REPORT = """
import sys
from edge.cli.main import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


def loaded_by(args: Sequence[str], env: Mapping[str, str]) -> tuple[str, set[str]]:
    """Return what a command line prints, and the heavy modules that it loads."""
    done = subprocess.run(
        [sys.executable, "-c", _REPORT, *args],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, HEAVY & set(done.stderr.splitlines()[-1].split())


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Give a home with an inventory of two nodes."""
    env = {"EDGECTL_HOME": str(tmp_path), "EDGECTL_CACHE": str(tmp_path / "cache")}
    for name, label in (("berlin-1", "site=berlin"), ("berlin-2", "rack=7")):
        line = ["inventory", "add", name, "10.0.0.1", "-l", label]
        subprocess.run(
            [sys.executable, "-m", "edge", *line],
            cwd=ROOT,
            env={**os.environ, **env},
            check=True,
            capture_output=True,
        )
    return env


@pytest.mark.parametrize(
    "args",
    [["--help"], ["--version"], ["version", "--help"], ["version", "--client"], ["get", "--help"]],
)
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    """What answers without a node starts like a bare click program."""
    assert loaded_by(args, {"TALOSCONFIG": "/nonexistent"})[1] == set()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("edgectl vers", ["version"]),
        ("edgectl version -n ber", ["berlin-1", "berlin-2"]),
        ("edgectl version --nodes berlin-1,b", ["berlin-1,berlin-2"]),
        ("edgectl -n site=b", ["berlin"]),
        ("edgectl -n berlin-2,work", ["berlin-2,workers"]),
    ],
)
def test_completion_is_complete_and_light(
    line: str, offered: list[str], env: dict[str, str]
) -> None:
    """Nodes, groups and labels come from the inventory at every press, after commas too."""
    asked = {
        **env,
        "_EDGECTL_COMPLETE": "bash_complete",
        "EDGECTL_LINE": line,
        "EDGECTL_BREAKS": " \"'><=;|&(:",
    }
    code = _REPORT.replace("main()", "sys.argv[0] = 'edgectl'; main()", 1)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
    )
    assert [row.partition(",")[2] for row in done.stdout.splitlines()] == offered
    assert HEAVY & set(done.stderr.splitlines()[-1].split()) == set()


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash to ask")
def test_bash_takes_the_script(env: dict[str, str], tmp_path: Path) -> None:
    """A real bash loads it and is given the rest of a label."""
    (tmp_path / "edgectl").write_text(
        f'#!/bin/sh\ncd {ROOT}\nexec {sys.executable} -c "{_START}" "$@"\n'
    )
    (tmp_path / "edgectl").chmod(0o755)
    script = """
source <(edgectl completion bash)
COMP_LINE='edgectl version -n berlin-1,site=' COMP_POINT=33
_edgectl_completion edgectl
echo "${COMPREPLY[@]}"
"""
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**os.environ, **env, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "berlin\n", done.stderr


_START = "import sys; sys.argv[0] = 'edgectl'; from edge.cli.main import main; main()"
