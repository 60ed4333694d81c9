# SPDX-License-Identifier: Apache-2.0
"""Kernel modules: loading by name with what they depend on, and by what hardware asks for.

Reads the text indices that lie beside the modules, in depmod's format: `modules.dep`
(`a.ko: b.ko c.ko`) and `modules.alias` (`alias PATTERN NAME`).
"""

import fnmatch
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from edge.node.boot import syscall
from edge.node.boot.console import say

COLDPLUGGED = Path("/run/edge/coldplugged")
"""Is there when every driver has been loaded that the hardware asked for at boot."""

_CLASSES = ("dmi", "input")
"""What asks for drivers and is on no bus: all other classes are of devices that are on one."""
_MODALIAS_BYTES = 4096


def module_dir() -> Path:
    """Return the directory of the running kernel's modules."""
    return Path("/usr/lib/modules") / os.uname().release


class Modules:
    """The modules of one kernel; `insert` is how one comes into it."""

    def __init__(self, folder: Path, insert: Callable[[Path], None] = syscall.load_module) -> None:
        self._folder = folder
        self._insert = insert
        self._files, self._needs = _read_dependencies(folder / "modules.dep")
        self._aliases = _read_aliases(folder / "modules.alias")
        self._loaded: set[str] = set()

    def load(self, name: str) -> None:
        """Load a module after what it needs; an unknown name or a refusal is only reported."""
        name = _canonical(name)
        if name in self._loaded or name not in self._files:
            return
        self._loaded.add(name)
        for needed in self._needs[name]:
            self.load(needed)
        try:
            self._insert(self._folder / self._files[name])
        except OSError as error:
            say(f"cannot load module {name}: {error.strerror}")

    def load_for(self, modaliases: Iterable[str]) -> bool:
        """Load every module whose alias pattern matches one of `modaliases`; say if any was new."""
        before = len(self._loaded)
        for modalias in modaliases:
            for name in self.matching(modalias):
                self.load(name)
        return len(self._loaded) > before

    def matching(self, modalias: str) -> list[str]:
        """Return the modules whose alias pattern matches, in index order."""
        bus = modalias.split(":", 1)[0]
        return [
            name
            for start, pattern, name in self._aliases.get(bus, ())
            if modalias.startswith(start) and fnmatch.fnmatchcase(modalias, pattern)
        ]


def device_modaliases(root: Path = Path("/sys")) -> list[str]:
    """Return the modalias of the processor and of every device, each once."""
    # Plain text for paths: there are hundreds of devices, and a board waits for this.
    top = str(root)
    folders = [f"{top}/bus/{each}/devices" for each in _listed(f"{top}/bus")]
    folders += [f"{top}/class/{each}" for each in _CLASSES]
    files = [f"{folder}/{each}/modalias" for folder in folders for each in _listed(folder)]
    texts = [_read(file) for file in (f"{top}/devices/system/cpu/modalias", *files)]
    return list(dict.fromkeys(text for text in texts if text))


def coldplug(modules: Modules, root: Path = Path("/sys"), rounds: int = 4) -> None:
    """Load modules for the hardware, again while that makes new devices appear."""
    seen: set[str] = set()
    for _ in range(rounds):
        fresh = [alias for alias in device_modaliases(root) if alias not in seen]
        if not fresh:
            return
        seen.update(fresh)
        if not modules.load_for(fresh):
            return


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - many of them, see below
    except OSError:
        return []


def _read(file: str) -> str:
    """Return the text of a small file without its blanks, nothing when there is none."""
    try:
        opened = os.open(file, os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(opened, _MODALIAS_BYTES).decode(errors="replace").strip()
    except OSError:
        return ""
    finally:
        os.close(opened)


def _read_dependencies(index: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    files: dict[str, str] = {}
    needs: dict[str, list[str]] = {}
    lines = index.read_text().splitlines() if index.exists() else []
    for line in lines:
        file, _, needed = line.partition(":")
        name = _canonical(Path(file).name)
        files[name] = file
        # depmod lists the farthest dependency last.
        needs[name] = [_canonical(Path(word).name) for word in reversed(needed.split())]
    return files, needs


def _read_aliases(index: Path) -> dict[str, list[tuple[str, str, str]]]:
    """Return literal start, pattern and module of every alias, by the bus it is for."""
    aliases: dict[str, list[tuple[str, str, str]]] = {}
    lines = index.read_text().splitlines() if index.exists() else []
    for line in lines:
        words = line.split()
        if len(words) == 3 and words[0] == "alias":
            pattern = words[1]
            # Nearly every pattern is ruled out by how it starts, before it is made ready.
            start = pattern.split("*", 1)[0].split("?", 1)[0].split("[", 1)[0]
            aliases.setdefault(pattern.split(":", 1)[0], []).append((start, pattern, words[2]))
    return aliases


def _canonical(name: str) -> str:
    return re.sub(r"\.ko(\.(xz|zst|gz))?$", "", name).replace("-", "_")
