# SPDX-License-Identifier: Apache-2.0
"""Kills the real command at random moments and has it go on with --resume.

    python -m tests.integration.flash.kills --count 50 --seed 7 [--seconds 900]

Every round is a new card of modest speed. Some are killed more than once. Each must end with
exit code 0 and the image's bytes, whatever the moment was.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.bad_card import Budget
from tests.fakes.card_fs import Card, CardFs
from tests.fakes.image import MIB, make_image

IMAGE_BYTES = 48 * MIB
_CARD_BYTES = 96 * MIB
_META = range(14 * MIB, 15 * MIB)
_BUDGET = Budget(write_bps=24 * MIB, read_bps=96 * MIB)
_LONGEST_MOMENT_S = 2.6
_PATIENCE_S = 120
_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What became of one card."""

    moments: tuple[float, ...]
    """How many seconds after each start the command was killed."""
    ending: str
    """"continued" or "from the start", or "too late" when it was done before."""
    problem: str = ""


def kill_and_resume(folder: Path, image: Path, noise: random.Random) -> Round:
    """Flash one new card, kill that once or more, resume it, and look at what it has."""
    with CardFs(folder / "fs") as cards:
        card = cards.insert("card", _CARD_BYTES, fill=b"\xa5")
        card.limit(_BUDGET)
        moments = [
            noise.uniform(0, _LONGEST_MOMENT_S) for _ in range(noise.choice((1, 1, 1, 2, 3)))
        ]
        survived = False
        for number, moment in enumerate(moments):
            survived = _killed_at(moment, _command(image, card, resumes=number > 0), folder)
            if survived:
                break
            if _looks_bootable(card.kept) and (problem := _find_problem(image, card.kept)):
                # A good card may well have been killed before the last line of its record.
                return Round(moments=tuple(moments), ending="", problem=f"bootable: {problem}")
        return _resume(folder, image, card, tuple(moments), survived=survived)


def rounds(count: int, seed: int, *, seconds: float = 1e9) -> Iterable[Round]:
    """Yield `count` rounds, or as many as begin within `seconds`."""
    noise, until = random.Random(seed), time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="edgectl-kills-") as name:
        image = _image(Path(name))
        for number in range(count):
            if time.monotonic() > until:
                return
            folder = Path(name) / str(number)
            folder.mkdir()
            yield kill_and_resume(folder, image, noise)
            shutil.rmtree(folder)


def main() -> int:
    """Print one line a round and a sum."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=900)
    options = parser.parse_args()
    endings: Counter[str] = Counter()
    for one in rounds(options.count, options.seed, seconds=options.seconds):
        moments = " ".join(f"{moment:.2f}" for moment in one.moments)
        print(f"killed at {moments} s: {one.problem or one.ending}", flush=True)
        endings[f"PROBLEM {one.problem}" if one.problem else one.ending] += 1
    print(dict(endings))
    return int(any(ending.startswith("PROBLEM") for ending in endings))


def _image(folder: Path) -> Path:
    """Make an image that takes a card of ours a second or two."""
    image = make_image(folder / "node.img", size_mib=IMAGE_BYTES // MIB)
    noise = random.Random(1)
    with image.open("r+b") as file:
        file.seek(16 * MIB)
        file.write(noise.randbytes(IMAGE_BYTES - 20 * MIB))
    return image


def _command(image: Path, card: Card, *, resumes: bool) -> list[str]:
    words = ["flash", "--image", str(image), "--to", str(card.device), "--yes", "-o", "jsonl"]
    return [sys.executable, "-m", "edge", *words, *(["--resume"] if resumes else [])]


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "EDGECTL_HOME": str(folder / "home")}


def _killed_at(moment: float, command: list[str], folder: Path) -> bool:
    """Start `command`, kill it after `moment` seconds; return whether it was done before."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=_ROOT, env=_environment(folder), stdout=quiet, stderr=quiet
    ) as process:
        try:
            return process.wait(moment) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait(_PATIENCE_S) == 0


def _resume(
    folder: Path, image: Path, card: Card, moments: tuple[float, ...], *, survived: bool
) -> Round:
    ending = "too late"
    if not survived:
        ended = subprocess.run(
            _command(image, card, resumes=True),
            cwd=_ROOT,
            env=_environment(folder),
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
        )
        if ended.returncode:
            problem = f"exit code {ended.returncode}: {ended.stderr.strip()[-300:]}"
            return Round(moments=moments, ending="", problem=problem)
        ending = _ending(ended.stdout)
    return Round(moments=moments, ending=ending, problem=_find_problem(image, card.kept))


def _ending(lines: str) -> str:
    notes = [json.loads(line).get("text", "") for line in lines.splitlines()]
    return "continued" if any(note.startswith("continued") for note in notes) else "from the start"


def _find_problem(image: Path, kept: Path) -> str:
    """Compare the card with the image, but for META and what belongs to the table."""
    found, wanted = kept.read_bytes(), image.read_bytes()
    for part in (range(MIB, _META.start), range(_META.stop, IMAGE_BYTES - 33 * 512)):
        if found[part.start : part.stop] != wanted[part.start : part.stop]:
            return f"wrong data between {part.start} and {part.stop}"
    return "" if _looks_bootable(kept) else "no partition table"


def _looks_bootable(kept: Path) -> bool:
    with kept.open("rb") as file:
        head = file.read(1024)
    return head[510:512] == b"\x55\xaa" or head[512:520] == b"EFI PART"


if __name__ == "__main__":
    sys.exit(main())
