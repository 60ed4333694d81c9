# SPDX-License-Identifier: Apache-2.0
"""Which console a command line means, and drawing what happens on one."""

import json
import sys
from codecs import getincrementaldecoder
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from edge.cli.output import inert
from edge.errors import EdgeError
from edge.events import Event, Noted
from edge.units import format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from boards.profile import Profile
    from edge.provision.console import Adapter, Facts, StagePassed, Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A console to open, and the profile of the board at its end if it was named."""

    name: str
    baud: int
    profile: "Profile | None" = None

    @property
    def family(self) -> str:
        """Return the board's SoC family, or nothing."""
        return self.profile.soc if self.profile else ""

    @property
    def connect(self) -> str:
        """Return where on the board its console is, or nothing."""
        return self.profile.console.connect if self.profile else ""


def choose_line(device: str | None, board: str | None, baud: int | None) -> Line:
    """Return the console that is meant; without `device` the one adapter that it must be.

    Raises:
        BoardError: when there is no such board.
        NodeError: when no adapter is connected, or several.
    """
    from edge.provision.console import DEFAULT_BAUD
    from edge.provision.console.port import check_url

    try:
        check_url(device or "")
    except ValueError as error:
        raise click.UsageError(f"console {device}: {error}") from error
    profile = _load(board) if board else None
    speed = baud or (profile.console.baud if profile else DEFAULT_BAUD)
    if device is None:
        adapter = _only_adapter(profile)
        click.echo(f"using {adapter.device} ({adapter.name})", err=True)
        device = adapter.device
    return Line(name=device, baud=speed, profile=profile)


def console_options(command: Any) -> Any:
    """Add `--from-console` and what goes with it to a command."""
    source = click.option(
        "--from-console",
        "console",
        is_flag=False,
        flag_value="",
        metavar="[DEV]",
        help="The node behind this console: a port, socket:// or rfc2217://; the one adapter.",
    )
    board = click.option("--board", help="With --from-console: the board, for speed and advice.")
    baud = click.option("--baud", type=click.IntRange(min=50), help="With --from-console: speed.")
    wait = click.option(
        "--console-timeout",
        "wait_s",
        type=click.FloatRange(min=0.1),
        default=300.0,
        show_default=True,
        metavar="SECONDS",
        help="With --from-console: how long to wait for maintenance.",
    )
    return source(board(baud(wait(command))))


