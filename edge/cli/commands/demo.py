# SPDX-License-Identifier: Apache-2.0
"""`edgectl demo`: the main job, once, on a virtual board."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.cli.output import as_table, emit, output_option
from edge.cli.progress import narrate
from edge.paths import data_dir

if TYPE_CHECKING:
    from edge.events import Listener
    from edge.provision.demo.bench import Bench
    from edge.provision.demo.run import Outcome
    from flasher.record import CardRecords

BOARD = "qemu-arm64"


@click.command()
@click.option("--fast", is_flag=True, help="Use a lab node: no emulator, under half a minute.")
@click.option("--board", help=f"Which emulated board.  [default: {BOARD}]")
@click.option(
    "--emulator", metavar="NAME", help="Which of the board's emulators; see `edgectl boards show`."
)
@click.option("--no-tui", is_flag=True, help="End in a table, also on a terminal.")
@output_option("table", "json")
def command(fast: bool, board: str | None, emulator: str | None, no_tui: bool, output: str) -> None:
    """Take a virtual board from profile to configured, monitored node.

    The image that a user would flash is built, written to a card and read back, booted,
    found by mDNS, recognised by the card's fingerprint, configured, restarted by a power
    cut, and shown. Everything stays in a folder and a network of its own.
    """
    # The demonstration's cards and nodes are not the user's.
    os.environ["EDGECTL_HOME"] = str(data_dir() / "demo")
    folder = data_dir()
    from boards.catalog import load_profile
    from edge.provision.demo.emulated import EmulatedBench
    from edge.provision.demo.lab import LabBench
    from flasher.record import card_records

    records = card_records()
    with narrate() as listener:
        if fast:
            bench: Bench = LabBench(folder, records)
        elif board or emulator:
            bench = EmulatedBench(load_profile(board or BOARD), folder, records, emulator=emulator)
        else:
            bench = _usual_bench(folder, records, listener)
    outcome = _run(bench, records, folder, ends_in_tui=_wants_tui(no_tui, output))
    _show(outcome, output)
    _say_next()


def _usual_bench(folder: Path, records: "CardRecords", listener: "Listener") -> "Bench":
    """Return the usual board's bench, or a lab node where there is no emulator."""
    from boards.catalog import load_profile
    from edge.errors import ToolError
    from edge.events import Noted
    from edge.provision.demo.emulated import EmulatedBench
    from edge.provision.demo.lab import LabBench

    try:
        return EmulatedBench(load_profile(BOARD), folder, records)
    except ToolError as error:
        text = f"no emulator here ({error.message}): going on with a lab node, as --fast does"
        listener(Noted(text=text))
        return LabBench(folder, records)


def _run(bench: "Bench", records: "CardRecords", folder: Path, *, ends_in_tui: bool) -> "Outcome":
    from edge.provision.demo import run as demo

    try:
        with narrate() as listener:
            written = bench.prepare(listener)
        # Outside of any progress display: its thread would keep an ordinary user from a network.
        bench.open()
        with narrate() as listener:
            outcome = asyncio.run(demo.run(bench, written, records, folder, listener))
        if ends_in_tui:
            _open_tui(outcome)
        return outcome
    finally:
        bench.close()


def _wants_tui(no_tui: bool, output: str) -> bool:
    return output == "table" and not no_tui and sys.stdin.isatty() and sys.stdout.isatty()


def _open_tui(outcome: "Outcome") -> None:
    from tui.app import run

    run(outcome.talosconfig, (outcome.node.address,), title="edgectl demo")


def _show(outcome: "Outcome", output: str) -> None:
    if output == "json":
        emit([_row(outcome)], columns=(), output="json")
        return
    row = _row(outcome)
    click.echo(as_table([row], ("node", "address", "board", "version", "cpu", "memory", "load")))
    click.echo()
    click.echo(as_table(row["services"], ("service", "state", "health", "last_event")))


def _row(outcome: "Outcome") -> dict[str, Any]:
    from edge.units import format_size

    usage = outcome.usage
    used, total = usage.memory_used_bytes, usage.memory_total_bytes
    return {
        "node": outcome.node.name,
        "address": outcome.node.address,
        "addresses": list(outcome.addresses),
        "board": outcome.node.board,
        "version": outcome.version,
        "fingerprint": outcome.node.fingerprint,
        "cpu": f"{usage.cpu_percent(None):.0f} % of {usage.cpu_count}",
        "memory": f"{format_size(used)} of {format_size(total)}",
        "memory_used_bytes": used,
        "memory_total_bytes": total,
        "load": f"{usage.load[0]:.2f}",
        "seconds": round(outcome.seconds, 1),
        "services": [
            {
                "service": service.id,
                "state": service.state,
                "health": service.health,
                "last_event": service.message,
            }
            for service in outcome.services
        ],
    }


def _say_next() -> None:
    click.echo(
        f"\nFor a real Raspberry Pi 4, with a card in the reader (edgectl is {_program()}):\n"
        "  edgectl devices\n"
        "  sudo edgectl flash --board rpi4 --to /dev/sdX\n"
        "  edgectl discover --watch                    # put the card in, power on\n"
        "  edgectl gen config home https://ADDRESS:6443 --output-dir _out\n"
        "  edgectl apply-config --insecure -n ADDRESS -f _out/controlplane.yaml\n"
        "  export TALOSCONFIG=_out/talosconfig\n"
        "  edgectl tui",
        err=True,
    )


def _program() -> str:
    # Before an installation it is on nobody's PATH, and sudo has a PATH of its own.
    program = Path(sys.executable).with_name("edgectl")
    return str(program) if program.exists() else f"{sys.executable} -m edge"
