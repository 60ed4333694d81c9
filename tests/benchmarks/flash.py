# SPDX-License-Identifier: Apache-2.0
"""Time to a verified card, ours and others', on cards that are the same for every tool.

    sudo python3 dev.py bench flash [cards] [peers] [eight] [fast] [memory]
        [--runs 5] [--peer-runs 1] [--scale full|small] [--formats raw,xz,zst,gz]
        [--models separate,shared] [--tools dd,bmaptool,etcher] [--results FILE]

    cards   ours on a card with separate budgets and on one with a shared bus
    peers   the other tools on the same two cards
    eight   seven cards beside one that is slow, against one alone
    fast    a card that is faster than any, against dd with direct I/O
    memory  what eight cards take

Figures are medians. One card takes a minute or two for each tool, model and format, a quarter of
that with `--scale small`. With `--results` every measurement is kept in a file, and one that is
there is not made again.
"""

import argparse
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from itertools import product
from pathlib import Path

from edge.units import MIB
from tests.benchmarks.flash_card import (
    READ_BPS,
    WRITE_BPS,
    BenchCard,
    bus_cards,
    fast_card,
    loop_cards,
)
from tests.benchmarks.flash_image import (
    FORMATS,
    BenchImage,
    bench_image,
    dense_image,
    large_image,
)
from tests.benchmarks.flash_many import measure_alone, measure_memory, measure_seven
from tests.benchmarks.flash_peer import PEERS, Peer, Run, available, measure
from tests.benchmarks.flash_result import Key, Results, cell, show_table

PARTS = ("cards", "peers", "eight", "fast", "memory")
_MODELS: dict[str, Callable[[int], AbstractContextManager[list[BenchCard]]]] = {
    "separate": lambda size: loop_cards(size, [(WRITE_BPS, READ_BPS)]),
    "shared": bus_cards,
}
_COMPARED = ("ours", "bmaptool", "dd", "etcher")
_FAST = ("ours", "dd only", "dd")
_TARGETS = ("memory", "disk")
_FAST_IMAGES: dict[str, Callable[[str], BenchImage]] = {
    "with a block map": lambda scale: bench_image(scale, ()),
    "four times the size, without a map": large_image,
    "without a hole": dense_image,
}


def main() -> None:
    """Measure what was asked for and print it as Markdown."""
    options = _parse()
    if os.geteuid() != 0:
        raise SystemExit("cards are loop devices, which need root: sudo python3 dev.py bench flash")
    bench = _Bench(options)
    for part in PARTS:
        if part in options.parts:
            getattr(bench, f"measure_{part}")()
    bench.show()


