# SPDX-License-Identifier: Apache-2.0
"""Help texts: every command has one, it fits a terminal, and it costs no heavy import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli.main import COMMANDS

ROOT = Path(__file__).parents[3]
HEAVY = ("grpc", "textual", "requests", "pydantic", "google.protobuf", "zeroconf", "cryptography")

_SCRIPT = """
import contextlib, io, json, sys
import click
from edge.cli.main import COMMANDS, cli, run

def helps(words, command):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        code = run([*words, "--help"])
    heavy = [name for name in {heavy!r} if name in sys.modules]
    yield {{"words": words, "code": code, "text": text.getvalue(), "heavy": heavy}}
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from helps([*words, name], command.get_command(click.Context(command), name))

found = [*helps([], None)]
for name in COMMANDS:
    try:
        found += helps([name], cli.get_command(click.Context(cli), name))
    except ModuleNotFoundError as error:
        found.append({{"words": [name], "code": str(error), "text": "", "heavy": []}})
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def pages() -> dict[str, dict[str, object]]:
    """Give the help of every command and subcommand, printed by one new process."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(heavy=HEAVY)],
        cwd=ROOT,
        env={"COLUMNS": "80", "PATH": "/usr/bin:/bin", "HOME": "/"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {" ".join(page["words"]): page for page in json.loads(done.stdout)}


def test_every_command_has_help(pages: dict[str, dict[str, object]]) -> None:
    """Each registered command can be imported and explains itself."""
    assert set(COMMANDS) <= set(pages)
    assert {name: page["code"] for name, page in pages.items() if page["code"] != 0} == {}


def test_help_fits_a_terminal(pages: dict[str, dict[str, object]]) -> None:
    """No line of any help is longer than 80 characters."""
    wide = [
        (name, line)
        for name, page in pages.items()
        for line in str(page["text"]).splitlines()
        if len(line) > 80
    ]
    assert wide == []


def test_help_is_cheap(pages: dict[str, dict[str, object]]) -> None:
    """Help imports none of the libraries that take long to load."""
    assert {name: page["heavy"] for name, page in pages.items() if page["heavy"]} == {}


def test_help_says_where_nodes_are_named(pages: dict[str, dict[str, object]]) -> None:
    """Commands for nodes show the options that name them, apart from their own."""
    assert "Which nodes:\n  -n, --nodes NODE" in str(pages["get"]["text"])
