# SPDX-License-Identifier: Apache-2.0
"""The whole interface over real nodes: found by mDNS, configured by keys, live in the table."""

import asyncio
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from edge.provision.lab import Lab, LabNode
from flasher.record import card_records
from tests.tui.stage import SIZE, screen_text
from tui.app import EdgeApp
from tui.backend import Backend
from tui.keyring import Keyring
from tui.model import Node, State
from tui.screens.nodes import NodesScreen
from tui.widgets.node_table import NodeTable

PATIENCE_S = 60.0


async def test_node_is_found_configured_watched_and_lost(lab: Lab, files: Path) -> None:
    """Two nodes appear; one is configured in the interface, runs, is read, and loses its power."""
    first, second = lab.up(2)
    app = EdgeApp(Backend(Keyring(None), card_records()))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: state_of(app, first) is State.MAINTENANCE)
        await until(pilot, lambda: state_of(app, second) is State.MAINTENANCE)
        await until(pilot, lambda: known(app, first).identity)
        card = known(app, first).identity
        assert card is not None
        assert card.card == 1
        await configure(pilot, app, first, files / "controlplane.yaml")
        await until(pilot, lambda: state_of(app, first) is State.RUNNING)
        await until(pilot, lambda: known(app, first).is_configured and known(app, first).cpu)
        assert state_of(app, second) is State.MAINTENANCE
        await read_detail(pilot, app, first)
        await asyncio.to_thread(lab.cut_power, first.name)
        await until(pilot, lambda: state_of(app, first) is State.UNREACHABLE)
        await until(pilot, lambda: "refused" in screen_text(pilot))
        await asyncio.to_thread(lab.start, first.name)
        await until(pilot, lambda: state_of(app, first) is State.RUNNING)


async def configure(pilot: Pilot[Any], app: EdgeApp, node: LabNode, path: Path) -> None:
    """Apply a file to a node with the keys that a user presses."""
    await select(pilot, app, node)
    await pilot.press("a")
    await until(pilot, lambda: app.screen.query("#path"))
    app.screen.query_one("#path", Input).value = str(path)
    await pilot.press("enter")
    await until(pilot, lambda: "this is the card you flashed (card 1)" in screen_text(pilot))
    await pilot.press("y")
    await until(pilot, lambda: "Applied configuration" in screen_text(pilot))
    await pilot.press("escape")
    await until(pilot, lambda: isinstance(app.screen, NodesScreen))


async def read_detail(pilot: Pilot[Any], app: EdgeApp, node: LabNode) -> None:
    """Open a node: services, role and the log of its change are there."""
    await select(pilot, app, node)
    await pilot.press("enter")
    for text in ("apid", "controlplane of home", "stage: running"):
        await until(pilot, lambda: text in screen_text(pilot))  # noqa: B023
    await pilot.press("s")
    await until(pilot, lambda: "edge: machined started" in screen_text(pilot))


async def select(pilot: Pilot[Any], app: EdgeApp, node: LabNode) -> None:
    """Put the cursor on a node."""
    key = known(app, node).key
    table = app.screen.query_one(NodeTable)
    await until(pilot, lambda: key in table.keys)
    table.move_cursor(row=table.get_row_index(key), animate=False)
    await pilot.pause()
    assert table.selected_key == key


def known(app: EdgeApp, node: LabNode) -> Node:
    """Return what the app knows of a lab node; other nodes may share this machine's loopback."""
    for each in app.fleet.nodes.values():
        if each.record and each.record.fingerprint == node.fingerprint:
            return each
    return Node(key="")


def state_of(app: EdgeApp, node: LabNode) -> State:
    """Return the state in which a lab node is shown."""
    return known(app, node).state


async def until(pilot: Pilot[Any], condition: Any) -> None:
    """Let the app run until `condition` holds."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await pilot.pause(0.05)
    except TimeoutError:
        raise AssertionError(f"waited in vain:\n{screen_text(pilot)}") from None
