# SPDX-License-Identifier: Apache-2.0
"""Sees what is in the ports that a station may use, cheaply enough to look after every event.

A port is a place where a card is put: a socket of a hub with the reader's slot, an SD slot of
this machine. It is known before the card can be read, and stays when the card changes.
Names and patterns of ports are those of the flasher's configuration (`flasher.device.port`).
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flasher.device import THIS_HOST, Host
from flasher.device.port import derive_port, matches_port
from flasher.device.udev import read_udev

_SECTOR_BYTES = 512  # sysfs counts in these whatever the disk's own blocks are
_NOT_PORTS = re.compile(
    r"(ram|zram|fd|sr|dm-|md|nbd|mtdblock|bcache|zd)\d+.*|mmcblk\d+(boot|rpmb|gp).*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What is in a port at one moment."""

    port: str
    name: str
    """The kernel's, such as sdb."""
    path: Path
    size_bytes: int
    """0 for a reader without a card."""
    diskseq: int | None = None
    """The kernel's count of media, where it counts them."""
    model: str = ""
    cid: str = ""
    """What an SD card itself says it is; USB readers hide it."""
    serial: str = ""
    """Of the USB device, so mostly of the reader and not of the card."""
    is_removable: bool = False
    """Whether it is a reader that cards go in and out of, and that has to be asked."""

    @property
    def medium(self) -> tuple[str, int | None, str]:
        """Return what another card in the same port would have otherwise."""
        return (self.name, self.diskseq, self.cid)


def look(patterns: Sequence[str], host: Host = THIS_HOST) -> list[Sighting]:
    """Return what is in every port that one of `patterns` means, empty readers included."""
    found: dict[str, Sighting] = {}
    for entry in host.children(host.sys / "block"):
        node = entry.resolve()
        if _NOT_PORTS.fullmatch(node.name):
            continue
        topology = f"/{node.relative_to(host.sys.resolve())}"
        port = derive_port(topology)
        if not _is_meant(patterns, port, topology) and not _is_named(patterns, host, node.name):
            continue
        # Two disks in what looks like one port are two ports.
        key = port if port and port not in found else f"{port} {node.name}".strip()
        found[key] = _sight(host, node, key)
    return list(found.values())


def poke(sighting: Sighting) -> None:
    """Have the kernel look for a card: without udevd nobody asks a reader for it."""
    with suppress(OSError):
        os.close(os.open(sighting.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))


def _is_meant(patterns: Sequence[str], port: str, topology: str) -> bool:
    if "/block/loop" in topology:  # others attach files too: a mere "*" does not mean those
        patterns = [pattern for pattern in patterns if "loop" in pattern]
    return any(matches_port(pattern, port, topology) for pattern in patterns)


def _is_named(patterns: Sequence[str], host: Host, name: str) -> bool:
    """Return whether udev's own name of the port, which people are shown, is another and meant."""
    port = read_udev(host, name).port
    return bool(port) and _is_meant(patterns, port, "")


def _sight(host: Host, node: Path, port: str) -> Sighting:
    return Sighting(
        port=port,
        name=node.name,
        path=host.dev / node.name,
        size_bytes=host.read_number(node / "size") * _SECTOR_BYTES,
        diskseq=host.read_number(node / "diskseq") or None,
        model=host.read(node / "device/model") or host.read(node / "device/name"),
        cid=host.read(node / "device/cid"),
        is_removable=host.read(node / "removable") == "1",
        serial=next((text for text in _serials(host, node) if text), ""),
    )


def _serials(host: Host, node: Path) -> Iterator[str]:
    """Give the serial numbers of the disk and of what it hangs on, nearest first."""
    yield host.read(node / "device/serial")
    for above in (node, *node.parents):
        if not above.is_relative_to(host.sys / "devices"):
            return
        yield host.read(above / "serial")
        if (above / "bDeviceClass").exists():  # a USB device; above it are hubs
            return
