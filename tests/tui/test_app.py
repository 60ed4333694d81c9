# SPDX-License-Identifier: Apache-2.0
"""What a user does with keys, and what the screen shows then."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from edge.client.model import Applied
from edge.errors import BugError, ConfigError
from tests.fakes.nodes import FakeNode, FakeServices
from tests.tui.stage import (
    SECRET,
    SIZE,
    make_app,
    screen_text,
    three_nodes,
    until,
    until_shown,
)
from tui import app as app_module
from tui.app import EdgeApp
from tui.screens.change import ChangeScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.detail import DetailScreen
from tui.screens.nodes import NodesScreen
from tui.services import Change, Report, Target
from tui.widgets.node_table import NodeTable
from tui.widgets.tick import Tick


def table(pilot: Pilot[Any]) -> NodeTable:
    """Return the table of nodes."""
    return pilot.app.screen_stack[1].query_one(NodeTable)


async def go_to(pilot: Pilot[Any], name: str) -> None:
    """Wait for all nodes and put the cursor on one."""
    await until(pilot, lambda: f"id-{name}" in table(pilot).keys)
    while table(pilot).selected_key != f"id-{name}":
        await pilot.press("j")
        await pilot.pause()


class TestNodes:
    """The table of nodes."""

    async def test_nodes_are_listed_with_state_card_and_use(self) -> None:
        """Found nodes are asked and shown in the order people count in."""
        app = make_app(FakeServices(*three_nodes()))
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "◆ maintenance", "● running", "card 3", "stranger", "19%")
            assert table(pilot).keys == ("id-edge-1", "id-edge-2", "id-edge-10")
            assert "3 nodes · 2 in maintenance" in screen_text(pilot)

    async def test_filter_counts_matches_and_escape_ends_it(self) -> None:
        """The number of matches is told while filtering."""
        app = make_app(FakeServices(*three_nodes()))
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "edge-10")
            await pilot.press("slash", *"maint")
            await until_shown(pilot, "2 of 3 nodes match")
            assert len(table(pilot).keys) == 2
            await pilot.press("escape")
            await until_shown(pilot, "3 nodes")
            assert len(table(pilot).keys) == 3

    async def test_filter_keeps_letters_for_itself(self) -> None:
        """A q in the filter is a letter, not the end."""
        app = make_app(FakeServices(*three_nodes()))
        async with app.run_test(size=SIZE) as pilot:
            await pilot.press("slash", "q", "exclamation_mark")
            assert pilot.app.screen.query_one("#filter", Input).value == "q!"
            assert app.is_running

    async def test_dead_node_becomes_unreachable_and_comes_back(self) -> None:
        """The reason is told; the others go on; the node returns by itself when heard."""
        nodes = three_nodes()
        services = FakeServices(*nodes)
        app = make_app(services)
        async with app.run_test(size=SIZE) as pilot:
            await go_to(pilot, "edge-1")
            nodes[0].alive = False
            services.announce(nodes[0], in_sight=False)
            await until_shown(pilot, "✗ unreachable", "connection refused", "● running")
            nodes[0].alive = True
            services.announce(nodes[0])
            await until(pilot, lambda: "✗ unreachable" not in screen_text(pilot))

    async def test_departed_node_can_be_forgotten(self) -> None:
        """A node that left and does not answer goes with x; others do not."""
        nodes = three_nodes()
        services = FakeServices(*nodes)
        app = make_app(services)
        async with app.run_test(size=SIZE) as pilot:
            await go_to(pilot, "edge-1")
            await pilot.press("x")
            assert "id-edge-1" in table(pilot).keys
            nodes[0].alive = False
            services.announce(nodes[0], in_sight=False)
            await until_shown(pilot, "x Forget")
            await pilot.press("x")
            await until(pilot, lambda: "id-edge-1" not in table(pilot).keys)

    async def test_cursor_stays_on_its_node(self) -> None:
        """A node that appears above does not move the cursor to another node."""
        services = FakeServices(*three_nodes())
        app = make_app(services)
        async with app.run_test(size=SIZE) as pilot:
            await go_to(pilot, "edge-2")
            first = FakeNode(name="edge-0", address="10.0.0.10")
            services.nodes.append(first)
            services.announce(first)
            await until(pilot, lambda: "id-edge-0" in table(pilot).keys)
            assert table(pilot).selected_key == "id-edge-2"

    async def test_named_nodes_are_shown_without_mdns(self) -> None:
        """Where nobody can be listened to, named nodes are asked all the same."""
        services = FakeServices(*three_nodes(), configured=("10.0.0.20:50000",))
        services.deaf = "no network link to listen on"
        app = make_app(services)
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "● running", "edge-10", "✗ no network link")

    async def test_refusing_node_has_no_access_and_cannot_be_rebooted(self) -> None:
        """A node of another cluster is not unreachable; keys that cannot work are not offered."""
        node = FakeNode(name="edge-1", address="10.0.0.11", refuses=True)
        app = make_app(FakeServices(node))
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "⊘ no access", "its certificate is not from this cluster")
            assert "Reboot" not in screen_text(pilot)
            assert "Apply" not in screen_text(pilot)

    async def test_hostile_names_are_text(self) -> None:
        """Markup and links in what a node says are shown, not obeyed."""
        node = FakeNode(name="[red]edge[/red]", address="10.0.0.11", unmet=("time: [bold]x[/",))
        app = make_app(FakeServices(node))
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "[red]edge[/red]", "time: [bold]x[/")

    async def test_narrow_terminal_keeps_what_matters(self) -> None:
        """At 80 by 24 state, name, address, card and use are there."""
        app = make_app(FakeServices(*three_nodes()))
        async with app.run_test(size=(80, 24)) as pilot:
            await until_shown(pilot, "◆ maintenance", "edge-10", "10.0.0.20", "card 3", "19%")
            await go_to(pilot, "edge-10")
            await until_shown(pilot, "r Reboot", "c Console", "? Keys")
            await pilot.resize_terminal(140, 40)
            await until_shown(pilot, "BOARD", "rpi4", "VERSION")

    async def test_help_lists_keys(self) -> None:
        """A question mark shows the keys of the screen, and again hides them."""
        app = make_app(FakeServices(*three_nodes()))
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "edge-10")
            await pilot.press("question_mark")
            await until(pilot, lambda: app.screen.query("HelpPanel"))
            await pilot.press("question_mark")
            await until(pilot, lambda: not app.screen.query("HelpPanel"))

    @pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
    async def test_quitting_lets_go_of_every_connection(self, key: str) -> None:
        """Every way out is clean."""
        services = FakeServices(*three_nodes())
        app = make_app(services)
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "edge-10")
            await pilot.press(key)
        assert services.closed
        assert app.return_code == 0


class TestApply:
    """Giving a node its configuration."""

    async def open_change(self, pilot: Pilot[Any], name: str, path: str) -> None:
        """Select a node and have a file compared with what it has."""
        await go_to(pilot, name)
        await until_shown(pilot, "a Apply")
        await pilot.press("a")
        await until(pilot, lambda: pilot.app.screen.query("#path"))
        pilot.app.screen.query_one("#path", Input).value = path
        await pilot.press("enter")

    async def test_usual_file_is_offered(self, folder: Path) -> None:
        """The path begins with the file that is there."""
        app = make_app(FakeServices(*three_nodes()))
        async with app.run_test(size=SIZE) as pilot:
            await go_to(pilot, "edge-1")
            await until_shown(pilot, "a Apply")
            await pilot.press("a")
            await until(pilot, lambda: pilot.app.screen.query("#path"))
            assert pilot.app.screen.query_one("#path", Input).value == "worker.yaml"

    async def test_known_card_is_configured_after_one_confirmation(self, folder: Path) -> None:
        """The verdict names the card, secrets stay hidden, and the node then runs."""
        services = FakeServices(*three_nodes())
        app = make_app(services)
        async with app.run_test(size=SIZE) as pilot:
            await self.open_change(pilot, "edge-1", "worker.yaml")
            await until_shown(pilot, "this is the card you flashed (card 3)", "+machine:")
            assert SECRET not in screen_text(pilot)
            assert services.applied == []
            await pilot.press("y")
            await until_shown(pilot, "● Applied configuration without a reboot", "Close")
            await pilot.press("enter")
            await until_shown(pilot, "edgectl > nodes", "1 in maintenance")
        assert services.applied == [("edge-1", (folder / "worker.yaml").read_text())]

    async def test_stranger_wants_its_fingerprint_compared(self, folder: Path) -> None:
        """Until the user says that the fingerprint was compared, nothing can be applied."""
        services = FakeServices(*three_nodes())
        app = make_app(services)
        async with app.run_test(size=SIZE) as pilot:
            await self.open_change(pilot, "edge-2", "worker.yaml")
            await until_shown(pilot, "stranger: fingerprint", services.nodes[1].fingerprint)
            await pilot.press("y")
            assert app.screen.query_one("#apply", Button).disabled
            assert services.applied == []
            app.screen.query_one("#compared", Tick).value = True
            await until_shown(pilot, "y Apply")
            await pilot.press("y")
            await until_shown(pilot, "● Applied configuration")
        assert [name for name, _ in services.applied] == ["edge-2"]

    async def test_faults_are_shown_in_place(self, folder: Path) -> None:
        """Every fault of the file is listed, and the path can be corrected."""
        services = FakeServices(*three_nodes())
        app = make_app(services)
        async with app.run_test(size=SIZE) as pilot:
            await self.open_change(pilot, "edge-1", "broken.yaml")
            await until_shown(pilot, "✗ broken.yaml has", "machine.tokn", "cluster.contrl")
            app.screen.query_one("#path", Input).value = "worker.yaml"
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, ChangeScreen))

    async def test_node_that_dies_meanwhile_is_told(self, folder: Path) -> None:
        """An error of the node appears in the dialog."""
        services = FakeServices(*three_nodes())
        app = make_app(services)
        async with app.run_test(size=SIZE) as pilot:
            await go_to(pilot, "edge-1")
            services.nodes[0].alive = False
            await self.open_change(pilot, "edge-1", "worker.yaml")
            await until_shown(pilot, "✗ 10.0.0.11:50000 cannot be reached")

    async def test_unchanged_configuration_cannot_be_applied(self, folder: Path) -> None:
        """Where nothing changes there is nothing to confirm."""
        app = make_app(FakeServices(*three_nodes()))
        async with app.run_test(size=SIZE) as pilot:
            await self.open_change(pilot, "edge-10", "worker.yaml")
            await until_shown(pilot, "nothing changes", "a configured node of your cluster")
            assert app.screen.query_one("#apply", Button).disabled

    async def test_refusal_is_shown_and_can_be_repeated(self, folder: Path) -> None:
        """Faults that only the node finds are shown in the dialog."""
        app = make_app(Refusing(*three_nodes()))
        async with app.run_test(size=SIZE) as pilot:
            await self.open_change(pilot, "edge-1", "worker.yaml")
            await until_shown(pilot, "y Apply")
            await pilot.press("y")
            await until_shown(pilot, "✗ configuration has 1 fault", "no such disk")
            assert not app.screen.query_one("#apply", Button).disabled

    async def test_escape_leaves_everything_as_it_was(self, folder: Path) -> None:
        """Cancelling applies nothing."""
        services = FakeServices(*three_nodes())
        app = make_app(services)
        async with app.run_test(size=SIZE) as pilot:
            await self.open_change(pilot, "edge-1", "worker.yaml")
            await until(pilot, lambda: isinstance(app.screen, ChangeScreen))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, NodesScreen))
        assert services.applied == []


class TestDetail:
    """One node, closely."""

    async def test_detail_shows_machine_use_services_and_log(self) -> None:
        """Everything about a node is on one screen."""
        app = make_app(FakeServices(*three_nodes()))
        async with app.run_test(size=SIZE) as pilot:
            await go_to(pilot, "edge-10")
            await pilot.press("enter")
            await until_shown(
                pilot,
                "controlplane of home",
                "card 1, flashed",
                "2 processors",
                "apid",
                "line 30",
                "2 h 1 min",
            )
            await pilot.press("escape")
            await until_shown(pilot, "edgectl > nodes")

    async def test_left_and_right_change_the_node(self) -> None:
        """Neighbours follow the order of the table, round and round."""
        app = make_app(FakeServices(*three_nodes()))
        async with app.run_test(size=SIZE) as pilot:
            await go_to(pilot, "edge-1")
            await until(pilot, lambda: len(table(pilot).keys) == 3)
            await pilot.press("enter")
            await until_shown(pilot, "edgectl > edge-1 (", "1 of 3")
            await pilot.press("right")
            await until_shown(pilot, "edgectl > edge-2 (", "2 of 3")
            await pilot.press("left", "left")
            await until_shown(pilot, "edgectl > edge-10 (", "line 30")

    async def test_log_can_be_switched_and_enlarged(self) -> None:
        """s goes to the next log, l leaves nothing but the log."""
        app = make_app(FakeServices(*three_nodes()))
        async with app.run_test(size=SIZE) as pilot:
            await go_to(pilot, "edge-1")
            await pilot.press("l")
            await until_shown(pilot, "stage: maintenance")
            assert "services" not in screen_text(pilot)
            await pilot.press("s")
            await until_shown(pilot, "kernel: first line")
            assert "stage: maintenance" not in screen_text(pilot)
            await pilot.press("l")
            await until_shown(pilot, "services")

    async def test_unmet_conditions_and_diagnostics_are_told(self) -> None:
        """What keeps a node from being ready is in the first lines."""
        node = three_nodes()[2]
        node.unmet, node.diagnostics = ("time: not synchronised",), ("STATE was unreadable",)
        app = make_app(FakeServices(node))
        async with app.run_test(size=SIZE) as pilot:
            await go_to(pilot, "edge-10")
            await pilot.press("enter")
            await until_shown(
                pilot, "▲ not ready", "time: not synchronised", "STATE was unreadable"
            )

    async def test_node_that_dies_says_so_everywhere(self) -> None:
        """State, reason and log tell of it; the screen stays."""
        node = three_nodes()[2]
        services = FakeServices(node)
        app = make_app(services)
        async with app.run_test(size=SIZE) as pilot:
            await go_to(pilot, "edge-10")
            await pilot.press("enter")
            await until_shown(pilot, "line 30")
            node.alive = False
            services.announce(node, in_sight=False)
            await until_shown(pilot, "✗ unreachable", "connection refused")

    async def test_dashboard_begins_with_the_named_node(self) -> None:
        """The dashboard shows only named nodes, and esc ends it."""
        names = ("10.0.0.20:50000", "10.0.0.11:50000")
        app = make_app(FakeServices(*three_nodes(), configured=names), dashboard=True)
        async with app.run_test(size=SIZE) as pilot:
            await until_shown(pilot, "edge-10 (10.0.0.20:50000)", "1 of 2")
            assert isinstance(app.screen, DetailScreen)
            await pilot.press("right")
            await until_shown(pilot, "edge-1 (10.0.0.11:50000)")
            await pilot.press("escape")
        assert app.return_code == 0


class TestLife:
    """Restarting and wiping nodes."""

    async def test_reboot_asks_first(self) -> None:
        """No is the answer that enter gives; y restarts the node."""
        services = FakeServices(*three_nodes())
        app = make_app(services)
        async with app.run_test(size=SIZE, notifications=True) as pilot:
            await go_to(pilot, "edge-10")
            await until_shown(pilot, "r Reboot")
            await pilot.press("r", "enter")
            await until(pilot, lambda: isinstance(app.screen, NodesScreen))
            assert services.nodes[2].stage == ""
            await pilot.press("r")
            await until_shown(pilot, "Reboot edge-10 (10.0.0.20:50000)?")
            await pilot.press("y")
            await until_shown(pilot, "◐ rebooting", "edge-10 (10.0.0.20:50000) reboots")

    async def test_wiping_wants_the_name_of_the_node(self) -> None:
        """Only the very name arms the button."""
        services = FakeServices(*three_nodes())
        app = make_app(services)
        async with app.run_test(size=SIZE) as pilot:
            await go_to(pilot, "edge-10")
            await until_shown(pilot, "R Reset")
            await pilot.press("R")
            await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            await pilot.press(*"edge", "enter")
            assert isinstance(app.screen, ConfirmScreen)
            await pilot.press(*"-10")
            await until(pilot, lambda: not app.screen.query_one("#agree", Button).disabled)
            await pilot.press("enter")
            await until_shown(pilot, "3 in maintenance")
        assert services.nodes[2].configuration == ""

    async def test_maintenance_nodes_have_no_such_keys(self) -> None:
        """A node in maintenance takes a configuration and nothing else."""
        services = FakeServices(*three_nodes())
        app = make_app(services)
        async with app.run_test(size=SIZE) as pilot:
            await go_to(pilot, "edge-1")
            await until_shown(pilot, "a Apply")
            assert "Reboot" not in screen_text(pilot)
            await pilot.press("r", "R")
            assert isinstance(app.screen, NodesScreen)


class TestFaults:
    """Faults of our own."""

    async def test_fault_in_a_worker_is_one_line_and_no_end(self) -> None:
        """An unexpected exception is told, and the rest goes on."""
        services = Faulty(*three_nodes())
        app = make_app(services)
        async with app.run_test(size=SIZE, notifications=True) as pilot:
            await until_shown(pilot, "● running", "✗ unreachable")
            await until(pilot, lambda: app.screen.query("Toast"))
            assert "a fault of edgectl: KeyError: 'nowhere'" in screen_text(pilot)
            assert app.is_running

    def test_fault_in_the_app_ends_it_with_one_line(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """A broken screen ends the app with an error of ours instead of pages of traceback."""

        class Broken(EdgeApp):
            async def run_async(self, *args: Any, **kwargs: Any) -> None:
                await super().run_async(headless=True, size=SIZE)

            def on_ready(self) -> None:
                raise KeyError("nowhere")

        monkeypatch.setattr(app_module, "EdgeApp", Broken)
        with pytest.raises(BugError, match="KeyError: 'nowhere'") as caught:
            app_module.run(None, (), dashboard=False)
        assert caught.value.hint == "please report it"
        assert "Traceback" not in "".join(capfd.readouterr())


class Refusing(FakeServices):
    """Nodes that find faults in whatever they get."""

    async def apply(self, target: Target, change: Change) -> Applied:
        """Refuse."""
        raise ConfigError(
            "configuration has 1 fault", faults=("machine.install.disk: no such disk",)
        )


class Faulty(FakeServices):
    """A fault of ours whenever the first node is asked."""

    async def report(self, target: Target, *, full: bool) -> Report:
        """Fail as only a bug does."""
        if target.key == "id-edge-1":
            raise KeyError("nowhere")
        return await super().report(target, full=full)
