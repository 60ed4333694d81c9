# SPDX-License-Identifier: Apache-2.0
"""Our advertiser seen by our browser over a cable between two network namespaces."""

import sys
from pathlib import Path

from tests.integration.discovery.conftest import ANNOUNCER, Cable, parsed, run


def test_node_is_found_changed_and_lost(cable: Cable) -> None:
    """A node on the cable appears with every field, changes state, says goodbye and is gone."""
    announcer = cable.announce([100])
    watcher = cable.discover("--watch", "-o", "jsonl")
    found = parsed(watcher.wait_for(lambda line: line.startswith("{")))
    assert found["event"] == "found"
    assert (found["name"], found["address"], found["interface"]) == (
        "cam-100",
        "10.77.0.100",
        "port",
    )
    assert (found["state"], found["board"], found["version"]) == ("maintenance", "rpi4", "0.1.0")
    assert len(found["fingerprint"]) == 44
    assert found["enrolment"] == "0000000000000064"

    announcer.tell("state 100 running")
    changed = parsed(watcher.wait_for(lambda line: line.startswith("{")))
    assert (changed["event"], changed["state"]) == ("changed", "running")

    announcer.tell("leave 100")
    lost = parsed(watcher.wait_for(lambda line: line.startswith("{")))
    assert (lost["event"], lost["name"]) == ("lost", "cam-100")


def test_silent_node_is_lost(cable: Cable) -> None:
    """A node that lost power says no goodbye, and is lost once its records have run out."""
    announcer = cable.announce([102], ttl_s=4)
    watcher = cable.discover("--watch", "-o", "jsonl")
    watcher.wait_for(lambda line: line.startswith("{"))
    announcer.say("die")
    lost = parsed(watcher.wait_for(lambda line: line.startswith("{")))
    assert (lost["event"], lost["name"]) == ("lost", "cam-102")


def test_link_that_goes_takes_its_nodes(cable: Cable) -> None:
    """A cable that is pulled loses the nodes behind it; plugged in again, they are found."""
    cable.announce([103])
    watcher = cable.discover("--watch", "-o", "jsonl")
    watcher.wait_for(lambda line: line.startswith("{"))
    run("ip", "-n", cable.left, "link", "set", "port", "down")
    lost = parsed(watcher.wait_for(lambda line: line.startswith("{")))
    assert (lost["event"], lost["name"]) == ("lost", "cam-103")
    run("ip", "-n", cable.left, "link", "set", "port", "up")
    found = parsed(watcher.wait_for(lambda line: line.startswith("{")))
    assert (found["event"], found["name"]) == ("found", "cam-103")


def test_node_without_lease_is_found(cable: Cable) -> None:
    """A node that got no IPv4 address is found at its link-local one."""
    run("ip", "-n", cable.right, "address", "flush", "dev", "port")
    run("ip", "-n", cable.right, "address", "add", "fe80::68/64", "dev", "port", "nodad")
    cable.start(cable.right, sys.executable, str(ANNOUNCER), "120", "port", "fe80::68")
    watcher = cable.discover("--watch", "-o", "jsonl")
    found = parsed(watcher.wait_for(lambda line: line.startswith("{")))
    assert (found["name"], found["addresses"]) == ("cam-104", ["fe80::68%port"])


def test_fifty_nodes_resolve(cable: Cable) -> None:
    """Fifty nodes that all answer at once are all resolved, each with its own address."""
    numbers = range(100, 150)
    cable.announce(numbers)
    finder = cable.discover("--timeout", "8", "-o", "jsonl")
    rows = [parsed(finder.wait_for(lambda line: line.startswith("{"))) for _ in numbers]
    assert {row["name"]: row["addresses"] for row in rows} == {
        f"cam-{number}": [f"10.77.0.{number}"] for number in numbers
    }


def test_table_and_interrupt(cable: Cable) -> None:
    """The table names the node, and ctrl-C ends a watch with the code of an interrupt."""
    cable.announce([101])
    table = cable.discover("--timeout", "6")
    table.wait_for(
        lambda line: line.split() == ["NAME", "ADDRESS", "STATE", "BOARD", "VERSION", "CARD"]
    )
    table.wait_for(
        lambda line: line.split()[:4] == ["cam-101", "10.77.0.101", "maintenance", "rpi4"]
    )

    watcher = cable.discover("--watch")
    watcher.wait_for(lambda line: line.startswith("found"))
    assert watcher.interrupt() == 130


def test_no_network_is_one_line(cable: Cable) -> None:
    """Where no link is up, the command says so and how to go on."""
    finder = cable.discover("--interface", "nothere", "--timeout", "0.1")
    finder.wait_for(lambda line: "no network link to listen on among nothere" in line)
    finder.wait_for(lambda line: "--cidr" in line)


def test_hostile_record_is_harmless(cable: Cable) -> None:
    """Escape sequences never reach the terminal, and false addresses are not tried."""
    impostor = Path(__file__).parent / "impostor.py"
    program = cable.start(cable.right, sys.executable, str(impostor), "10.77.0.2")
    program.wait_for("ready".__eq__)
    cable.announce([106])
    finder = cable.discover("--timeout", "6", "-o", "jsonl")
    evil = parsed(finder.wait_for(lambda line: "evil" in line))
    assert set(evil["addresses"]) == {"10.77.0.2", "10.77.0.66"}
    assert (evil["state"], evil["card"], evil["fingerprint"]) == ("unknown", "unknown", "")
    assert all(str(value).isprintable() for value in evil.values())
    table = cable.discover("--timeout", "6")
    table.wait_for(lambda line: line.startswith("cam-106"))
    assert all(line.isprintable() for line in table.seen)
