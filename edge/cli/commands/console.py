# SPDX-License-Identifier: Apache-2.0
"""`edgectl console`: a board's serial console, with its boot stages named as they pass."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.output import emit, output_option
from edge.events import Event
from edge.units import format_duration, format_size

if TYPE_CHECKING:
    from edge.provision.console import Stage, StagePassed


@click.command()
@click.argument("device", required=False)
@click.option("--baud", type=click.IntRange(min=50), help="Speed; 115200 unless told.")
@click.option("--board", help="Take the speed from this board's profile.")
@click.option(
    "--log", type=click.Path(dir_okay=False, path_type=Path), help="Append all output to this file."
)
@click.option("--stages-only", is_flag=True, help="Print the boot stages and nothing else.")
@click.option("--until", multiple=True, metavar="STAGE", help="Stop when this stage passes.")
@click.option("--timeout", type=click.FloatRange(min=0.1), help="Stop after so many seconds.")
@output_option("text", "jsonl")
def command(
    *,
    device: str | None,
    baud: int | None,
    board: str | None,
    log: Path | None,
    stages_only: bool,
    until: tuple[str, ...],
    timeout: float | None,
    output: str,
) -> None:
    """Follow a board's serial console and name its boot stages.

    DEVICE is a serial port, socket://host:port or rfc2217://host:port; without it the ports of
    this machine are listed. The console goes to stdout and the stages to stderr; ctrl-C ends it
    with a summary.
    """
    if device is None:
        _list_adapters("table" if output == "text" else "json")
        return
    if baud and board:
        raise click.UsageError("--baud and --board do not go together")
    _follow(
        device,
        baud or _baud(board),
        _Printer(output, stages_only),
        log=log,
        until=[_stage(text) for text in until],
        timeout=timeout,
    )


def _list_adapters(output: str) -> None:
    from edge.provision.console import list_adapters

    rows = [
        {"device": one.device, "adapter": one.name, "port": one.port} for one in list_adapters()
    ]
    if not rows and output == "table":
        click.echo("no serial port found; plug in an adapter", err=True)
        return
    emit(rows, columns=("device", "adapter", "port"), output=output)


def _baud(board: str | None) -> int:
    from edge.provision.console import DEFAULT_BAUD

    if board is None:
        return DEFAULT_BAUD
    from boards.catalog import load_profile

    return load_profile(board).console.baud


def _follow(
    device: str,
    baud: int,
    printer: "_Printer",
    *,
    log: Path | None,
    until: "list[Stage]",
    timeout: float | None,
) -> None:
    from edge.provision.console import follow, open_console

    started = time.monotonic()
    with open_console(device, baud) as console:
        click.echo(f"following {console.name}; ctrl-C ends it", err=True)
        try:
            follow(console, printer, log_path=log, until=until, timeout_s=timeout)
        except KeyboardInterrupt:
            printer.finish_line()
        finally:
            click.echo(printer.summary(time.monotonic() - started), err=True)


def _stage(text: str) -> "Stage":
    from edge.provision.console import Stage

    try:
        return Stage(text)
    except ValueError as error:
        known = ", ".join(Stage)
        raise click.BadParameter(
            f"no stage {text!r}; known: {known}", param_hint="--until"
        ) from error


class _Printer:
    """Draws the events of a console: its bytes on stdout, everything else beside them."""

    def __init__(self, output: str, stages_only: bool) -> None:
        self._as_json = output == "jsonl"
        self._stages_only = stages_only
        self._in_line = False
        self._bytes = 0
        self._last: StagePassed | None = None

    def __call__(self, event: Event) -> None:
        from edge.provision.console import ConsoleBack, ConsoleLost, ConsoleOutput, StagePassed

        match event:
            case ConsoleOutput(data=data):
                self._show_output(data)
            case StagePassed():
                self._show_stage(event)
            case ConsoleLost(reason=reason):
                self._note({"event": "lost", "text": reason}, f"{reason}; waiting for it")
            case ConsoleBack(console=console):
                self._note({"event": "back", "text": console}, f"{console} is back")

    def finish_line(self) -> None:
        """Go to a new line when the console left its own unfinished."""
        if self._in_line and not self._as_json:
            click.echo(err=True)
            self._in_line = False

    def summary(self, seconds: float) -> str:
        """Return one line about everything that was seen."""
        seen = f"{format_size(self._bytes)} in {format_duration(seconds)}"
        if self._last is None:
            return f"{seen}; no boot stage recognised"
        boots = "1 boot" if self._last.boot == 1 else f"{self._last.boot} boots"
        return f"{seen}; {boots}, last stage {self._last.stage}"

    def _show_output(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._stages_only:
            return
        if self._as_json:
            click.echo(json.dumps({"event": "output", "text": data.decode("utf-8", "replace")}))
            return
        self._in_line = not data.endswith(b"\n")
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def _show_stage(self, passed: "StagePassed") -> None:
        self._last = passed
        row = {"event": "stage", "stage": passed.stage, "boot": passed.boot, "text": passed.text}
        self._note(row, f"stage {passed.stage} (boot {passed.boot}): {passed.text}")

    def _note(self, row: dict[str, object], text: str) -> None:
        if self._as_json:
            click.echo(json.dumps(row))
            return
        self.finish_line()
        # With the console itself left out, the stages are the data.
        click.echo(f"edgectl: {text}" if not self._stages_only else text, err=not self._stages_only)
