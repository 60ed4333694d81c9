# SPDX-License-Identifier: Apache-2.0
"""First configurations without discovery: the node behind a console, found by what it prints."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli.main import run
from edge.provision.lab import Lab, LabNode
from tests.fakes.console_server import ConsoleServer
from tests.integration.cli.conftest import edgectl, until


@pytest.fixture
def node(lab: Lab) -> Iterator[LabNode]:
    """Give a node in maintenance that printed where it is."""
    lab.create("shy")
    yield lab.start("shy")
    lab.down(["shy"])


@pytest.fixture
def config(node: LabNode, tmp_path: Path) -> str:
    """Give a configuration for it."""
    endpoint = f"https://{node.address}:6443"
    assert edgectl("gen", "config", "test", endpoint, "-o", str(tmp_path)).code == 0
    return str(tmp_path / "controlplane.yaml")


def printed(node: LabNode) -> bytes:
    """Return the console of a node that is in maintenance and has an address."""
    until(lambda: b"edge: configure with:" in node.console.read_bytes())
    return node.console.read_bytes()


def test_node_is_configured_by_its_console(node: LabNode, config: str) -> None:
    """Address and pin are read from the console, and the card's secret goes along."""
    with ConsoleServer(printed(node)) as board:
        done = edgectl("apply-config", "-f", config, "--from-console", board.url)
    assert done.code == 0, done.err
    assert f"next: edgectl services -n {node.address}" in done.err
    assert "nobody proved" not in done.err
    assert f"has the fingerprint {node.fingerprint} (card {node.enrolment_id})" in done.err
    until(lambda: b"edge: running" in node.console.read_bytes())


def test_address_of_somebody_else_is_passed_over(lab: Lab, node: LabNode, config: str) -> None:
    """Where another node has one of the addresses, the node is found at its other one."""
    lab.create("other")
    other = lab.start("other")
    text = printed(node).replace(
        f"maintenance {node.address}".encode(),
        f"maintenance {other.address},{node.address}".encode(),
    )
    try:
        with ConsoleServer(text) as board:
            done = edgectl("apply-config", "-f", config, "--from-console", board.url)
        assert done.code == 0, done.err
        assert f"next: edgectl services -n {node.address}" in done.err
    finally:
        lab.down(["other"])


def test_console_of_another_node_is_not_believed(node: LabNode, config: str) -> None:
    """A fingerprint that the node at this address does not show ends it before anything is sent."""
    wrong = re.sub(rb"fingerprint (.)", rb"fingerprint B", printed(node))
    wrong = wrong.replace(b"fingerprint BB", b"fingerprint BC")
    with ConsoleServer(wrong) as board:
        done = edgectl("apply-config", "-f", config, "--from-console", board.url)
    assert done.code == 8, done.err
    assert b"edge: running" not in node.console.read_bytes()


def test_pin_and_console_must_agree(node: LabNode, config: str) -> None:
    """A pin given besides is the one that counts: another board's console is refused."""
    other = "A" * 43 + "="
    with ConsoleServer(printed(node)) as board:
        done = edgectl(
            *("apply-config", "-f", config, "--from-console", board.url),
            *("--insecure", "--cert-fingerprint", other),
        )
    assert done.code == 8
    assert "this is another node, with fingerprint" in done.err


def test_known_card_with_another_key_is_refused(node: LabNode, config: str) -> None:
    """A card that was flashed here has one key; whoever names another is not it."""
    pin = "A" * 43 + "="
    line = f"edge: maintenance 127.0.0.1 fingerprint {pin} card {node.enrolment_id}\n".encode()
    with ConsoleServer(line) as board:
        done = edgectl("apply-config", "-f", config, "--from-console", board.url)
    assert done.code == 8
    assert f"card {node.enrolment_id} was flashed here with fingerprint" in done.err


def test_node_without_an_address_is_explained(config: str) -> None:
    """A node that nobody gave an address is named as such, not as one that never came up."""
    pin = "A" * 43 + "="
    line = f"edge: maintenance without an address fingerprint {pin}\n".encode()
    with ConsoleServer(line) as board:
        arguments = ("--from-console", board.url, "--console-timeout", "0.5")
        done = edgectl("apply-config", "-f", config, *arguments)
    assert done.code == 9
    assert "the node waits in maintenance, but has no address" in done.err
    assert "network cable" in done.err


def test_configured_node_is_left_alone(config: str) -> None:
    """A node that runs already is not configured a second time by its console."""
    pin = "A" * 43 + "="
    with ConsoleServer(f"edge: running 127.0.0.1 fingerprint {pin}\n".encode()) as board:
        done = edgectl("apply-config", "-f", config, "--from-console", board.url)
    assert done.code == 9
    assert "configured already" in done.err


def test_stuck_board_ends_the_wait(config: str) -> None:
    """A known failure is told at once, with the advice for it."""
    with ConsoleServer(b"No more bootdevs\n") as board:
        done = edgectl("apply-config", "-f", config, "--from-console", board.url)
    assert done.code == 12
    assert "flash it again for this board" in done.err


def test_node_is_named_once(config: str) -> None:
    """Names of nodes and a console do not go together."""
    arguments = ("-n", "127.0.0.1", "--from-console", "socket://127.0.0.1:1")
    assert edgectl("apply-config", "-f", config, *arguments).code == 2


def test_real_console_tells_the_facts(node: LabNode, capsys: pytest.CaptureFixture[str]) -> None:
    """What a real node prints is what `edgectl console` understands."""
    with ConsoleServer(printed(node)) as board:
        code = run(["console", board.url, "--expect", "maintenance", "-o", "json"])
    assert code == 0
    assert json.loads(capsys.readouterr().out)["node"] == {
        "state": "maintenance",
        "addresses": [node.address],
        "fingerprint": node.fingerprint,
        "card": node.enrolment_id,
    }
