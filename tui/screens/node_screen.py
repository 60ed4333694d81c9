# SPDX-License-Identifier: Apache-2.0
"""What the screens with a node under the cursor share: the keys that act on it."""

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual import work
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from edge.errors import EdgeError
from tui.model import Node, State
from tui.services import Target

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tui.app import EdgeApp


class NodeScreen(Screen[None]):
    """A screen that shows nodes and can configure, restart and wipe the one that is selected."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "apply", "Apply"),
        Binding("r", "reboot", "Reboot"),
        Binding("R", "reset", "Reset", key_display="R"),
    ]

    @property
    def edge(self) -> "EdgeApp":
        """Return the app with its own type."""
        return cast("EdgeApp", self.app)

    def selected(self) -> Node | None:
        """Return the node that keys act on."""
        raise NotImplementedError

    def show_nodes(self) -> None:
        """Draw what is known now."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw what is known now, unless the screen is only being built or taken down."""
        with suppress(NoMatches):
            self.show_nodes()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what the selected node can do."""
        node = self.selected() if action in _NEEDS else None
        if action in _NEEDS:
            return node is not None and _NEEDS[action](node)
        return super().check_action(action, parameters)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            self.edge.tell_fault(event.worker.error)

    @work(exclusive=True, group="act", exit_on_error=False)
    async def action_apply(self) -> None:
        from tui.screens.configure import configure

        if (node := self.selected()) is None or (target := self._target(node)) is None:
            return
        if await configure(self.edge, node, target):
            self.edge.look(node.key)

    @work(exclusive=True, group="act", exit_on_error=False)
    async def action_reboot(self) -> None:
        from tui.screens.confirm import ConfirmScreen

        if (node := self.selected()) is None or (target := self._target(node)) is None:
            return
        question = f"Reboot {node.label}?"
        if await self.app.push_screen_wait(ConfirmScreen(question, "Reboot")):
            await self._carry_out(self.edge.services.reboot, target, f"{node.label} reboots")

    @work(exclusive=True, group="act", exit_on_error=False)
    async def action_reset(self) -> None:
        from tui.screens.confirm import ConfirmScreen

        if (node := self.selected()) is None or (target := self._target(node)) is None:
            return
        question = (
            f"Wipe {node.label}: its configuration (STATE) and its data (EPHEMERAL)"
            " are destroyed, and it restarts into maintenance mode."
        )
        word = node.name or node.address
        if await self.app.push_screen_wait(ConfirmScreen(question, "Wipe", word=word)):
            await self._carry_out(self.edge.services.reset, target, f"{node.label} is being wiped")

    async def _carry_out(
        self, call: "Callable[[Target], Awaitable[None]]", target: Target, done: str
    ) -> None:
        try:
            await call(target)
        except EdgeError as error:
            self.edge.tell_error(error)
        else:
            self.edge.tell(done)
            self.edge.look(target.key)

    def _target(self, node: Node) -> Target | None:
        return self.edge.fleet.target(node.key)


def _can_apply(node: Node) -> bool:
    return node.state in (State.MAINTENANCE, State.RUNNING, State.NOT_READY, State.BOOTING)


def _can_forget(node: Node) -> bool:
    return node.state is State.UNREACHABLE and not node.in_sight and not node.given


_NEEDS: "Final[dict[str, Callable[[Node], bool]]]" = {
    "apply": _can_apply,
    "reboot": lambda node: node.is_configured,
    "reset": lambda node: node.is_configured,
    "forget": _can_forget,
    "open_log": lambda _node: True,
}
