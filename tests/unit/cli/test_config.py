# SPDX-License-Identifier: Apache-2.0
"""`edgectl config` on files: what is shown, changed and kept."""

from pathlib import Path

import pytest

from edge.cli.main import run
from edge.config.talosconfig import Context, TalosConfig, load_talosconfig, save_talosconfig


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a client configuration with two contexts as the user's own."""
    path = tmp_path / "talosconfig"
    contexts = {"one": Context(endpoints=("e1",)), "two": Context(nodes=("n2",))}
    save_talosconfig(TalosConfig(current="one", contexts=contexts), path)
    monkeypatch.setenv("TALOSCONFIG", str(path))
    return path


def test_contexts_are_listed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The current context carries a star."""
    assert run(["config", "contexts"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [["*", "one", "e1"], ["two", "n2"]]


def test_context_is_selected(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another context can be selected, an unknown one cannot."""
    assert run(["config", "context", "two"]) == 0
    assert load_talosconfig(path).current == "two"
    assert run(["config", "context", "three"]) == 3
    assert "known contexts: one, two" in capsys.readouterr().err


def test_nodes_and_endpoints_are_set(path: Path) -> None:
    """Lists are replaced in the chosen context; others stay."""
    assert run(["config", "node", "a,b", "c"]) == 0
    assert run(["config", "endpoint", "e9", "--context", "two"]) == 0
    contexts = load_talosconfig(path).contexts
    assert contexts["one"] == Context(endpoints=("e1",), nodes=("a", "b", "c"))
    assert contexts["two"] == Context(endpoints=("e9",), nodes=("n2",))
    assert load_talosconfig(path).current == "one"


def test_context_is_removed_unless_it_is_in_use(path: Path) -> None:
    """The current context stays; another goes."""
    assert run(["config", "remove", "one"]) == 3
    assert run(["config", "remove", "two"]) == 0
    assert list(load_talosconfig(path).contexts) == ["one"]


def test_merge_makes_the_file_when_there_is_none(path: Path, tmp_path: Path) -> None:
    """A first merge is a copy; merging a name again renames it."""
    new = tmp_path / "new"
    assert run(["config", "merge", str(path), "--talosconfig", str(new)]) == 0
    assert load_talosconfig(new) == load_talosconfig(path)
    assert (new.stat().st_mode & 0o777) == 0o600
    run(["config", "endpoint", "elsewhere"])
    assert run(["config", "merge", str(path), "--talosconfig", str(new)]) == 0
    assert load_talosconfig(new).current == "one-1"
