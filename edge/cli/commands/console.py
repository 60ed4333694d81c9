# SPDX-License-Identifier: Apache-2.0
"""`edgectl console`: a board's serial console, with its boot stages named as they pass."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.console import Line, Printer, choose_line
from edge.cli.exit import ExitCode, exit_code
from edge.cli.output import emit, output_option

if TYPE_CHECKING:
    from edge.errors import EdgeError
    from edge.provision.console import Aim, Console, Stage, StagePassed

_RESULTS = {ExitCode.TIMEOUT: "timeout", ExitCode.STUCK: "failure", ExitCode.LOST: "lost"}
_EXIT_CODES = """\b
Exit codes: 0 the stage passed, or without --expect the end; 1 a log or the
output cannot be written; 9 the console cannot be opened; 11 the stage did
not pass in time; 12 the board failed before it; 13 the console went away
and was not back in time; 130 stopped."""


@click.command(epilog=_EXIT_CODES)
@click.argument("device", required=False)
@click.option("--board", help="Board at the other end: its speed, adapter and advice.")
@click.option("--baud", type=click.IntRange(min=50), help="Speed; the board's, or 115200.")
@click.option("--list", "lists", is_flag=True, help="List the serial ports of this machine.")
@click.option("--log", type=click.Path(path_type=Path), help="Append every byte to this file.")
@click.option(
    "--text-log", type=click.Path(path_type=Path), help="Append lines with their times to it."
)
@click.option("--stages", is_flag=True, help="Print stages and timeline, nothing else.")
@click.option("--expect", multiple=True, metavar="STAGE", help="End at this stage.")
@click.option("--with-address", is_flag=True, help="With --expect: and the node has an address.")
@click.option("--keep-going", is_flag=True, help="With --expect: past failures, to another boot.")
@click.option("--timeout", type=click.FloatRange(min=0.1), help="End after so many seconds.")
@output_option("text", "json", "jsonl")
def command(
    *,
    device: str | None,
    board: str | None,
    baud: int | None,
    lists: bool,
    log: Path | None,
    text_log: Path | None,
    stages: bool,
    expect: tuple[str, ...],
    with_address: bool,
    keep_going: bool,
    timeout: float | None,
    output: str,
) -> None:
    """Follow a board's serial console and name its boot stages.

    DEVICE is a serial port, socket://HOST:PORT or rfc2217://HOST:PORT; without it the one USB
    adapter is used. The console goes to stdout, stages and advice to stderr; ctrl-C ends it with
    a timeline. With --expect stdout holds what is known of the node then.
    """
    from edge.provision.console import Aim

    if lists:
        _list_adapters("table" if output == "text" else output)
        return
    until = tuple(_stage(text) for text in expect)
    line = choose_line(device, board, baud)
    aim = Aim(
        until=until,
        when=lambda facts: facts.is_reachable or not with_address,
        timeout_s=timeout,
        keep_going=keep_going,
        connect=line.connect,
        log_path=log,
        text_log_path=text_log,
    )
    printer = Printer(output=output, stages=stages, expects=bool(expect))
    _follow(line, printer, aim, output)


def _list_adapters(output: str) -> None:
    from edge.provision.console import list_adapters

    rows = [
        {"device": one.device, "adapter": one.name, "port": one.port, "usb": one.usb_id}
        for one in list_adapters()
    ]
    if not rows and output == "table":
        click.echo("no serial port found; plug in an adapter", err=True)
        return
    emit(rows, columns=("device", "adapter", "port", "usb"), output=output)


def _follow(line: Line, printer: Printer, aim: "Aim", output: str) -> None:
    from edge.errors import EdgeError
    from edge.provision.console import open_console
    from edge.provision.console.log import check_log

    for log in filter(None, (aim.log_path, aim.text_log_path)):
        check_log(log)
    with open_console(line.name, line.baud) as console:
        click.echo(f"following {console.name} at {line.baud} baud; ctrl-C ends it", err=True)
        started, end = time.monotonic(), _End(console=console.name, line=line, aim=aim)
        try:
            end.reached = _watch(console, printer, line, aim)
        except KeyboardInterrupt:
            end.result = "interrupted"
        except EdgeError as error:
            end.error = error
            raise
        finally:
            printer.finish(time.monotonic() - started, end.row())
    if aim.until and end.result == "interrupted":
        raise click.exceptions.Exit(ExitCode.INTERRUPTED)
    if end.reached and output == "text":
        printer.show_facts(end.reached)


def _watch(console: "Console", printer: Printer, line: Line, aim: "Aim") -> "StagePassed | None":
    from edge.provision.console import StageDetector, follow

    seen = follow(
        console,
        printer,
        aim,
        detector=StageDetector(line.family),
    )
    return seen.reached


@dataclass(slots=True, kw_only=True)
class _End:
    """How it ended, in the words of the JSON output."""

    console: str
    line: Line
    aim: "Aim"
    reached: "StagePassed | None" = None
    error: "EdgeError | None" = None
    result: str = "ended"

    def row(self) -> dict[str, object]:
        """Return what the JSON output says besides what was seen."""
        return {
            "result": self._result(),
            "reached": self.reached.stage if self.reached else None,
            "expected": list(self.aim.until),
            "error": self.error.message if self.error else None,
            "advice": self.error.hint if self.error else None,
            "console": self.console,
            "baud": self.line.baud,
            "board": self.line.profile.name if self.line.profile else None,
        }

    def _result(self) -> str:
        if self.reached:
            return "reached"
        if self.error is None:
            return self.result
        return _RESULTS.get(exit_code(self.error), "failed")


def _stage(text: str) -> "Stage":
    from edge.provision.console import Stage

    try:
        return Stage(text)
    except ValueError as error:
        known = ", ".join(Stage)
        raise click.BadParameter(
            f"no stage {text!r}; known: {known}", param_hint="--expect"
        ) from error
