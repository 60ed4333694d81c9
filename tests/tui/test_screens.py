# SPDX-License-Identifier: Apache-2.0
"""Pictures of every screen in the states that matter; look at one before accepting it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select

from edge.provision.console import Facts, FactsLearned, Stage, StagePassed
from tests.fakes.consoles import FTDI, PROBE, FakeConsoles
from tests.fakes.nodes import NOW, FakeNode, FakeServices, fingerprint
from tests.tui.stage import SIZE, make_app, stop_blinking, three_nodes, until, until_shown
from tui.app import EdgeApp
from tui.console import Line, Printed
from tui.feed import Gaze
from tui.screens.nodes import NodesScreen
from tui.widgets.node_table import NodeTable

Before = Callable[[Pilot[Any]], Awaitable[None]]
Compare = Callable[..., bool]


@pytest.fixture
def compare(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what compares a screen, after some keys, with its picture."""
    # A node that is looked at would be asked again while the picture is taken.
    monkeypatch.setattr("tui.feed.CLOSE_INTERVAL_S", 3600.0)
    monkeypatch.setattr("tui.feed.INTERVAL_S", 3600.0)

    def check(app: EdgeApp, before: Before) -> None:
        async def prepare(pilot: Pilot[Any]) -> None:
            await before(pilot)
            stop_blinking(pilot)
            await pilot.pause()

        assert snap_compare(app, terminal_size=SIZE, run_before=prepare)

    return check


def nodes_app(*nodes: FakeNode) -> EdgeApp:
    """Return the app with these nodes, or the usual three."""
    return make_app(FakeServices(*(nodes or three_nodes())))


async def select(pilot: Pilot[Any], name: str) -> None:
    """Wait until all nodes have answered and put the cursor on one."""
    app = pilot.app
    assert isinstance(app, EdgeApp)
    await until(pilot, lambda: app.fleet.nodes and all(map(_is_known, app.fleet.nodes.values())))
    screen = app.screen_stack[1]
    assert isinstance(screen, NodesScreen)
    table = screen.query_one(NodeTable)
    await until(pilot, lambda: f"id-{name}" in table.keys)
    table.move_cursor(row=table.get_row_index(f"id-{name}"), animate=False)
    await pilot.pause()


def _is_known(node: Any) -> bool:
    return bool(node.report or node.failure)


def test_no_nodes(compare: Callable[..., None]) -> None:
    """An empty network says what to do next."""

    async def before(pilot: Pilot[Any]) -> None:
        await until_shown(pilot, "listening for nodes", "0 nodes")

    compare(make_app(FakeServices()), before)


def test_no_network(compare: Callable[..., None]) -> None:
    """Where nobody can be listened to, that is said."""
    services = FakeServices()
    services.deaf = "no network link to listen on"

    async def before(pilot: Pilot[Any]) -> None:
        await until_shown(pilot, "✗ no network link")

    compare(make_app(services), before)


def test_nodes(compare: Callable[..., None]) -> None:
    """A card of ours, a stranger, a running node, a dead one and one of another cluster."""
    others = [
        FakeNode(name="edge-3", address="10.0.0.13", card=4, alive=False),
        FakeNode(name="edge-4", address="10.0.0.14", refuses=True),
    ]

    async def before(pilot: Pilot[Any]) -> None:
        await select(pilot, "edge-1")
        await until_shown(pilot, "✗ unreachable", "⊘ no access")

    compare(nodes_app(*three_nodes(), *others), before)


def test_unreachable(compare: Callable[..., None]) -> None:
    """The reason stands below the table while the cursor is on a dead node."""
    dead = FakeNode(name="edge-3", address="10.0.0.13", card=4, alive=False)

    async def before(pilot: Pilot[Any]) -> None:
        await select(pilot, "edge-3")
        await until_shown(pilot, "connection refused")

    compare(nodes_app(*three_nodes(), dead), before)