class Printer:
    """Draws the events of a console: the bytes, the stages, and at the end the timeline.

    Whatever is data goes to stdout and the rest to stderr: the console itself, or with `stages`
    the stages, or with `expects` nothing before the facts.
    """

    def __init__(
        self, *, output: str, stages: bool, expects: bool, shows_console: bool = True
    ) -> None:
        from edge.provision.console import Facts, Timeline

        self._output = output
        self._stages = stages
        self._bytes_err = expects
        self._shows_bytes = shows_console and not stages and output == "text"
        self._notes_err = expects or not stages or output == "json"
        self._in_line = False
        self._bytes = 0
        self._advice = ""
        # A letter may arrive in two pieces.
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self.timeline: Timeline = Timeline()
        self.facts: Facts = Facts()

    def __call__(self, event: Event) -> None:
        """Draw one event."""
        from edge.provision.console import (
            ConsoleBack,
            ConsoleGarbled,
            ConsoleLost,
            ConsoleOutput,
            FactsLearned,
            StagePassed,
        )

        match event:
            case ConsoleOutput(data=data):
                self._show_output(data)
            case StagePassed():
                self._show_stage(event)
            case FactsLearned(facts=facts, boot=boot):
                self.facts = facts
                self._show_row({"event": "facts", "boot": boot, **asdict(facts)})
            case ConsoleLost(reason=reason):
                self._note({"event": "lost", "text": reason}, f"{reason}; waiting for it")
            case ConsoleBack(console=console):
                self._note({"event": "back", "text": console}, f"{console} is back")
            case ConsoleGarbled(advice=advice):
                self._note({"event": "garbled", "advice": advice}, advice)
            case Noted(text=text):
                self._note({"event": "note", "text": text}, text)

    def finish(self, seconds: float, end: "Mapping[str, Any]") -> None:
        """Draw the end: the timeline, or as JSON `end` and everything that was seen."""
        self._finish_line()
        summary = {
            **end,
            "seconds": round(seconds, 3),
            "bytes": self._bytes,
            "boots": list(_boots(self.timeline)),
            "node": _node(self.facts),
            "machine": _machine(self.facts),
        }
        if self._output == "json":
            click.echo(json.dumps(summary, indent=2))
        elif self._output == "jsonl":
            click.echo(json.dumps({"event": "end", **summary}))
        else:
            self._draw_timeline(seconds)

    def show_facts(self, reached: "StagePassed") -> None:
        """Print what is known of the machine that reached this stage, a `key=value` a line."""
        facts = {
            "stage": reached.stage,
            "boot": reached.boot,
            "seconds": f"{reached.at_s - reached.boot_at_s:.3f}",
            "address": ",".join(self.facts.addresses),
            "fingerprint": self.facts.fingerprint,
            "card": self.facts.card,
            "board": self.facts.board,
            "model": self.facts.model,
            "kernel": self.facts.kernel,
        }
        for key, value in facts.items():
            if value:
                click.echo(inert(f"{key}={value}"))

    def _draw_timeline(self, seconds: float) -> None:
        for line in self.timeline.lines():
            click.echo(inert(line), err=self._notes_err)
        seen = f"{format_size(self._bytes)} in {format_duration(seconds)}"
        boots = len(self.timeline.boots)
        if not boots:
            click.echo(f"{seen}; no boot stage recognised", err=True)
            return
        last = self.timeline.boots[-1]
        click.echo(f"{seen}; {boots} boot{'s' * (boots > 1)}, last stage {last.last}", err=True)

    def _show_output(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._output == "jsonl" and not self._stages:
            self._show_row({"event": "output", "text": self._decoder.decode(data)})
        if not self._shows_bytes:
            return
        self._in_line = not data.endswith(b"\n")
        stream = sys.stderr if self._bytes_err else sys.stdout
        try:
            stream.flush()
            stream.buffer.write(data)
            stream.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            name = "stderr" if self._bytes_err else "stdout"
            raise EdgeError(
                f"cannot write to {name}: {error.strerror}", hint=f"make room where {name} goes"
            ) from error

    def _show_stage(self, passed: "StagePassed") -> None:
        self.timeline.add(passed)
        row = {
            "event": "stage",
            "stage": passed.stage,
            "boot": passed.boot,
            "text": passed.text,
            "at_s": round(passed.at_s, 3),
            "boot_at_s": round(passed.boot_at_s, 3),
        }
        if passed.stage.is_trouble:
            row["advice"] = passed.advice
        words = f"stage {passed.stage} (boot {passed.boot})"
        # On a terminal the line itself stands right above.
        is_above = self._shows_bytes and sys.stdout.isatty() and sys.stderr.isatty()
        after = f" after {format_duration(passed.at_s - passed.boot_at_s)}"
        self._note(row, words + (after if is_above else f": {passed.text}"))
        # Many lines may say the same; the way out of it is told once.
        if passed.advice and passed.advice != self._advice:
            self._advice = passed.advice
            if self._output != "jsonl":
                click.echo(f"  {passed.advice}", err=self._notes_err)

    def _note(self, row: dict[str, object], text: str) -> None:
        self._show_row(row)
        if self._output == "jsonl":
            return
        self._finish_line()
        # With the console itself left out, the stages are the data.
        prefix = "edgectl: " if self._notes_err else ""
        click.echo(inert(f"{prefix}{text}"), err=self._notes_err)

    def _show_row(self, row: dict[str, object]) -> None:
        if self._output == "jsonl":
            click.echo(json.dumps(row))

    def _finish_line(self) -> None:
        if self._in_line:
            click.echo(err=True)
            self._in_line = False


def _load(board: str) -> "Profile":
    from boards.catalog import load_profile

    return load_profile(board)


def _only_adapter(profile: "Profile | None") -> "Adapter":
    from edge.errors import NodeError
    from edge.provision.console import choose_adapter, list_adapters

    adapters = list_adapters()
    try:
        if profile is None:
            return choose_adapter(adapters)
        console = profile.console
        return choose_adapter(
            adapters, usb_id=console.adapter, index=console.adapter_port, connect=console.connect
        )
    except NodeError as error:
        if profile is None and (boards := _boards_with(adapters)):
            hint = f"{error.hint}; or the board, which knows its port: --board {boards}"
            raise NodeError(error.message, hint=hint) from error
        raise


def _boards_with(adapters: "Sequence[Adapter]") -> str:
    from boards.catalog import all_profiles

    present = {adapter.usb_id for adapter in adapters if adapter.usb_id}
    names = [each.name for each in all_profiles() if each.console.adapter in present]
    return " or ".join(names)


def _boots(timeline: "Timeline") -> "Sequence[Mapping[str, Any]]":
    return [
        {
            "boot": boot.number,
            "at_s": round(boot.at_s, 3),
            "seconds": round(boot.seconds, 3),
            "stages": [
                {
                    "stage": each.stage,
                    "at_s": round(each.at_s, 3),
                    "took_s": None if each.took_s is None else round(each.took_s, 3),
                    "text": each.text,
                }
                for each in boot.passages
            ],
            "troubles": [
                {
                    "stage": each.stage,
                    "at_s": round(each.at_s - boot.at_s, 3),
                    "text": each.text,
                    "advice": each.advice,
                }
                for each in boot.troubles
            ],
        }
        for boot in timeline.boots
    ]


def _node(facts: "Facts") -> "Mapping[str, Any] | None":
    if not facts.state:
        return None
    return {
        "state": facts.state,
        "addresses": list(facts.addresses),
        "fingerprint": facts.fingerprint,
        "card": facts.card,
    }


def _machine(facts: "Facts") -> "Mapping[str, str]":
    return {
        "board": facts.board,
        "model": facts.model,
        "kernel": facts.kernel,
        "family": facts.family,
    }
