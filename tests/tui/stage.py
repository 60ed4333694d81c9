# SPDX-License-Identifier: Apache-2.0
"""The app with fake nodes, a clock that stands still, and ways to wait for what it shows."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from textual.pilot import Pilot
from textual.widgets import Input

from tests.fakes.nodes import NOW, FakeNode
from tui.app import EdgeApp
from tui.services import NodeServices

SIZE: Final = (100, 30)
PATIENCE_S: Final = 20.0

SECRET: Final = "chyplv.qk2zius50k9ep1fr"
BROKEN = """\
version: v1alpha1
machine:
  type: worker
  tokn: abc
cluster:
  contrlPlane:
    endpoint: https://10.0.0.10:6443
"""


def write_configurations(folder: Path) -> None:
    """Write `worker.yaml`, which is valid, and `broken.yaml`, which has faults."""
    golden = Path(__file__).parents[1] / "golden/config/worker.yaml"
    (folder / "worker.yaml").write_text(golden.read_text())
    (folder / "broken.yaml").write_text(BROKEN)


def three_nodes() -> list[FakeNode]:
    """Return a node on our card, a stranger, and one that is configured."""
    return [
        FakeNode(
            name="edge-1",
            address="10.0.0.11",
            card=3,
            logs={"machined": ["stage: booting", "stage: maintenance"]},
        ),
        FakeNode(name="edge-2", address="10.0.0.12"),
        FakeNode(
            name="edge-10",
            address="10.0.0.20",
            card=1,
            configuration=(Path(__file__).parents[1] / "golden/config/worker.yaml").read_text(),
            logs={"machined": [f"line {number}" for number in range(1, 31)]},
        ),
    ]


def make_app(services: NodeServices, **options: Any) -> EdgeApp:
    """Return the app at a fixed time, redrawn as soon as something changes."""
    return EdgeApp(services, clock=lambda: NOW, redraw_s=0.01, **options)


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Let the app run until `condition` holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await pilot.pause(0.01)
    await pilot.pause()


async def until_shown(pilot: Pilot[Any], *texts: str) -> None:
    """Let the app run until all `texts` can be read on its screen."""
    try:
        await until(pilot, lambda: all(text in screen_text(pilot) for text in texts))
    except TimeoutError:
        raise AssertionError(f"{texts} not on the screen:\n{screen_text(pilot)}") from None


def screen_text(pilot: Pilot[Any]) -> str:
    """Return what can be read on the screen."""
    lines = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line) for line in lines)


def stop_blinking(pilot: Pilot[Any]) -> None:
    """Have every text cursor on the screen stand still."""
    for field in pilot.app.screen.query(Input):
        field.cursor_blink = False