class _Bench:
    """What was asked for, and the results so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.scale = options, str(options.scale)
        self.image = bench_image(self.scale, options.formats)
        self.results = Results(options.results)

    def measure_cards(self) -> None:
        self._meet_models([PEERS["ours"]], self.options.runs)

    def measure_peers(self) -> None:
        self._meet_models(available(self.options.tools), self.options.peer_runs)

    def measure_eight(self) -> None:
        form = self.options.formats[-1]
        for tool, work in (("alone", measure_alone), ("seven", measure_seven)):
            key = self._key("eight", tool, "separate", form)
            self.results.repeat(key, self.options.runs, partial(work, self.image, form))

    def measure_fast(self) -> None:
        for form, make in _FAST_IMAGES.items():
            image = make(self.scale)
            for where, tool in product(_TARGETS, _FAST):
                key = self._key("fast", PEERS[tool].name, where, form)
                work = partial(_fast, PEERS[tool], image, where)
                self.results.repeat(key, self.options.runs, work)

    def measure_memory(self) -> None:
        for form in self.options.formats:
            key = self._key("memory", "ours", "separate", form)
            self.results.repeat(key, 1, partial(measure_memory, self.image, form), "MiB")

    def show(self) -> None:
        """Print a table for every part that has been measured."""
        for model in self.options.models:
            self._show_model(model)
        self._show_eight()
        self._show_fast()
        self._show_memory()

    def _meet_models(self, tools: list[Peer], runs: int) -> None:
        for model in self.options.models:
            for form in self.options.formats:
                for tool in tools:
                    work = partial(_once, tool, self.image, form, model)
                    self.results.repeat(self._key("cards", tool.name, model, form), runs, work)

    def _key(self, part: str, tool: str, model: str, form: str) -> Key:
        return Key(part=part, scale=self.scale, tool=tool, model=model, form=form)

    def _ideal_s(self, model: str) -> float:
        mapped = self.image.mapped_bytes
        return mapped / WRITE_BPS + (mapped / READ_BPS if model == "shared" else 0)

    def _show_model(self, model: str) -> None:
        ideal, tools = self._ideal_s(model), [PEERS[name].name for name in _COMPARED]
        rows = []
        for form in FORMATS:
            keys = [self._key("cards", tool, model, form) for tool in tools]
            if any(self.results.runs(key) for key in keys):
                runs = "/".join(str(len(self.results.runs(key))) for key in keys)
                rows.append([form, *(cell(self.results, key, ideal) for key in keys), runs])
        if rows:
            print(f"\n{model} budgets, {self.scale} image, ideal {ideal:.1f} s")
            show_table(["source", *tools, "runs"], rows)

    def _show_eight(self) -> None:
        rows = []
        for form in FORMATS:
            alone, seven = (
                self._key("eight", tool, "separate", form) for tool in ("alone", "seven")
            )
            one, all_seven = self.results.median(alone), self.results.median(seven)
            if one and all_seven:
                remark = self.results.runs(seven)[-1].remark
                ratio = f"{all_seven / one:.3f}"
                rows.append([form, f"{one:.1f} s", f"{all_seven:.1f} s", ratio, remark])
        if rows:
            show_table(["source", "one alone", "last of seven", "ratio", "remark"], rows)

    def _show_fast(self) -> None:
        rows = []
        for where, (form, make) in product(_TARGETS, _FAST_IMAGES.items()):
            keys = [self._key("fast", PEERS[tool].name, where, form) for tool in _FAST]
            medians = [self.results.median(key) for key in keys]
            seconds = [each for each in medians if each]
            if len(seconds) == len(keys):
                size_bytes = make(self.scale).size_bytes
                speeds = [f"{size_bytes / each / MIB:.0f} MiB/s" for each in seconds]
                ratios = " and ".join(f"{each / seconds[0]:.2f}" for each in seconds[1:])
                rows.append([f"{where}, {form}", *speeds, ratios, self.results.problem(keys[0])])
        if rows:
            names = [PEERS[tool].name for tool in _FAST]
            show_table(["fast card", *names, "ratios", "remark"], rows)

    def _show_memory(self) -> None:
        keys = {form: self._key("memory", "ours", "separate", form) for form in FORMATS}
        found = {form: self.results.median(key) for form, key in keys.items()}
        rows = [[form, f"{peak:.0f} MiB"] for form, peak in found.items() if peak]
        if rows:
            show_table(["eight cards", "peak memory, children included"], rows)


def _once(tool: Peer, image: BenchImage, form: str, model: str) -> Run:
    """Let `tool` write a card that is new to it."""
    with _MODELS[model](image.size_bytes) as (card,):
        return measure(tool, image, form, card)


def _fast(tool: Peer, image: BenchImage, where: str) -> Run:
    with fast_card(image.size_bytes, where) as card:
        return measure(tool, image, "raw", card)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench flash", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all of them")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peer-runs", type=int, default=1)
    parser.add_argument("--scale", choices=("full", "small"), default="full")
    parser.add_argument("--formats", type=_words(FORMATS), default="raw,xz,zst,gz")
    parser.add_argument("--models", type=_words(tuple(_MODELS)), default="separate,shared")
    parser.add_argument("--tools", type=_words(_COMPARED[1:]), default="dd,bmaptool,etcher")
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    options.parts = options.parts or list(PARTS)
    if unknown := set(options.parts) - {*PARTS, "none"}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


def _words(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def words(text: str) -> tuple[str, ...]:
        found = tuple(text.split(","))
        if unknown := set(found) - set(known):
            raise argparse.ArgumentTypeError(f"not of {', '.join(known)}: {', '.join(unknown)}")
        return found

    return words


if __name__ == "__main__":
    main()
