# SPDX-License-Identifier: Apache-2.0
"""Commands that need no node: validate, completion, and mistakes that are found before dialling."""

import io
from pathlib import Path

import pytest

from edge.cli.main import run


@pytest.fixture
def worker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Give a generated machine configuration."""
    assert run(["gen", "config", "c", "https://10.0.0.1:6443", "-o", str(tmp_path)]) == 0
    capsys.readouterr()
    return tmp_path / "worker.yaml"


def test_generated_configuration_is_valid(worker: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What gen config writes passes validate, on stderr and with nothing on stdout."""
    assert run(["validate", str(worker)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "is valid" in err


def test_stdin_is_validated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dash reads stdin; faults are listed and end with code 3."""
    text = b"version: v1alpha1\nmachine:\n    colour: red\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert run(["validate", "-c", "-"]) == 3
    assert "stdin:3: machine.colour: unknown key" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The script asks edgectl itself for completions."""
    assert run(["completion", shell]) == 0
    assert f"_EDGECTL_COMPLETE={shell}_complete" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["-n", "x"], "name one configuration"),
        (["-n", "x", "a.yaml", "-f", "b.yaml"], "name one configuration"),
        (["{worker}"], "add -n ADDRESS"),
        (["-n", "x", "{worker}", "--timeout", "soon"], "not a duration"),
        (["-n", "x", "{worker}", "--cert-fingerprint", "A" * 43 + "="], "goes with --insecure"),
        (["-n", "x", "-i", "{worker}", "--cert-fingerprint", "f"], "is no fingerprint"),
    ],
)
def test_apply_config_finds_mistakes_of_usage(
    worker: Path, args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mistakes on the command line end with code 2 before anything is sent."""
    args = [each.format(worker=worker) for each in args]
    assert run(["apply-config", *args]) == 2
    assert said in capsys.readouterr().err


def test_reset_of_a_whole_disk_names_no_volumes(capsys: pytest.CaptureFixture[str]) -> None:
    """The two ways to say what is wiped exclude each other."""
    args = ["--wipe-disk", "--system-labels-to-wipe", "STATE", "-n", "x", "--yes"]
    assert run(["reset", *args]) == 2
    assert "wipes every volume" in capsys.readouterr().err
