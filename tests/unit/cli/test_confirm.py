# SPDX-License-Identifier: Apache-2.0
"""Questions before something is lost: a yes goes on, everything else does not."""

import io

import click
import pytest

from edge.cli.confirm import confirm


class Keyboard(io.StringIO):
    """Somebody who types an answer."""

    def isatty(self) -> bool:
        """Say that somebody is there."""
        return True


def test_yes_goes_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The question goes to stderr, so that stdout stays data."""
    monkeypatch.setattr("sys.stdin", Keyboard("y\n"))
    confirm("go on?", yes=False)
    assert capsys.readouterr().err.startswith("go on?")


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_anything_else_stops(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No, nothing, and the end of input stop the command."""
    monkeypatch.setattr("sys.stdin", Keyboard(answer))
    with pytest.raises(click.Abort):
        confirm("go on?", yes=False)


def test_nobody_there_is_told_to_add_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script has to say --yes itself."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(click.UsageError, match="--yes"):
        confirm("go on?", yes=False)
    confirm("go on?", yes=True)
