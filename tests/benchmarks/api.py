# SPDX-License-Identifier: Apache-2.0
"""What the node API and its command line cost, each figure against its limit.

    python3 dev.py bench api [connections] [calls] [watch] [start] [fleet]
        [--connections 2000] [--nodes 300] [--seconds 5] [--runs 5]

    connections  memory of one lab node for each of many connections that prove who they are
    calls        calls for one answer that a lab node serves in a second
    watch        from a change to the last of 200 watchers that sees it
    start        `edgectl --help` against a bare click program, `edgectl version` from nothing
    fleet        `edgectl version -n all` with hundreds of lab nodes in one process group

A ratio of at most 1 keeps to the limit. Nothing else should run: the load is printed as well.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.api_fleet import fleet
from tests.benchmarks.api_node import BenchNode, bench_node
from tests.benchmarks.api_watch import measure_watch as watch
from tests.benchmarks.api_wire import Wire, connect, headers
from tests.benchmarks.flash_result import show_table

PARTS = ("connections", "calls", "watch", "start", "fleet")
PORT = 50000
VERSION = "/machine.MachineService/Version"
AT_ONCE = 16
SETTLING_CALLS, SETTLING_S = 200, 3.0
CALLERS, CALLS_EACH = 8, 16
CONNECTION_BYTES = 64_000
CALLS_A_SECOND = 4000
WATCH_MS = 50.0
FLEET_S = 3.0
VERSION_S = 0.5
HELP_RATIO = 1.5
_TIMEOUT_S = 120.0
_BARE = """
import click
@click.command()
@click.option("--name", default="x", help="A name.")
def main(name):
    "A program."
