# SPDX-License-Identifier: Apache-2.0
"""Control groups of a node: figures from its /sys/fs/cgroup, a row for each group."""

from collections.abc import Callable, Iterator
from pathlib import Path

Value = int | str
Read = Callable[[Path], Value]


def read_groups(folder: Path, preset: str) -> Iterator[dict[str, Value]]:
    """Yield the figures of every group below `folder`, parents before their children.

    `preset` is one of PRESETS; what a group does not have is an empty text.
    """
    columns = PRESETS[preset]
    for path in sorted((folder, *(each for each in folder.rglob("*") if each.is_dir()))):
        name = path.relative_to(folder).as_posix()
        yield {
            "name": "/" if name == "." else name,
            **{column: read(path) for column, read in columns.items()},
        }


def _plain(file: str) -> Read:
    def read(group: Path) -> Value:
        return _number(_text(group / file).strip())

    return read


def _field(file: str, name: str) -> Read:
    """Read one of the lines "name value" of a file."""

    def read(group: Path) -> Value:
        lines = (line.split() for line in _text(group / file).splitlines())
        return next((_number(line[1]) for line in lines if line[0] == name), "")

    return read


def _sum(file: str, name: str) -> Read:
    """Add up the values called `name`, one on each line of a file."""

    def read(group: Path) -> Value:
        words = _text(group / file).split()
        found = [word.partition("=")[2] for word in words if word.startswith(f"{name}=")]
        return sum(int(value) for value in found if value.isdigit()) if found else ""

    return read


def _pressure(file: str, kind: str) -> Read:
    """Read how much of the last ten seconds was lost, in percent."""

    def read(group: Path) -> Value:
        for line in _text(group / file).splitlines():
            first, *rest = line.split()
            if first == kind:
                return next((each[6:] for each in rest if each.startswith("avg10=")), "")
        return ""

    return read


def _number(text: str) -> Value:
    return int(text) if text.isdigit() else text


def _text(path: Path) -> str:
    # Groups come and go, and not every group has every file.
    return path.read_text(errors="replace") if path.is_file() else ""


PRESETS: dict[str, dict[str, Read]] = {
    "cpu": {
        "weight": _plain("cpu.weight"),
        "limit": _plain("cpu.max"),
        "usage_us": _field("cpu.stat", "usage_usec"),
        "user_us": _field("cpu.stat", "user_usec"),
        "system_us": _field("cpu.stat", "system_usec"),
        "throttled": _field("cpu.stat", "nr_throttled"),
    },
    "cpuset": {
        "cpus": _plain("cpuset.cpus"),
        "cpus_effective": _plain("cpuset.cpus.effective"),
        "mems": _plain("cpuset.mems"),
        "mems_effective": _plain("cpuset.mems.effective"),
    },
    "io": {
        "read_bytes": _sum("io.stat", "rbytes"),
        "written_bytes": _sum("io.stat", "wbytes"),
        "reads": _sum("io.stat", "rios"),
        "writes": _sum("io.stat", "wios"),
    },
    "memory": {
        "current": _plain("memory.current"),
        "peak": _plain("memory.peak"),
        "min": _plain("memory.min"),
        "low": _plain("memory.low"),
        "high": _plain("memory.high"),
        "max": _plain("memory.max"),
    },
    "process": {
        "current": _plain("pids.current"),
        "peak": _plain("pids.peak"),
        "max": _plain("pids.max"),
        "populated": _field("cgroup.events", "populated"),
    },
    "psi": {
        f"{what}_{kind}": _pressure(f"{what}.pressure", kind)
        for what in ("cpu", "memory", "io")
        for kind in ("some", "full")
    },
    "swap": {
        "current": _plain("memory.swap.current"),
        "peak": _plain("memory.swap.peak"),
        "high": _plain("memory.swap.high"),
        "max": _plain("memory.swap.max"),
    },
}
"""What can be asked for: columns, and how each is read in the folder of a group."""
