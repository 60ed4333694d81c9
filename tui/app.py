# SPDX-License-Identifier: Apache-2.0
"""The app: owns what is known of the nodes and the workers that find it out.

Workers post, handlers here fold it into the fleet, and twice a second at most the screens are
told to draw what changed.
"""

import asyncio
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

from textual import on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.worker import Worker, WorkerState

from edge.client.channel import split_endpoint
from edge.errors import BugError, EdgeError
from tui.console import ConsoleServices, Line
from tui.feed import Gaze, listen, poll
from tui.messages import Answered, Failed, Heard, Listening
from tui.model import Failure, Fleet
from tui.row import Cell, Tone
from tui.screens.detail import DetailScreen
from tui.screens.node_screen import NodeScreen
from tui.screens.nodes import NodesScreen
from tui.services import NodeServices

REDRAW_S: Final = 0.5
_POLL: Final = "poll"


class EdgeApp(App[None]):
    """Nodes on the network, live."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "edgectl"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("question_mark", "toggle_help", "Keys", key_display="?"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(
        self,
        services: NodeServices,
        *,
        consoles: ConsoleServices | None = None,
        console: Line | None = None,
        heading: str = "",
        dashboard: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        redraw_s: float = REDRAW_S,
    ) -> None:
        super().__init__()
        self.services = services
        self.heading = heading
        self.clock = clock
        self.fleet = Fleet()
        self._consoles = consoles
        self._console = console
        self._dashboard = dashboard
        self._redraw_s = redraw_s
        self._gazes: dict[str, Gaze] = {}
        self._listening = Listening(links=())
        self._stale = False

    def on_mount(self) -> None:
        keys = [self._track(self.fleet.name(endpoint)) for endpoint in self.services.configured]
        self.push_screen(DetailScreen(keys[0], keys) if self._dashboard else NodesScreen())
        if not self._dashboard:
            self.run_worker(
                listen(self.services, self.post_message), group="listen", exit_on_error=False
            )
        if self._console:
            self.open_console(self._console)
        self.set_interval(self._redraw_s, self._redraw)
        # Ages are drawn anew even when nothing else happens.
        self.set_interval(1.0, self._spoil)

    async def on_unmount(self) -> None:
        await self.services.close()

    @on(Heard)
    def _hear(self, event: Heard) -> None:
        key = self.fleet.hear(event.sighting, self.clock())
        self.look(self._track(key))
        self._spoil()

    @on(Listening)
    def _note_links(self, event: Listening) -> None:
        self._listening = event
        self._spoil()

    @on(Answered)
    def _note_answer(self, event: Answered) -> None:
        self.fleet.answer(event.key, event.report, self.clock())
        self._spoil()

    @on(Failed)
    def _note_failure(self, event: Failed) -> None:
        self.fleet.fail(event.key, event.failure, self.clock())
        self._spoil()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            self.tell_fault(event.worker.error)
            if event.worker.group == _POLL:
                failure = Failure(reason=fault_line(event.worker.error))
                self.post_message(Failed(key=event.worker.name, failure=failure))

    def action_toggle_help(self) -> None:
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def look(self, key: str, *, close: bool | None = None) -> None:
        """Ask a node at once, and from now on closely or not."""
        if gaze := self._gazes.get(key):
            gaze.look(close=gaze.close if close is None else close)

    def open_detail(self, key: str, keys: Sequence[str], *, log_only: bool = False) -> None:
        """Show one node; `keys` are its neighbours and itself."""
        self.push_screen(DetailScreen(key, keys, log_only=log_only))

    def open_console(self, line: Line | None = None) -> None:
        """Show a serial console, or have the user choose one first."""
        from tui.screens.console import ConsoleScreen

        self.push_screen(ConsoleScreen(line))

    @property
    def consoles(self) -> ConsoleServices:
        """Return what reads serial consoles."""
        if self._consoles is None:
            from tui.serial import SerialConsoles

            self._consoles = SerialConsoles()
        return self._consoles

    def meet(self, endpoint: str) -> None:
        """Show a node in the table that is known otherwise than by mDNS, and ask it at once."""
        self.look(self._track(self.fleet.name(endpoint)))
        self._spoil()

    def leave_detail(self) -> None:
        """Go back to where the detail was opened from."""
        if self._dashboard:
            self.exit()
        else:
            self.pop_screen()

    def forget(self, key: str) -> None:
        """Drop a node from the table."""
        self.fleet.forget(key)
        self.look(key)
        self._gazes.pop(key, None)
        self._spoil()

    def breadcrumb(self, place: str) -> str:
        """Return where the user is, from the outside in."""
        return f"{self.heading or self.TITLE} > {place}"

    def listening_cell(self) -> Cell:
        """Say whether the network is listened to."""
        if self._listening.fault:
            return Cell(f"✗ {self._listening.fault}", Tone.BAD)
        if self._listening.links:
            return Cell(f"on {', '.join(self._listening.links[:3])}", Tone.FAINT)
        return Cell("▲ no network: this machine alone", Tone.WAITING)

    def listening_text(self) -> str:
        """Say in a sentence whether nodes can be found."""
        if self._listening.fault:
            return f"{self._listening.fault}: nodes cannot be found, trying again…"
        return "listening for nodes on the local network…"

    def tell(self, text: str) -> None:
        """Show a remark for a moment."""
        self.notify(text, markup=False)

    def tell_error(self, error: EdgeError) -> None:
        """Show why something did not work."""
        text = f"{error.message}\n{error.hint}" if error.hint else error.message
        self.notify(text, severity="error", timeout=10, markup=False)

    def tell_fault(self, error: BaseException) -> None:
        """Show a fault of ours in one line, and go on."""
        self.notify(fault_line(error), severity="error", timeout=10, markup=False)

    @property
    def fault(self) -> Exception | None:
        """Return what ended the app, if a fault of ours did."""
        return self._exception

    def _fatal_error(self) -> None:
        # Textual would print pages of traceback with local variables, secrets among them.
        self._close_messages_no_wait()

    def _track(self, key: str) -> str:
        """Have a worker ask a node from now on."""
        if key not in self._gazes:
            gaze = self._gazes[key] = Gaze()
            loop = poll(self.services, lambda: self.fleet.target(key), gaze, self.post_message)
            self.run_worker(loop, name=key, group=_POLL, exit_on_error=False)
        return key

    def _spoil(self) -> None:
        self._stale = True

    def _redraw(self) -> None:
        if not self._stale:
            return
        self._stale = False
        for key in [key for key in self._gazes if key not in self.fleet.nodes]:
            self.look(key)
            del self._gazes[key]
        for screen in self.screen_stack:
            if isinstance(screen, NodeScreen):
                screen.redraw()


def fault_line(error: BaseException) -> str:
    """Return an unexpected exception in one line."""
    first = (str(error).splitlines() or [""])[0]
    return f"a fault of edgectl: {type(error).__name__}: {first}"


def run(
    talosconfig_path: Path | None,
    nodes: tuple[str, ...],
    title: str = "",
    *,
    context: str | None = None,
    dashboard: bool = False,
    pins: tuple[str, ...] = (),
    console: Line | None = None,
) -> None:
    """Run the interface until its user leaves it.

    `nodes` are addresses to show besides those that mDNS finds; without any, those of the
    context. A `dashboard` shows these alone, one at a time. With `pins`, only nodes whose keys
    have these fingerprints are talked to. A `console` is shown at once, before the nodes.

    Raises:
        ConfigError: when the client configuration cannot be used.
        BugError: when the interface failed by a fault of its own.
    """
    from flasher.record import card_records
    from tui.backend import Backend
    from tui.keyring import Keyring

    keyring = Keyring(talosconfig_path, context)
    named = nodes or tuple(
        node for each in keyring.contexts() for node in each.nodes or each.endpoints
    )
    backend = Backend(
        keyring,
        card_records(),
        configured=tuple(dict.fromkeys(map(_endpoint, named))),
        discover=not dashboard,
        pins=pins,
    )
    app = EdgeApp(backend, heading=title, dashboard=dashboard, console=console)
    asyncio.run(_run(app))
    if app.fault:
        raise BugError(fault_line(app.fault), hint="please report it") from app.fault


async def _run(app: EdgeApp) -> None:
    # Otherwise whoever ends us by a signal is left with an unusable terminal.
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, app.exit)
    await app.run_async()


def _endpoint(text: str) -> str:
    host, port = split_endpoint(text)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
