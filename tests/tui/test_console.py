# SPDX-License-Identifier: Apache-2.0
"""The console screen: what a user does with keys, and what it shows then."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Select

from edge.errors import NodeError
from edge.events import Event
from edge.provision.console import (
    ConsoleBack,
    ConsoleGarbled,
    ConsoleLost,
    Facts,
    FactsLearned,
    Stage,
    StagePassed,
)
from tests.fakes.consoles import BOARDS, FTDI, PROBE, FakeConsoles
from tests.fakes.nodes import FakeNode, FakeServices, fingerprint
from tests.tui.stage import PATIENCE_S, SIZE, make_app, screen_text, three_nodes, until, until_shown
from tui.app import EdgeApp
from tui.board_news import SILENCE_S
from tui.console import Line, Printed
from tui.screens.console import ConsoleScreen
from tui.screens.nodes import NodesScreen
from tui.screens.port import PortScreen
from tui.widgets.console_view import ConsoleView

NARROW = (80, 24)
WIDE = (140, 40)
PANIC = "Kernel panic - not syncing: VFS: Unable to mount root fs"
ADVICE = "the kernel found no root file system: the card is damaged, so flash it again"


def passed(stage: Stage, at_s: float, boot: int = 1, **more: Any) -> StagePassed:
    """Return a stage, counted from when the console was opened."""
    text = more.pop("text", f"{stage} it is")
    return StagePassed(stage=stage, text=text, boot=boot, at_s=at_s, **more)


def printed(*lines: str, tail: str = "") -> Printed:
    """Return lines of a console."""
    return Printed(lines=lines, tail=tail, size_bytes=sum(map(len, lines)))


def numbered(count: int) -> Printed:
    """Return so many lines that can be told apart."""
    return printed(*(f"line {number:04d}" for number in range(count)))


def met(node: FakeNode, boot: int = 1) -> FactsLearned:
    """Return what a node in maintenance prints of itself."""
    facts = Facts(
        state="maintenance", addresses=(node.address, "fe80::1"), fingerprint=node.fingerprint
    )
    return FactsLearned(facts=facts, boot=boot)


def view(pilot: Pilot[Any]) -> ConsoleView:
    """Return the text of the console."""
    return console(pilot).query_one(ConsoleView)


def console(pilot: Pilot[Any]) -> ConsoleScreen:
    """Return the console screen, whatever dialog is above it."""
    found = [each for each in pilot.app.screen_stack if isinstance(each, ConsoleScreen)]
    return found[-1]


def opened(consoles: FakeConsoles, services: FakeServices | None = None) -> EdgeApp:
    """Return the app with an adapter's console open."""
    line = Line(port=FTDI.device)
    return make_app(services or FakeServices(*three_nodes()), consoles=consoles, console=line)


async def told(pilot: Pilot[Any], consoles: FakeConsoles, *events: Event) -> None:
    """Wait for the reader, and have this happen on the console."""
    await until(pilot, lambda: consoles.open_now)
    consoles.say(*events)


