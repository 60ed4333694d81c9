# SPDX-License-Identifier: Apache-2.0
"""The options that name nodes: before the command, after it, and merged."""

from pathlib import Path

import click
import pytest

from edge.cli.main import run
from edge.cli.nodes import NoNodesError, choose_access
from edge.cli.options import NodeCommand, Targets, given_targets, target_options
from edge.config.talosconfig import Context, TalosConfig, save_talosconfig


def targets_of(*args: str) -> Targets:
    """Return what a group with one command takes from a command line."""
    seen: list[Targets] = []

    @click.group()
    def group() -> None:
        """Do nothing."""

    @group.command(cls=NodeCommand)
    def show() -> None:
        """Keep the targets."""
        seen.append(given_targets())

    group.params.extend(target_options())
    group.main(args, standalone_mode=False)
    return seen[0]


def access_of(*args: str, named_only: bool = False, insecure: bool = False) -> tuple[str, ...]:
    """Return the nodes that a command line chooses."""
    seen: list[tuple[str, ...]] = []

    @click.command(cls=NodeCommand)
    def show() -> None:
        """Keep the nodes."""
        seen.append(choose_access(insecure=insecure, named_only=named_only).nodes)

    show.main(args, standalone_mode=False)
    return seen[0]


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Give a client configuration with one context that has nodes and one that has not."""
    both = TalosConfig(
        current="a",
        contexts={
            "a": Context(endpoints=("e1",), nodes=("n1", "n2")),
            "b": Context(endpoints=("e1", "e2")),
            "c": Context(),
        },
    )
    save_talosconfig(both, tmp_path / "talosconfig")
    return str(tmp_path / "talosconfig")


def test_lists_add_up_before_and_after_the_command() -> None:
    """Nodes may be repeated, joined by commas, and stand on both sides of the command."""
    targets = targets_of("-n", "a,b", "-e", "x", "show", "--nodes", "c", "-n", "a", "-e", "y")
    assert targets.nodes == ("a", "b", "c")
    assert targets.endpoints == ("x", "y")


def test_later_single_value_wins() -> None:
    """A context after the command replaces the one before it."""
    targets = targets_of("--context", "one", "--talosconfig", "f", "show", "--context", "two")
    assert (targets.context, targets.talosconfig) == ("two", Path("f"))


def test_nothing_given_is_nothing() -> None:
    """Without options there are no targets."""
    assert targets_of("show") == Targets()


@pytest.mark.parametrize(
    ("args", "nodes"),
    [
        (["-n", "x"], ("x",)),
        ([], ("n1", "n2")),
        (["--context", "b"], ("e1", "e2")),
        (["--context", "b", "-e", "e3"], ("e3",)),
    ],
)
def test_nodes_come_from_the_nearest_source(
    config: str, args: list[str], nodes: tuple[str, ...]
) -> None:
    """Named nodes, then the context's nodes, then endpoints."""
    assert access_of("--talosconfig", config, *args) == nodes


def test_nobody_named_is_told_what_to_type(config: str) -> None:
    """A context without nodes and endpoints leaves one line to the user."""
    with pytest.raises(NoNodesError, match="add -n ADDRESS"):
        access_of("--talosconfig", config, "--context", "c")


def test_defaults_do_not_count_where_much_is_at_stake(config: str) -> None:
    """Destructive commands and first contact take nodes from the command line alone."""
    with pytest.raises(NoNodesError):
        access_of("--talosconfig", config, named_only=True)
    with pytest.raises(NoNodesError):
        access_of("--talosconfig", config, insecure=True)


def test_missing_client_configuration_says_how_to_get_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any client configuration the error names the path and the remedy."""
    assert run(["get", "disks", "--talosconfig", str(tmp_path / "none")]) == 3
    err = capsys.readouterr().err
    assert str(tmp_path / "none") in err
    assert "edgectl gen config" in err


def test_version_of_the_client_needs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A newcomer's `edgectl version` works."""
    monkeypatch.setenv("TALOSCONFIG", str(tmp_path / "none"))
    assert run(["version", "--short"]) == 0
    assert capsys.readouterr().out.startswith("Client v")