def test_filter(compare: Callable[..., None]) -> None:
    """The filter and the number of its matches."""

    async def before(pilot: Pilot[Any]) -> None:
        await select(pilot, "edge-1")
        await pilot.press("slash", *"maint")
        await until_shown(pilot, "2 of 3 nodes match")

    compare(nodes_app(), before)


def test_apply_faults(compare: Callable[..., None], folder: Path) -> None:
    """Every fault of a file, in the dialog where its path is typed."""

    async def before(pilot: Pilot[Any]) -> None:
        await open_apply(pilot, "edge-1", "broken.yaml")
        await until_shown(pilot, "✗ broken.yaml has")

    compare(nodes_app(), before)


def test_apply_confirm(compare: Callable[..., None], folder: Path) -> None:
    """The node, the card we flashed, and what is added."""

    async def before(pilot: Pilot[Any]) -> None:
        await open_apply(pilot, "edge-1", "worker.yaml")
        await until_shown(pilot, "this is the card you flashed")

    compare(nodes_app(), before)


def test_apply_stranger(compare: Callable[..., None], folder: Path) -> None:
    """A stranger's fingerprint, to be compared before anything can be applied."""

    async def before(pilot: Pilot[Any]) -> None:
        await open_apply(pilot, "edge-2", "worker.yaml")
        await until_shown(pilot, "stranger: fingerprint")

    compare(nodes_app(), before)


def test_apply_change(compare: Callable[..., None], folder: Path) -> None:
    """Against a running node only what differs is shown."""
    text = (folder / "worker.yaml").read_text()
    (folder / "worker.yaml").write_text(text.replace("debug: false", "debug: true"))

    async def before(pilot: Pilot[Any]) -> None:
        await open_apply(pilot, "edge-10", "worker.yaml")
        await until_shown(pilot, "-debug: false")

    compare(nodes_app(), before)


def test_applied(compare: Callable[..., None], folder: Path) -> None:
    """What the node said to the configuration."""

    async def before(pilot: Pilot[Any]) -> None:
        await open_apply(pilot, "edge-1", "worker.yaml")
        await until_shown(pilot, "y Apply")
        await pilot.press("y")
        await until_shown(pilot, "Applied configuration", "Close")

    compare(nodes_app(), before)


def test_wipe(compare: Callable[..., None]) -> None:
    """Wiping names what is destroyed and wants the node's name."""

    async def before(pilot: Pilot[Any]) -> None:
        await select(pilot, "edge-10")
        await pilot.press("R")
        await until_shown(pilot, "Type edge-10 to confirm")

    compare(nodes_app(), before)


def test_detail(compare: Callable[..., None]) -> None:
    """A running node with a history of use."""
    app = nodes_app()

    async def before(pilot: Pilot[Any]) -> None:
        await open_detail(pilot, app, "edge-10")
        await until_shown(pilot, "line 30", "apid")

    compare(app, before)


def test_detail_not_ready(compare: Callable[..., None]) -> None:
    """Unmet conditions and diagnostics come first."""
    node = three_nodes()[2]
    node.unmet, node.diagnostics = ("time: not synchronised",), ("STATE was unreadable",)
    app = nodes_app(node)

    async def before(pilot: Pilot[Any]) -> None:
        await open_detail(pilot, app, "edge-10")
        await until_shown(pilot, "STATE was unreadable", "line 30")

    compare(app, before)


def test_detail_unreachable(compare: Callable[..., None]) -> None:
    """A node that died says why and since when, and keeps what was known."""
    node = three_nodes()[2]
    app = nodes_app(node)

    async def before(pilot: Pilot[Any]) -> None:
        await open_detail(pilot, app, "edge-10")
        await until_shown(pilot, "line 30", "apid")
        node.alive = False
        app.look("id-edge-10")
        await until_shown(pilot, "✗ unreachable")

    compare(app, before)


