# SPDX-License-Identifier: Apache-2.0
"""Switches with a value."""

import click
import pytest

from edge.cli.options import NodeCommand


def taken(*args: str) -> tuple[bool, bool, str]:
    """Return what a command with two switches and an option takes from `args`."""
    seen: list[tuple[bool, bool, str]] = []

    @click.command(cls=NodeCommand)
    @click.option("--wait/--no-wait", default=True)
    @click.option("-f", "--follow", is_flag=True)
    @click.option("--word", default="")
    @click.argument("rest", nargs=-1)
    def show(*, wait: bool, follow: bool, word: str, rest: tuple[str, ...]) -> None:
        """Keep the values."""
        seen.append((wait, follow, " ".join((word, *rest))))

    show.main(args, standalone_mode=False)
    return seen[0]


@pytest.mark.parametrize(
    ("args", "values"),
    [
        ([], (True, False, "")),
        (["--wait=false"], (False, False, "")),
        (["--wait=true", "-f=true"], (True, True, "")),
        (["--no-wait", "--follow"], (False, True, "")),
        (["--word=false"], (True, False, "false")),
        (["--", "--wait=false"], (True, False, " --wait=false")),
    ],
)
def test_switches_take_true_and_false(args: list[str], values: tuple[bool, bool, str]) -> None:
    """What is not a switch keeps its value; what comes after `--` is nobody's option."""
    assert taken(*args) == values
