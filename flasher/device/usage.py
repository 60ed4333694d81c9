# SPDX-License-Identifier: Apache-2.0
"""What of the running system lies on which disk: mounts, swap, and the chain between.

A file system on LUKS on LVM on a partition belongs to the disk at the bottom, so every use is
followed down through `slaves` to whole disks.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from flasher.device.host import Host

_SYSTEM_PLACES = ("/", "/boot", "/efi", "/usr", "/etc", "/var", "/home", "/root", "/nix", "/opt")
_BELOW_BOOT = re.compile(r"/(boot|efi|usr)/.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One line of the mount table."""

    number: tuple[int, int]
    place: str
    source: str


@dataclass(slots=True, kw_only=True)
class Usage:
    """Which block devices (by kernel name) are in use, and for what."""

    mounts: dict[str, list[str]] = field(default_factory=dict)
    swaps: set[str] = field(default_factory=set)
    system: dict[str, list[str]] = field(default_factory=dict)
    """Whole disks that the running system needs, each with what it has there."""


def read_usage(host: Host) -> Usage:
    """Return what is in use on this machine now."""
    usage, table = Usage(), read_mounts(host)
    for mount in table:
        name = _mounted_device(host, mount)
        if name is None:
            continue
        usage.mounts.setdefault(name, []).append(mount.place)
        if mount.place in _SYSTEM_PLACES or _BELOW_BOOT.fullmatch(mount.place):
            _claim(host, usage, name, mount.place)
    _share_btrfs(host, usage)
    for source in _swaps(host):
        _add_swap(host, usage, table, source)
    if (name := _device_of_path(host, table, _working_directory())) is not None:
        _claim(host, usage, name, "the current directory")
    return usage


def read_mounts(host: Host) -> list[Mount]:
    """Return the mount table of this process."""
    mounts = []
    for line in host.read(host.proc / "self/mountinfo").splitlines():
        fields = line.split()
        if len(fields) < 10 or "-" not in fields:
            continue
        major, minor = fields[2].split(":")
        source = fields[fields.index("-") + 2]
        mounts.append(
            Mount(
                number=(int(major), int(minor)),
                place=_unescape(fields[4]),
                source=_unescape(source),
            )
        )
    return mounts


def disks_of_path(host: Host, path: Path) -> set[str]:
    """Return the kernel names of the whole disks on which `path` lies."""
    name = _device_of_path(host, read_mounts(host), path)
    return set() if name is None else disks_below(host, name)


def disks_below(host: Host, name: str) -> set[str]:
    """Return the whole disks under the block device `name`, itself included if it is one."""
    node = host.sys / "class/block" / name
    slaves = [slave.name for slave in host.children(node / "slaves")]
    if slaves:
        return set[str]().union(*(disks_below(host, slave) for slave in slaves))
    if (node / "partition").exists():
        return disks_below(host, node.resolve().parent.name)
    return {name}


def partition_names(host: Host, name: str) -> list[str]:
    """Return the kernel names of the partitions of the disk `name`."""
    node = host.sys / "class/block" / name
    return [entry.name for entry in host.children(node) if (entry / "partition").exists()]


def name_of_number(host: Host, number: tuple[int, int]) -> str | None:
    """Return the kernel name of a block device number, or None when there is none."""
    link = host.sys / f"dev/block/{number[0]}:{number[1]}"
    return link.resolve().name if link.exists() else None


def _share_btrfs(host: Host, usage: Usage) -> None:
    """Count a btrfs as mounted on all its devices; the mount table names one of them."""
    for folder in (host.sys / "fs/btrfs").glob("*/devices"):
        names = [node.name for node in host.children(folder)]
        places = [place for name in names for place in usage.mounts.get(name, ())]
        for name in names if places else ():
            usage.mounts.setdefault(name, places)


def _claim(host: Host, usage: Usage, name: str, what: str) -> None:
    for disk in disks_below(host, name):
        uses = usage.system.setdefault(disk, [])
        if what not in uses:
            uses.append(what)


def _mounted_device(host: Host, mount: Mount) -> str | None:
    """Return the device's name, from the source where the number is anonymous (btrfs)."""
    return name_of_number(host, mount.number) or _device_name(host, mount.source)


def _device_name(host: Host, source: str) -> str | None:
    if not source.startswith("/dev/"):
        return None
    real = (host.dev / source.removeprefix("/dev/")).resolve()
    return real.name if (host.sys / "class/block" / real.name).exists() else None


def _device_of_path(host: Host, table: list[Mount], path: Path) -> str | None:
    real = os.path.realpath(path)
    above = [mount for mount in table if _is_below(real, mount.place)]
    if not above:
        return None
    # The last of equally deep mounts covers the others.
    deepest = max(enumerate(above), key=lambda pair: (len(pair[1].place), pair[0]))[1]
    return _mounted_device(host, deepest)


def _is_below(path: str, place: str) -> bool:
    return place in ("/", path) or path.startswith(place + "/")


def _swaps(host: Host) -> list[str]:
    lines = host.read(host.proc / "swaps").splitlines()[1:]
    return [_unescape(line.split()[0]) for line in lines if line.strip()]


def _add_swap(host: Host, usage: Usage, table: list[Mount], source: str) -> None:
    name = _device_name(host, source)
    if name is not None:
        usage.swaps.add(name)
    else:
        name = _device_of_path(host, table, Path(source))
    if name is not None:
        _claim(host, usage, name, "swap")


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/")


def _unescape(text: str) -> str:
    """Undo the octal escapes of the kernel's tables (\\040 is a blank)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