def test_console_choice(compare: Callable[..., None]) -> None:
    """The adapters with their lasting names, and what else can be said of a console."""
    app = make_app(FakeServices(), consoles=FakeConsoles(FTDI, PROBE))

    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press("c")
        await until_shown(pilot, "FTDI FT232R")
        app.screen.query_one("#board", Select).value = "rpi4"
        await until_shown(pilot, "header pins 8")

    compare(app, before)


def test_console_failure(compare: Callable[..., None]) -> None:
    """A board that is stuck: what it means, in its own words, and where it came to."""
    consoles = FakeConsoles()

    async def before(pilot: Pilot[Any]) -> None:
        await boot(pilot, consoles)
        consoles.say(
            StagePassed(
                stage=Stage.KERNEL_FAILED,
                text="Kernel panic - not syncing: VFS: Unable to mount root fs",
                advice="the kernel found no root file system: flash the card again",
                boot=1,
                at_s=9.0,
            ),
            Printed(lines=("Kernel panic - not syncing",), tail="", size_bytes=30),
        )
        await until_shown(pilot, "✗ kernel-failed: the kernel found", "Kernel panic - not syncing")
        await pilot.press("slash", *"hub", "enter")
        await until_shown(pilot, "2 of 2")

    compare(make_app(FakeServices(), consoles=consoles, console=Line(port=FTDI.device)), before)


def test_console_maintenance(compare: Callable[..., None]) -> None:
    """A board that waits for its configuration, with its stages beside what it printed."""
    consoles = FakeConsoles()

    async def before(pilot: Pilot[Any]) -> None:
        await boot(pilot, consoles)
        facts = Facts(
            model="Raspberry Pi 4 Model B",
            kernel="6.12.107-arm64",
            state="maintenance",
            addresses=("10.0.0.17",),
            fingerprint=fingerprint("edge-7"),
        )
        text = "edge: maintenance 10.0.0.17"
        consoles.say(
            StagePassed(stage=Stage.MAINTENANCE, text=text, boot=1, at_s=12.5),
            FactsLearned(facts=facts, boot=1),
            Printed(lines=(text,), tail="", size_bytes=len(text)),
        )
        await pilot.press("t")
        await until_shown(pilot, "a Apply", "12 s", "Raspberry Pi 4 Model B")

    compare(make_app(FakeServices(), consoles=consoles, console=Line(port=FTDI.device)), before)


async def boot(pilot: Pilot[Any], consoles: FakeConsoles) -> None:
    """Have a board start as far as its kernel."""
    await until(pilot, lambda: consoles.open_now)
    times = {Stage.FIRMWARE: 0.5, Stage.U_BOOT: 4.5, Stage.GRUB: 6.0, Stage.KERNEL: 7.5}
    lines = tuple(f"[ {number / 50:9.6f}] usb 1-1: hub {number}" for number in (1, 2))
    consoles.say(
        *(StagePassed(stage=stage, text=stage, boot=1, at_s=at_s) for stage, at_s in times.items()),
        Printed(lines=("U-Boot 2025.01", "Welcome to GRUB!", *lines), tail="", size_bytes=2000),
    )
    await until_shown(pilot, "Welcome to GRUB!", "kernel")


async def open_apply(pilot: Pilot[Any], name: str, path: str) -> None:
    """Have a file compared with what a node has."""
    await select(pilot, name)
    await pilot.press("a")
    await until(pilot, lambda: pilot.app.screen.query("#path"))
    stop_blinking(pilot)
    pilot.app.screen.query_one("#path", Input).value = path
    await pilot.press("enter")


async def open_detail(pilot: Pilot[Any], app: EdgeApp, name: str) -> None:
    """Open a node that has been watched for a while."""
    await select(pilot, name)
    gaze: Gaze = app._gazes[f"id-{name}"]
    while len(app.fleet.nodes[f"id-{name}"].cpu) < 5:
        before = len(app.fleet.nodes[f"id-{name}"].cpu)
        gaze.look(close=False)
        await until(pilot, lambda: len(app.fleet.nodes[f"id-{name}"].cpu) > before)  # noqa: B023
    await pilot.press("enter")
    assert app.clock() == NOW
