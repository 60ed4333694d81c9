# SPDX-License-Identifier: Apache-2.0
"""What nodes say drives no terminal: names of files, lines of logs, errors."""

import io
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cli.main import report
from edge.cli.nodes import on_nodes
from edge.cli.output import as_table, emit, inert, show_line
from edge.errors import ConfigError, NodeError

TITLE = "\x1b]0;gone\x07"
SHOWN = "\\x1b]0;gone\\x07"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_direction_of_text_is_not_turned() -> None:
    """What is shown is what was said, from left to right."""
    assert inert("a\u202eb\u2066c") == "a\\u202eb\\u2066c"


@given(st.text())
def test_law_of_inert_text(text: str) -> None:
    """Nothing is left that is a control character, in lines none but their ends and tabs."""
    assert not [each for each in inert(text) if each < " " or "\x7f" <= each < "\xa0"]
    assert not [each for each in inert(text, lines=True) if each < " " and each not in "\n\t"]
    if text.isprintable():
        assert inert(text) == text


def test_a_cell_is_a_cell() -> None:
    """Neither is a row more than one line, nor do its columns lose their places."""
    rows: list[dict[str, Any]] = [{"name": f"a{TITLE}"}, {"name": ["b\nc", "d"]}]
    assert as_table(rows, ["name"]).splitlines() == ["NAME", f"a{SHOWN}", "b\\x0ac,d"]


def test_data_is_data(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get what the node said."""
    emit([{"name": TITLE}], columns=["name"], output="json")
    assert "\\u001b]0;gone" in capsys.readouterr().out


def test_lines_for_people_and_for_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that goes into a file is the log."""
    for made, said in ((io.StringIO, TITLE), (_Terminal, SHOWN)):
        stream = made()
        monkeypatch.setattr(sys, "stdout", stream)
        show_line(f"a\t{TITLE}")
        assert stream.getvalue() == f"a\t{said}\n"


@pytest.mark.parametrize("nodes", [["a"], ["a", "b"]])
def test_errors_of_nodes(capsys: pytest.CaptureFixture[str], nodes: list[str]) -> None:
    """Alone and among others."""

    async def refuse(node: str) -> None:
        raise NodeError(f"{node}: {TITLE}")

    try:
        on_nodes(nodes, refuse)
    except NodeError as error:
        report(error)
    assert capsys.readouterr().err.splitlines() == [f"edgectl: {each}: {SHOWN}" for each in nodes]


def test_faults_of_configurations(capsys: pytest.CaptureFixture[str]) -> None:
    """They quote what is in the document."""
    report(ConfigError("no", faults=(TITLE,)))
    assert capsys.readouterr().err == f"edgectl: no\n  {SHOWN}\n"
