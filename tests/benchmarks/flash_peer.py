# SPDX-License-Identifier: Apache-2.0
"""The tools that are measured: ours and its peers, each as a person would start it.

A tool's time is that of its whole command, from the start of the process until it has read back
what it wrote.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.paths import cache_dir
from tests.benchmarks.flash_card import BenchCard
from tests.benchmarks.flash_image import BenchImage

_ROOT = Path(__file__).resolve().parents[2]
_UNPACK = {
    "raw": "cat",
    "xz": "xz -dc",
    "xz-blocks": "xz -T0 -dc",
    "zst": "zstd -dcq",
    "gz": "gzip -dc",
}
_ETCHER = "10.2.15"
_NATIVE = ("@ronomon/direct-io", "drivelist", "lzma-native", "mountutils", "xxhash-addon", "usb")
_LONGEST_S = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One command that came to its end."""

    seconds: float
    is_right: bool
    """The tool said so, and the card has what the image has."""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A tool, and how it is told to write an image in a format to a card and read it back."""

    name: str
    command: Callable[[BenchImage, str, BenchCard], list[str]]


def measure(peer: Peer, image: BenchImage, form: str, card: BenchCard) -> Run:
    """Run `peer` once, in the card's group, and look at what is on the card."""
    command = peer.command(image, form, card)
    with tempfile.TemporaryDirectory(prefix="edgectl-bench-") as home:
        started = time.monotonic()
        ended = subprocess.run(
            entering(card.group, command),
            env=environment(Path(home)),
            cwd=_ROOT,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
        )
        seconds = time.monotonic() - started
    said = ended.stderr.strip().splitlines() or [""]
    if ended.returncode:
        return Run(seconds=seconds, is_right=False, remark=said[-1][:200])
    if (at := find_difference(image, card)) is not None:
        return Run(seconds=seconds, is_right=False, remark=f"wrong data from byte {at} on")
    return Run(seconds=seconds, is_right=True)


def entering(group: Path | None, command: list[str]) -> list[str]:
    """Return `command`, to be started inside a control group."""
    if group is None:
        return command
    enter = 'echo $$ > "$0" && exec "$@"'
    return ["sh", "-c", enter, str(group / "cgroup.procs"), *command]


def environment(home: Path) -> dict[str, str]:
    """Return surroundings in which nothing is remembered from the run before."""
    places = {"EDGECTL_HOME": str(home / "data"), "EDGECTL_CACHE": str(home / "cache")}
    return {**os.environ, **places, "PYTHONDONTWRITEBYTECODE": ""}


def find_difference(image: BenchImage, card: BenchCard) -> int | None:
    """Return the first mapped byte that the card has not, but for its partition tables."""
    step = 4 * 1024 * 1024
    with image.file("raw").open("rb") as wanted, card.kept.open("rb") as found:
        for start, size in image.mapped:
            first, end = max(start, 1024 * 1024), min(start + size, image.size_bytes - 1024 * 1024)
            for at in range(first, end, step):
                wanted.seek(at)
                found.seek(at)
                length = min(step, end - at)
                if wanted.read(length) != found.read(length):
                    return at
    return None


def ours(*cards: BenchCard, image: Path, output: str = "jsonl") -> list[str]:
    """Return the command that writes `image` to `cards`."""
    targets = [word for card in cards for word in ("--to", str(card.device))]
    return [
        sys.executable,
        "-m",
        "edge",
        "flash",
        "--image",
        str(image),
        *targets,
        "-y",
        "-o",
        output,
    ]


def available(names: tuple[str, ...]) -> list[Peer]:
    """Return the tools of `names` that can be run here; says which cannot, and why."""
    found = []
    for name in names:
        if name == "etcher" and (problem := _install_etcher()):
            print(f"etcher-sdk is left out: {problem}", file=sys.stderr)
        elif name in ("bmaptool", "dd") and shutil.which(name) is None:
            print(f"{name} is left out: it is not installed", file=sys.stderr)
        else:
            found.append(PEERS[name])
    return found


def _ours(image: BenchImage, form: str, card: BenchCard) -> list[str]:
    return ours(card, image=image.file(form))


def _dd(image: BenchImage, form: str, card: BenchCard) -> list[str]:
    """Write by dd past the cache, forget what the kernel knows of the card, compare."""
    file, device = shlex.quote(str(image.file(form))), card.device
    direct = f"of={device} bs=4M oflag=direct conv=fsync status=none"
    unpack = f"{_UNPACK[form]} {file}"
    write = f"dd if={file} {direct}" if form == "raw" else f"{unpack} | dd iflag=fullblock {direct}"
    compare = f"cmp -n {image.size_bytes} - {device}"
    compare = (
        f"cmp -n {image.size_bytes} {file} {device}" if form == "raw" else f"{unpack} | {compare}"
    )
    return ["sh", "-ec", f"{write}; blockdev --flushbufs {device}; {compare}"]


def _dd_only(image: BenchImage, form: str, card: BenchCard) -> list[str]:
    """Write by dd and trust it."""
    source = f"if={image.file(form)}"
    return ["dd", source, f"of={card.device}", "bs=4M", "oflag=direct", "conv=fsync"]


def _bmaptool(image: BenchImage, form: str, card: BenchCard) -> list[str]:
    """Copy by bmaptool, forget what the kernel knows of the card, read back what is mapped."""
    words = [shlex.quote(str(word)) for word in (image.bmap, image.file(form), card.device)]
    copy = f"bmaptool copy --bmap {' '.join(words)}"
    check = (
        f"{shlex.quote(sys.executable)} -m tests.benchmarks.tool.read_back {words[0]} {words[2]}"
    )
    return ["sh", "-ec", f"{copy}; blockdev --flushbufs {card.device}; {check}"]


def _etcher(image: BenchImage, form: str, card: BenchCard) -> list[str]:
    script = str(Path(__file__).with_name("tool") / "etcher.cjs")
    size = str(card.kept.stat().st_size)
    return ["node", script, str(_etcher_folder()), str(image.file(form)), str(card.device), size]


PEERS = {
    "ours": Peer(name="edgectl", command=_ours),
    "dd": Peer(name="dd direct + cmp", command=_dd),
    "dd only": Peer(name="dd direct", command=_dd_only),
    "bmaptool": Peer(name="bmaptool + read-back", command=_bmaptool),
    "etcher": Peer(name="etcher-sdk", command=_etcher),
}


def _etcher_folder() -> Path:
    return cache_dir() / "bench/etcher"


def _install_etcher() -> str:
    """Install the SDK by npm into the cache; return what stands in the way, or nothing."""
    if shutil.which("npm") is None:
        return "npm is not installed"
    folder = _etcher_folder()
    if (folder / "installed").exists():
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    allowed = ", ".join(f'"{name}": true' for name in _NATIVE)
    (folder / "package.json").write_text(
        f'{{"private": true, "dependencies": {{"etcher-sdk": "{_ETCHER}"}},'
        f' "overrides": {{"unbzip2-stream": "1.4.3"}}, "allowScripts": {{{allowed}}}}}\n'
    )
    command = ["npm", "install", "--no-audit", "--no-fund"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if ended.returncode:
        return (ended.stderr.strip().splitlines() or ["npm failed"])[-1]
    (folder / "installed").touch()
    return ""