class TestChoice:
    """Which console to read, and how fast."""

    async def test_adapter_is_opened_with_two_keys(self) -> None:
        """From the nodes: c, and enter on the first adapter of the list."""
        consoles = FakeConsoles(FTDI, PROBE)
        app = make_app(FakeServices(*three_nodes()), consoles=consoles)
        async with app.run_test(size=NARROW) as pilot:
            await until_shown(pilot, "c Console")
            await pilot.press("c")
            await until_shown(pilot, "FTDI FT232R  ttyUSB0", FTDI.device, PROBE.device)
            await pilot.press("enter")
            await until(pilot, lambda: consoles.open_now)
            assert consoles.opened == [Line(port=FTDI.device, baud=115200)]
            await until_shown(pilot, "● open", "115200 baud")

    async def test_adapter_appears_when_it_is_plugged_in(self) -> None:
        """Nobody has to press anything; ctrl-r looks at once."""
        consoles = FakeConsoles()
        app = make_app(FakeServices(), consoles=consoles)
        async with app.run_test(size=NARROW) as pilot:
            await pilot.press("c")
            await until_shown(pilot, "no serial adapter is plugged in")
            await until(pilot, lambda: app.focused is app.screen.query_one("#port"))
            consoles.plugged.append(FTDI)
            await pilot.press("ctrl+r")
            await until_shown(pilot, "FTDI FT232R")

    async def test_cursor_stays_on_its_adapter(self) -> None:
        """Another adapter that is plugged in above changes nothing about the choice."""
        consoles = FakeConsoles(PROBE)
        app = make_app(FakeServices(), consoles=consoles)
        async with app.run_test(size=NARROW) as pilot:
            await pilot.press("c")
            await until_shown(pilot, "Debug Probe")
            consoles.plugged.insert(0, FTDI)
            await pilot.press("ctrl+r")
            await until_shown(pilot, "FTDI FT232R")
            await pilot.press("enter")
            await until(pilot, lambda: consoles.opened)
            assert consoles.opened[0].port == PROBE.device

    async def test_board_says_how_fast_it_is_and_where_the_wires_go(self) -> None:
        """Choosing a board sets the speed, which may still be typed over."""
        consoles = FakeConsoles(FTDI)
        app = make_app(FakeServices(), consoles=consoles)
        async with app.run_test(size=NARROW) as pilot:
            await pilot.press("c")
            await until_shown(pilot, "FTDI FT232R")
            app.screen.query_one("#board", Select).value = "rock5b"
            await until_shown(pilot, "1500000", "header pins 8/10/6")
            app.screen.query_one("#adapters", OptionList).focus()
            await pilot.press("enter")
            await until(pilot, lambda: consoles.opened)
            assert consoles.opened == [Line(port=FTDI.device, baud=1500000, board=BOARDS[1])]

    @pytest.mark.parametrize(("typed", "baud"), [("9600", 9600), ("-", 115200), ("0", 115200)])
    async def test_speed_is_typed(self, typed: str, baud: int) -> None:
        """What is no speed is not taken for one."""
        consoles = FakeConsoles(FTDI)
        app = make_app(FakeServices(), consoles=consoles)
        async with app.run_test(size=NARROW) as pilot:
            await pilot.press("c")
            await until_shown(pilot, "FTDI FT232R")
            app.screen.query_one("#baud", Input).value = typed
            app.screen.query_one("#baud", Input).focus()
            await pilot.press("enter")
            await until(pilot, lambda: consoles.opened)
            assert consoles.opened == [Line(port=FTDI.device, baud=baud)]

    @pytest.mark.parametrize("url", ["socket://10.0.0.1:4001", "rfc2217://terminal:2001"])
    async def test_url_is_typed_by_hand(self, url: str) -> None:
        """What is typed is meant, not what the cursor is on in the list."""
        consoles = FakeConsoles(FTDI)
        app = make_app(FakeServices(), consoles=consoles)
        async with app.run_test(size=NARROW) as pilot:
            await pilot.press("c")
            await until_shown(pilot, "FTDI FT232R")
            await pilot.press("tab", *url, "enter")
            await until(pilot, lambda: consoles.opened)
            assert consoles.opened == [Line(port=url)]
            await until_shown(pilot, "● open", url)
            assert "baud" not in screen_text(pilot)

    async def test_tab_goes_round_all_fields(self) -> None:
        """Nothing holds the keys for itself."""
        app = make_app(FakeServices(), consoles=FakeConsoles(FTDI))
        async with app.run_test(size=NARROW) as pilot:
            await pilot.press("c")
            await until_shown(pilot, "FTDI FT232R")
            seen = []
            for _ in range(7):
                seen.append(app.focused.id if app.focused else None)
                await pilot.press("tab")
            assert seen == ["adapters", "port", "board", "baud", "open", "cancel", "adapters"]

    async def test_choosing_nothing_goes_back_to_the_nodes(self) -> None:
        """Escape leaves no empty console behind."""
        app = make_app(FakeServices(), consoles=FakeConsoles(FTDI))
        async with app.run_test(size=NARROW) as pilot:
            await pilot.press("c")
            await until_shown(pilot, "FTDI FT232R")
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, NodesScreen))

    async def test_ports_that_cannot_be_listed_are_told(self) -> None:
        """The reason stands in the dialog, and something else may still be typed."""
        consoles = FakeConsoles()
        consoles.fault = NodeError("the serial ports cannot be read", hint="try again")
        app = make_app(FakeServices(), consoles=consoles)
        async with app.run_test(size=NARROW) as pilot:
            await pilot.press("c")
            await until_shown(pilot, "✗ the serial ports cannot be read", "try again")

    async def test_another_console_takes_the_place_of_the_first(self) -> None:
        """The first one is let go of before the second is read."""
        consoles = FakeConsoles(FTDI, PROBE)
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            await told(pilot, consoles, printed("of the first board"))
            await until_shown(pilot, "of the first board")
            await pilot.press("o")
            await until_shown(pilot, "Which serial console?", "Debug Probe")
            await pilot.press("down", "enter")
            await until(pilot, lambda: len(consoles.opened) == 2)
            await until(pilot, lambda: consoles.open_now == 1)
            await until(pilot, lambda: "of the first board" not in screen_text(pilot))
            assert consoles.opened[1].port == PROBE.device


