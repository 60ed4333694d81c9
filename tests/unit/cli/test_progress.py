# SPDX-License-Identifier: Apache-2.0
"""Events as people and programs see them."""

import json

import pytest

from edge.cli.progress import narrate
from edge.events import Noted, Progressed, StepFinished, StepStarted

EVENTS = (
    StepStarted(step="flash"),
    *(Progressed(step="write", done_bytes=n, total_bytes=100) for n in range(0, 101, 5)),
    Noted(text="a remark"),
    StepFinished(step="flash", seconds=2.0, detail="1 MiB written"),
)


def test_plain_lines_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, progress is a line a quarter, all on stderr."""
    with narrate() as listener:
        for event in EVENTS:
            listener(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "flash ...",
        "  write: 25 B of 100 B",
        "  write: 50 B of 100 B",
        "  write: 75 B of 100 B",
        "  write: 100 B of 100 B",
        "  a remark",
        "flash done in 2.0 s: 1 MiB written",
    ]


def test_json_lines_have_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    """For programs each event is one object on stdout."""
    with narrate(as_lines=True) as listener:
        for event in EVENTS:
            listener(event)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == len(EVENTS)
    assert lines[0] == {"event": "StepStarted", "step": "flash"}


def test_terminal_gets_bars(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the same events draw bars and end in the same words."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with narrate() as listener:
        for event in EVENTS:
            listener(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert "flash done in 2.0 s: 1 MiB written" in err
    assert "a remark" in err