main()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement; `at_least` says that more is better."""

    what: str
    value: float
    limit: float
    unit: str
    at_least: bool = False
    remark: str = ""

    def row(self) -> list[str]:
        """Return the cells of a table, the ratio last but one."""
        ratio = self.limit / self.value if self.at_least else self.value / self.limit
        bound = "at least" if self.at_least else "at most"
        return [
            self.what,
            f"{self.value:,.4g} {self.unit}"
            if self.value < 1000
            else f"{self.value:,.0f} {self.unit}",
            f"{bound} {self.limit:,g} {self.unit}",
            f"{ratio:.2f}",
            self.remark,
        ]


def main() -> None:
    """Measure what was asked for and print it as Markdown."""
    options = _parse()
    before = os.getloadavg()[0]
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="edgectl-bench-") as name:
        os.environ["EDGECTL_HOME"] = name
        with bench_node(Path(name)) as node:
            os.environ["TALOSCONFIG"] = str(node.talosconfig)
            for part in PARTS:
                if part in options.parts:
                    figures += _MEASURES[part](node, options)
    show_table(
        ["what", "measured", "limit", "ratio", "remark"], [figure.row() for figure in figures]
    )
    print(
        f"\n{os.cpu_count()} processors; load {before:.1f} before, {os.getloadavg()[0]:.1f} after"
    )


def measure_connections(node: BenchNode, options: argparse.Namespace) -> list[Figure]:
    """Connect many times, call once on each, and see what the node has grown by."""
    count = int(options.connections)
    grown, seconds = asyncio.run(_connections(node, count))
    return [
        Figure(
            what=f"memory for each of {count:,} connections",
            value=grown / count,
            limit=CONNECTION_BYTES,
            unit="bytes",
            remark=f"connected in {seconds:.1f} s, one call on each",
        )
    ]


def measure_calls(node: BenchNode, options: argparse.Namespace) -> list[Figure]:
    """Have some callers always wait for some answers each."""
    rates, shares = [], []
    for _ in range(3):
        rate, share = asyncio.run(_calls(node, float(options.seconds)))
        rates.append(rate)
        shares.append(share)
    return [
        Figure(
            what="calls in a second",
            value=statistics.median(rates),
            limit=CALLS_A_SECOND,
            unit="calls",
            at_least=True,
            remark=f"the node used {statistics.median(shares):.0%} of a processor",
        )
    ]


def measure_watch(node: BenchNode, _options: argparse.Namespace) -> list[Figure]:
    """Change a resource that many watch, and see when the last of them knows."""
    seen = asyncio.run(watch(node.address, node.trust))
    return [
        Figure(
            what=f"a change seen by {seen.watchers} watchers",
            value=seen.median_ms,
            limit=WATCH_MS,
            unit="ms",
            remark=f"the last of them; worst {seen.worst_ms:.0f} ms",
        )
    ]


def measure_fleet(node: BenchNode, options: argparse.Namespace) -> list[Figure]:
    """Ask every node of many for its version, in one command; `node` is off afterwards."""
    count = int(options.nodes)
    with fleet(node, count):
        runs = [_edgectl("version", "-n", "all", "--short") for _ in range(int(options.runs))]
    answered = min(run.lines for run in runs) - 1
    return [
        Figure(
            what=f"edgectl version -n all, {count} nodes",
            value=statistics.median(run.seconds for run in runs),
            limit=FLEET_S,
            unit="s",
            remark=f"{answered} answered, best {min(run.seconds for run in runs):.2f} s",
        )
    ]


def measure_start(node: BenchNode, options: argparse.Namespace) -> list[Figure]:
    """Start programs from nothing, ours and a bare one in turn."""
    bare, ours, versions = [], [], []
    for _ in range(int(options.runs) * 2):
        bare.append(_run([sys.executable, "-c", _BARE, "--help"]).seconds)
        ours.append(_edgectl("--help").seconds)
        versions.append(_edgectl("version", "-n", node.address).seconds)
    return [
        Figure(
            what="edgectl --help against a bare click program",
            value=statistics.median(ours) / statistics.median(bare),
            limit=HELP_RATIO,
            unit="times",
            remark=f"{statistics.median(ours):.3f} s and {statistics.median(bare):.3f} s",
        ),
        Figure(
            what="edgectl version of one node",
            value=statistics.median(versions),
            limit=VERSION_S,
            unit="s",
        ),
    ]


_MEASURES = {
    "connections": measure_connections,
    "calls": measure_calls,
    "watch": measure_watch,
    "fleet": measure_fleet,
    "start": measure_start,
}


async def _connections(node: BenchNode, count: int) -> tuple[int, float]:
    context, block = node.tls(), headers(VERSION, node.address)
    slots = asyncio.Semaphore(AT_ONCE)

    async def one() -> Wire:
        async with slots:
            return await connect(node.address, PORT, context)

    # What a node loads and keeps for its first callers is not what a connection takes.
    first = await one()
    first.call(block, SETTLING_CALLS)
    await first.settled(_TIMEOUT_S)
    await asyncio.sleep(SETTLING_S)
    before, started = node.resident_bytes(), time.monotonic()
    wires = await asyncio.gather(*(one() for _ in range(count)))
    seconds = time.monotonic() - started
    for at in range(0, count, AT_ONCE):
        for wire in wires[at : at + AT_ONCE]:
            wire.call(block, 1)
        await asyncio.gather(*(wire.settled(_TIMEOUT_S) for wire in wires[at : at + AT_ONCE]))
    grown = node.resident_bytes() - before
    _close([first, *wires])
    return grown, seconds


async def _calls(node: BenchNode, seconds: float) -> tuple[float, float]:
    context, block = node.tls(), headers(VERSION, node.address)
    wires = [await connect(node.address, PORT, context) for _ in range(CALLERS)]
    loop = asyncio.get_running_loop()
    started, cpu = loop.time(), node.cpu_s()
    for wire in wires:
        wire.go_on(block, started + seconds)
        wire.call(block, CALLS_EACH)
    await asyncio.gather(*(wire.settled(seconds + _TIMEOUT_S) for wire in wires))
    passed = loop.time() - started
    rate = sum(wire.finished for wire in wires) / passed
    _close(wires)
    return rate, (node.cpu_s() - cpu) / passed


def _close(wires: Sequence[Wire]) -> None:
    failed = sum(wire.failed for wire in wires)
    for wire in wires:
        wire.close()
    if failed:
        raise RuntimeError(f"{failed} calls did not succeed")


@dataclass(frozen=True, slots=True)
class _Run:
    seconds: float
    lines: int


def _edgectl(*words: str) -> _Run:
    script = Path(sys.executable).parent / "edgectl"
    return _run([str(script), *words])


def _run(words: Sequence[str]) -> _Run:
    started = time.monotonic()
    done = subprocess.run(words, capture_output=True, timeout=_TIMEOUT_S, check=False)
    seconds = time.monotonic() - started
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed: {done.stderr.decode()[-500:]}")
    return _Run(seconds, len(done.stdout.splitlines()))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py bench api")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART")
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--nodes", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    options.parts = options.parts or list(PARTS)
    return options


if __name__ == "__main__":
    main()
