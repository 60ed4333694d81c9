# SPDX-License-Identifier: Apache-2.0
"""Where a disk is plugged in: a name that stays the same whatever is put there.

udev calls it ID_PATH. Without udev it is read off the disk's place in sysfs, by the same rules.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

_PCI = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]")
_USB_BUS = re.compile(r"usb\d+")
_USB_INTERFACE = re.compile(r"\d+-([\d.]+):(\d+\.\d+)")
_SCSI = re.compile(r"\d+:(\d+:\d+:\d+)")
_ATA = re.compile(r"ata(\d+)")
_NVME = re.compile(r"nvme(\d+)")
_BUS = re.compile(r"pci[0-9a-f]{4,}:[0-9a-f]{2}|usb\d+|mmc_host|ata\d+|virtio\d+|host\d+|nvme")
_USB_PORT = re.compile(r"usb-\d+:[\d.]+")


def derive_port(topology: str) -> str:
    """Return the ID_PATH that udev would give a disk at this path of sysfs, or nothing."""
    parts = topology.strip("/").split("/")
    if "virtual" in parts:
        return ""
    words = [*_platform(parts), *_controller(parts), *_usb(parts)]
    if not words:
        return ""
    return "-".join([*words, *_unit(parts, is_usb=any(map(_USB_BUS.fullmatch, parts)))])


def matches_port(pattern: str, port: str, topology: str) -> bool:
    """Return whether `pattern` means this port.

    It may be the whole ID_PATH, the part from "usb-" on, the USB port alone ("usb-0:1.3"), or
    the path in sysfs; each with the wildcards of file names.
    """
    return any(fnmatchcase(name, pattern) for name in _names(port, topology))


def _names(port: str, topology: str) -> Iterator[str]:
    if topology:
        yield topology
    if not port:
        return
    yield port
    if found := _USB_PORT.search(port):
        yield port[found.start() :]
        yield found[0]
        yield port[: found.end()]


def _platform(parts: list[str]) -> Iterator[str]:
    """Yield the innermost platform device, which is right in front of the first other bus."""
    if "platform" not in parts:
        return
    start = parts.index("platform") + 1
    rest = parts[start:]
    end = next((index for index, part in enumerate(rest) if _BUS.fullmatch(part)), len(rest))
    if 0 < end < len(rest):
        yield f"platform-{rest[end - 1]}"


def _controller(parts: list[str]) -> Iterator[str]:
    """Yield the innermost PCI device."""
    found = [part for part in parts if _PCI.fullmatch(part)]
    if found:
        yield f"pci-{found[-1]}"


def _usb(parts: list[str]) -> Iterator[str]:
    """Yield the innermost USB interface: the way through the hubs, and its number."""
    found = [match for part in parts if (match := _USB_INTERFACE.fullmatch(part))]
    if found:
        yield f"usb-0:{found[-1][1]}:{found[-1][2]}"


def _unit(parts: list[str], *, is_usb: bool) -> Iterator[str]:
    """Yield which of several disks behind the same controller it is."""
    for part in parts:
        if not is_usb and (match := _ATA.fullmatch(part)):
            yield f"ata-{match[1]}"
            return
        if match := _SCSI.fullmatch(part):
            yield f"scsi-0:{match[1]}"
            return
    space = re.search(r"nvme\d+n(\d+)$", parts[-1])
    if space and any(map(_NVME.fullmatch, parts)):
        yield f"nvme-{space[1]}"
