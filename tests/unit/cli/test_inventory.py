# SPDX-License-Identifier: Apache-2.0
"""Names, groups and labels after -n, and the commands that keep them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from edge.cli.main import COMMANDS, run
from edge.cli.nodes import Access, choose_access
from edge.cli.options import NodeCommand
from edge.config.talosconfig import Context, TalosConfig, save_talosconfig
from edge.errors import NodeError
from flasher.record import Attempt, Outcome, card_records

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOLDEN = Path(__file__).parents[2] / "golden"
DESTRUCTIVE = {
    "apply-config": ["-f", str(GOLDEN / "config/worker.yaml")],
    "edit": ["mc"],
    "patch": ["mc", "-p", "machine: {}"],
    "reboot": [],
    "reset": [],
    "rollback": [],
    "shutdown": [],
    "upgrade": ["--image", "x"],
    "wipe": ["disk", "sdz"],
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a user with two clusters and an inventory."""
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EDGECTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TALOSCONFIG", str(tmp_path / "talosconfig"))
    contexts = {
        "prod": Context(endpoints=("10.0.0.1",), nodes=("10.0.0.1", "10.0.0.9"), ca=b"prod"),
        "test": Context(endpoints=("10.1.0.1",), nodes=("all",), ca=b"test"),
    }
    save_talosconfig(TalosConfig(current="prod", contexts=contexts), tmp_path / "talosconfig")
    for name, address, *rest in (
        ("a", "10.0.0.1", "--role", "controlplane", "-l", "site=berlin"),
        (
            "b",
            "10.0.0.2",
            "--cluster",
            "prod",
            "--role",
            "worker",
            "-l",
            "site=berlin",
            "-l",
            "rack=7",
        ),
        ("c", "10.1.0.1", "--cluster", "test", "-l", "site=rome"),
    ):
        assert run(["inventory", "add", name, address, *rest]) == 0
    return tmp_path


def access_of(*args: str, named_only: bool = False, insecure: bool = False) -> Access:
    """Return what a command line chooses."""
    seen: list[Access] = []

    @click.command(cls=NodeCommand)
    def show() -> None:
        """Keep it."""
        seen.append(choose_access(insecure=insecure, named_only=named_only))

    show.main(args, standalone_mode=False)
    return seen[0]


@pytest.mark.parametrize(
    ("words", "nodes"),
    [
        ("all", ("10.0.0.1", "10.0.0.2", "10.0.0.9")),
        ("controlplane", ("10.0.0.1",)),
        ("workers", ("10.0.0.2",)),
        ("site=berlin", ("10.0.0.1", "10.0.0.2")),
        ("rack=7,a", ("10.0.0.2", "10.0.0.1")),
        ("b,b,10.0.0.2,workers", ("10.0.0.2",)),
        ("10.9.9.9:1,[fd00::1],fd00::2", ("10.9.9.9:1", "[fd00::1]", "fd00::2")),
    ],
)
def test_words_become_addresses(words: str, nodes: tuple[str, ...]) -> None:
    """Names, groups, labels and addresses mix; every node comes once, in the order asked for."""
    assert access_of("-n", words).nodes == nodes


def test_groups_hold_the_nodes_of_the_context() -> None:
    """Another cluster's nodes are never meant."""
    assert access_of("--context", "test", "-n", "all").nodes == ("10.0.0.1", "10.1.0.1", "all")
    with pytest.raises(NodeError, match="no known node of context 'prod' is in 'site=rome'"):
        access_of("-n", "site=rome")


def test_nodes_are_called_what_the_user_called_them() -> None:
    """Rows and errors show names where names were typed, addresses where those were."""
    access = access_of("-n", "site=berlin,10.0.0.9")
    assert [access.label(node) for node in access.nodes] == ["a", "b", "10.0.0.9"]
    assert access_of("-n", "10.0.0.1").label("10.0.0.1") == "10.0.0.1"


def test_whoever_is_asked_sees_names_and_addresses() -> None:
    """A question before something is lost says what the names stand for."""
    assert access_of("-n", "a,10.0.0.9").spelled == "a (10.0.0.1), 10.0.0.9"


def test_default_is_never_a_group() -> None:
    """A context whose node is called `all` does not mean everybody; names are what they are."""
    assert access_of("--context", "test").nodes == ("all",)
    assert run(["config", "node", "b"]) == 0
    assert access_of().nodes == ("10.0.0.2",)


def test_card_that_is_nowhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a card without a node on the network is no host name by accident."""
    monkeypatch.setattr("edge.cli.known._listen_for", lambda _cards: "")
    _flash("edge-7")
    with pytest.raises(NodeError, match="its node is not on this network") as caught:
        access_of("-n", "edge-7")
    assert "edgectl inventory add edge-7" in str(caught.value.hint)


def test_card_is_found_where_its_node_announces_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name on a card is a name of its node."""
    monkeypatch.setattr("edge.cli.known._listen_for", lambda _cards: "10.0.0.77:50000")
    _flash("edge-7")
    access = access_of("-n", "edge-7")
    assert (access.nodes, access.label(access.nodes[0])) == (("10.0.0.77:50000",), "edge-7")


def _flash(hostname: str) -> None:
    attempt = Attempt(
        started=NOW,
        image_path=Path("i.img"),
        image_sha256="",
        image_bytes=1,
        device_path=Path("/dev/sdz"),
        device_bytes=1,
        hostname=hostname,
        fingerprint="f",
    )
    records = card_records()
    records.finish(records.begin(attempt), Outcome.WRITTEN, ended=NOW)


@pytest.mark.parametrize("command", sorted(DESTRUCTIVE.keys() & COMMANDS.keys()))
def test_destructive_commands_take_no_default(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without -n they stop before anything is asked or sent, whatever the context names."""
    capsys.readouterr()
    code = run([command, *DESTRUCTIVE[command]])
    err = capsys.readouterr().err
    assert code == 2, err
    assert "no node is named" in err


def test_inventory_is_listed_shown_and_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """What was added is listed for its context, shown by name, and goes again."""
    capsys.readouterr()
    assert run(["inventory", "list", "site=berlin", "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["labels"]) for row in rows] == [
        ("a", ["site=berlin"]),
        ("b", ["rack=7", "site=berlin"]),
    ]
    assert run(["inventory", "show", "c", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["cluster"] == "test"
    assert run(["inventory", "remove", "c"]) == 0
    assert run(["inventory", "show", "c"]) == 9
    assert run(["inventory", "remove", "c"]) == 9


def test_inventory_refuses_what_would_mislead(capsys: pytest.CaptureFixture[str]) -> None:
    """Names of groups, names that are taken, and labels without a value."""
    assert run(["inventory", "add", "workers", "10.0.0.3"]) == 3
    assert run(["inventory", "add", "a", "10.0.0.3"]) == 3
    assert run(["inventory", "add", "a", "10.0.0.3", "--force"]) == 0
    assert run(["inventory", "add", "d", "10.0.0.4:99999"]) == 9
    assert run(["inventory", "add", "d", "10.0.0.4", "-l", "site"]) == 2
    assert access_of("-n", "a").nodes == ("10.0.0.3",)