class TestText:
    """What the board prints."""

    async def test_text_and_unfinished_line_are_shown(self) -> None:
        """A prompt is there although its line has not ended; it grows and is finished."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            await told(pilot, consoles, printed("Welcome to GRUB!", tail="grub"))
            await until_shown(pilot, "Welcome to GRUB!", "grub")
            consoles.say(printed(tail="grub> "))
            await until_shown(pilot, "grub> ")
            consoles.say(printed("grub> boot"))
            await until_shown(pilot, "grub> boot")

    async def test_hostile_text_is_only_text(self) -> None:
        """Markup and control characters of a board do nothing to the screen."""
        consoles = FakeConsoles()
        app = opened(consoles)
        hostile = "[red]x[/red]\x1b[2J\u202e[/"
        async with app.run_test(size=NARROW) as pilot:
            failed = passed(Stage.KERNEL_FAILED, 1.0, text=hostile, advice="[bold]it[/")
            facts = Facts(model=hostile, kernel="[/]")
            learned = FactsLearned(facts=facts, boot=1)
            await told(pilot, consoles, printed(hostile), failed, learned)
            await until_shown(pilot, "[red]x[/red][2J[/", "[bold]it[/")
            await pilot.press("t")
            await until_shown(pilot, "[/]")

    async def test_long_lines_are_wrapped(self) -> None:
        """Every character of a line can be read, at any width."""
        consoles = FakeConsoles()
        app = opened(consoles)
        line = "".join(f"<{number:03d}>" for number in range(60))
        async with app.run_test(size=NARROW) as pilot:
            await told(pilot, consoles, printed(line, "日本語" * 30))
            await until_shown(pilot, "<000>", "<059>")
            for width in (60, 140, 80):
                await pilot.resize_terminal(width, 24)
                await until(pilot, lambda: line in joined(pilot))

    async def test_it_follows_and_can_be_paused(self) -> None:
        """f holds what is shown and tells how much came since; f again goes to the end."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            await told(pilot, consoles, numbered(200))
            await until_shown(pilot, "line 0199", "following", "f Pause")
            await pilot.press("f")
            await until_shown(pilot, "▲ paused", "f Follow")
            consoles.say(printed(*(f"later {number}" for number in range(30))))
            await until_shown(pilot, "▲ paused, 30 lines since", "line 0199")
            assert "later 0" not in screen_text(pilot)
            await pilot.press("space")
            await until_shown(pilot, "later 29", "following")

    async def test_scrolling_up_pauses_and_going_to_the_end_follows(self) -> None:
        """What is read does not run away under the reader's eyes."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            await told(pilot, consoles, numbered(200))
            await until_shown(pilot, "line 0199")
            await pilot.press("g")
            await until_shown(pilot, "line 0000", "paused")
            await pilot.press("G")
            await until_shown(pilot, "line 0199", "following")

    async def test_old_lines_are_forgotten_and_the_rest_stays_in_sight(self) -> None:
        """What is kept is bounded; a paused view shows the same lines as long as they are kept."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            await until(pilot, lambda: consoles.open_now)
            view(pilot)._kept = 300
            consoles.say(numbered(300))
            await until_shown(pilot, "line 0299")
            view(pilot).go_to_match(1)
            view(pilot).search("line 0250")
            view(pilot).go_to_match(-1)
            await until_shown(pilot, "line 0250")
            top = screen_text(pilot).splitlines()[3]
            consoles.say(printed(*(f"more {number}" for number in range(100))))
            await until_shown(pilot, "100 lines since")
            assert screen_text(pilot).splitlines()[3] == top
            assert len(view(pilot)._lines) == 300
            consoles.say(printed(*(f"more {number}" for number in range(400))))
            await until_shown(pilot, "500 lines since", "more 100")

    async def test_search_finds_backwards_and_escape_ends_it(self) -> None:
        """Enter shows the last match, n the one before; keys are letters while typing."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            lines = numbered(100).lines
            await told(pilot, consoles, printed("first ERROR f", *lines, "an error f", *lines))
            await until_shown(pilot, "line 0099")
            await pilot.press("slash", *"error f")
            await until_shown(pilot, "? of 2")
            await pilot.press("enter")
            await until_shown(pilot, "2 of 2", "an error f", "paused")
            await pilot.press("n")
            await until_shown(pilot, "1 of 2", "first ERROR f")
            await pilot.press("N")
            await until_shown(pilot, "2 of 2")
            await pilot.press("escape")
            await until(pilot, lambda: not console(pilot).has_class("searching"))
            assert isinstance(app.screen, ConsoleScreen)

    async def test_every_key_is_in_the_footer_of_a_narrow_terminal(self) -> None:
        """With all that can be offered at once, the last key is still there to be read."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            node = FakeNode(name="edge-7", address="10.0.0.17")
            await told(pilot, consoles, passed(Stage.MAINTENANCE, 9.0), met(node), printed("x"))
            await until_shown(pilot, "a Apply", "t Stages", "? Keys")
            await pilot.press("slash", "x", "enter")
            await until_shown(pilot, "a Apply", "f Follow", "n Next", "? Keys")

    async def test_search_for_what_is_not_there(self) -> None:
        """It says so."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            await told(pilot, consoles, numbered(10))
            await pilot.press("slash", "x", "enter")
            await until_shown(pilot, "not found")


async def test_tiny_terminal_shows_the_field_that_is_typed_into() -> None:
    """Where the dialog does not fit, it scrolls to where the cursor is."""
    app = make_app(FakeServices(*three_nodes()), consoles=FakeConsoles())
    async with app.run_test(size=(30, 8)) as pilot:
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, PortScreen))
        await until(pilot, lambda: app.focused is app.screen.query_one("#port"))
        await pilot.press(*"tty")
        await until_shown(pilot, "by hand", "tty")


class TestBoot:
    """How far the board is, and what went wrong."""

    async def test_stages_have_their_times(self) -> None:
        """In a narrow terminal on a line, in a wide one below each other."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            stages = (Stage.FIRMWARE, Stage.U_BOOT, Stage.GRUB, Stage.KERNEL)
            times = (0.5, 4.5, 6.0, 7.5)
            await told(pilot, consoles, printed("x"), *map(passed, stages, times))
            consoles.now_s += 12
            await until_shown(pilot, "✓ firmware 4.0 s → ✓ u-boot 1.5 s", "◐ kernel 4.5 s")
            await pilot.resize_terminal(*WIDE)
            await until_shown(pilot, "stages", "✓ u-boot ", "1.5 s", "in all")
            assert "→" not in screen_text(pilot)
            consoles.say(passed(Stage.MAINTENANCE, 9.5))
            await until_shown(pilot, "◆ maintenance", "9.5 s")

    async def test_stages_take_the_place_of_the_line_with_t(self) -> None:
        """A narrow terminal shows the column too when asked."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            await told(pilot, consoles, passed(Stage.FIRMWARE, 0.5), passed(Stage.GRUB, 2.5))
            await until_shown(pilot, "✓ firmware 2.0 s →")
            await pilot.press("t")
            await until_shown(pilot, "stages", "in all")
            assert "→" not in screen_text(pilot)
            await pilot.press("t")
            await until_shown(pilot, "→")

    async def test_failure_says_what_to_do(self) -> None:
        """The sentence comes first, then the board's own words; the next boot clears it."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            failed = passed(Stage.KERNEL_FAILED, 9.0, text=PANIC, advice=ADVICE)
            await told(pilot, consoles, passed(Stage.KERNEL, 5.0), failed)
            await until_shown(pilot, "✗ kernel-failed: the kernel found no root", PANIC)
            await until_shown(pilot, "✗ kernel 4.0 s")
            await pilot.press("t")
            # Not from the first byte to the beginning of the only stage.
            await until_shown(pilot, "in all", "9.0 s")
            consoles.say(passed(Stage.FIRMWARE, 20.0, boot=2))
            await until_shown(pilot, "boot 2")
            assert "flash it again" not in screen_text(pilot)

    async def test_remark_is_not_a_failure(self) -> None:
        """It is told, and gone when the board goes on."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            remark = passed(Stage.U_BOOT_ERROR, 1.0, text="Boot failed (err=-2)")
            await told(pilot, consoles, passed(Stage.U_BOOT, 0.5), remark)
            await until_shown(pilot, "▲ u-boot-error: Boot failed (err=-2)")
            consoles.say(passed(Stage.GRUB, 2.0))
            await until_shown(pilot, "◐ grub")
            assert "Boot failed" not in screen_text(pilot)


class TestLink:
    """The console itself."""

    async def test_unplugged_adapter_is_told_and_comes_back(self) -> None:
        """With the reason and for how long; what is known of the board stays."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            lost = ConsoleLost(console=FTDI.device, reason="console x went away: no device")
            await told(pilot, consoles, printed("before"), passed(Stage.GRUB, 1.0), lost)
            await until_shown(pilot, "✗ disconnected", "✗ console x went away", "plug the adapter")
            consoles.now_s += 42
            await until_shown(pilot, "gone for 42 s", "before", "◐ grub")
            consoles.say(ConsoleBack(console=FTDI.device), printed("after"))
            await until_shown(pilot, "● open", "after")
            assert "went away" not in screen_text(pilot)

    async def test_silence_and_noise_are_explained(self) -> None:
        """Nothing at all is about power and wires, no text about the speed."""
        consoles = FakeConsoles()
        app = make_app(
            FakeServices(),
            consoles=consoles,
            console=Line(port="socket://10.0.0.1:1", board=BOARDS[0]),
        )
        async with app.run_test(size=NARROW) as pilot:
            await until(pilot, lambda: consoles.open_now)
            await until_shown(pilot, "● open")
            assert "nothing came" not in screen_text(pilot)
            consoles.now_s += SILENCE_S
            await until_shown(pilot, "▲ nothing came for 10 s", "header pins 8 (TX)")
            consoles.say(printed("??"), ConsoleGarbled(advice="try --baud 9600"))
            await until_shown(pilot, "the speed is wrong", "press o and try another speed")

    async def test_console_that_cannot_be_opened_says_why(self) -> None:
        """Reason and hint stay on the screen; o tries again."""
        consoles = FakeConsoles(FTDI)
        consoles.refusal = NodeError("console x: another program has it open", hint="close it")
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            await until_shown(pilot, "✗ not open", "another program has it open", "→ close it")
            consoles.refusal = None
            await pilot.press("o")
            await until_shown(pilot, "FTDI FT232R")
            await pilot.press("enter")
            await until_shown(pilot, "● open")

    async def test_fault_of_ours_is_told_in_a_line(self) -> None:
        """A reader that breaks ends the reading, not the interface."""
        consoles = FakeConsoles()
        consoles.refusal = ZeroDivisionError("by accident")
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            await until_shown(pilot, "✗ not open", "ZeroDivisionError: by accident")
            assert app.is_running

    @pytest.mark.parametrize("key", ["escape", "q"])
    async def test_leaving_lets_go_of_the_console(self, key: str) -> None:
        """No thread reads on, whichever way the screen is left."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            await told(pilot, consoles, *(numbered(500) for _ in range(100)))
            await pilot.press(key)
            if key == "escape":
                await until(pilot, lambda: not consoles.open_now)
        assert await asyncio.to_thread(consoles.closed.wait, PATIENCE_S)
        assert consoles.open_now == 0

    async def test_writing_to_a_file_is_switched(self) -> None:
        """w names the file while it is written, and again ends it."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            await until(pilot, lambda: consoles.open_now)
            await pilot.press("w")
            await until_shown(pilot, "● writing console-2026")
            await pilot.press("w")
            await until(pilot, lambda: "writing" not in screen_text(pilot))


class TestApply:
    """From the console to the node's configuration."""

    async def test_node_of_the_console_is_configured_without_discovery(self, folder: Path) -> None:
        """Its fingerprint was on the console: nobody is asked to compare it, and it is pinned."""
        node = FakeNode(name="edge-7", address="10.0.0.17")
        services = FakeServices(node)
        services.deaf = "no network link to listen on"
        consoles = FakeConsoles()
        app = opened(consoles, services)
        async with app.run_test(size=SIZE) as pilot:
            await told(pilot, consoles, passed(Stage.MAINTENANCE, 9.0), met(node))
            await until_shown(pilot, "◆ in maintenance at 10.0.0.17", node.fingerprint, "a Apply")
            await pilot.press("a")
            await until_shown(pilot, "Apply a configuration to 10.0.0.17:50000")
            await pilot.press("enter")
            await until_shown(pilot, "● the node of this console", node.fingerprint, "y Apply")
            assert "stranger" not in screen_text(pilot)
            await pilot.press("y")
            await until_shown(pilot, "Applied configuration")
            assert [name for name, _ in services.applied] == ["edge-7"]
            await pilot.press("escape", "escape")
            await until_shown(pilot, "10.0.0.17", "● running")

    async def test_node_with_another_key_is_refused(self, folder: Path) -> None:
        """Who answers at the printed address has to have the printed key."""
        node = FakeNode(name="edge-7", address="10.0.0.17")
        services = FakeServices(node)
        consoles = FakeConsoles()
        app = opened(consoles, services)
        async with app.run_test(size=SIZE) as pilot:
            facts = Facts(
                state="maintenance", addresses=(node.address,), fingerprint=fingerprint("other")
            )
            await told(
                pilot,
                consoles,
                passed(Stage.MAINTENANCE, 9.0),
                FactsLearned(facts=facts, boot=1),
            )
            await until_shown(pilot, "a Apply")
            await pilot.press("a")
            await until_shown(pilot, "Apply a configuration")
            await pilot.press("enter")
            await until_shown(pilot, "not the expected node")
            assert not services.applied

    async def test_node_without_a_fingerprint_is_a_stranger(self, folder: Path) -> None:
        """With no key on the console, its user has to compare after all."""
        node = FakeNode(name="edge-7", address="10.0.0.17")
        consoles = FakeConsoles()
        app = opened(consoles, FakeServices(node))
        async with app.run_test(size=SIZE) as pilot:
            facts = Facts(state="maintenance", addresses=(node.address,))
            await told(
                pilot,
                consoles,
                passed(Stage.MAINTENANCE, 9.0),
                FactsLearned(facts=facts, boot=1),
            )
            await until_shown(pilot, "a Apply")
            await pilot.press("a")
            await until_shown(pilot, "Apply a configuration")
            await pilot.press("enter")
            await until_shown(pilot, "stranger: fingerprint")

    async def test_running_node_is_told_and_not_offered(self) -> None:
        """A node that has its configuration needs none from here."""
        consoles = FakeConsoles()
        app = opened(consoles)
        async with app.run_test(size=NARROW) as pilot:
            facts = Facts(state="running", addresses=("10.0.0.9",), fingerprint=fingerprint("a"))
            await told(
                pilot, consoles, passed(Stage.RUNNING, 9.0), FactsLearned(facts=facts, boot=1)
            )
            await until_shown(pilot, "● running at 10.0.0.9")
            assert "a Apply" not in screen_text(pilot)
            await pilot.press("a")
            assert not isinstance(app.screen, PortScreen)


async def test_nodes_go_on_below_the_console() -> None:
    """Nodes are found and asked while a console is watched; escape shows them."""
    services, consoles = FakeServices(*three_nodes()), FakeConsoles()
    app = opened(consoles, services)
    async with app.run_test(size=NARROW) as pilot:
        await told(pilot, consoles, printed("hello"))
        await until(pilot, lambda: len(app.fleet.nodes) == 3)
        await pilot.press("escape")
        await until_shown(pilot, "edge-10", "● running")


def joined(pilot: Pilot[Any]) -> str:
    """Return what is on the screen without line ends and the scroll bar."""
    width = view(pilot).scrollable_content_region.width
    return "".join(line[:width].rstrip() for line in screen_text(pilot).splitlines())
