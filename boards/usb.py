# SPDX-License-Identifier: Apache-2.0
"""Boards on this machine's USB that are not disks: in recovery mode, running, or their console.

`/sys/bus/usb/devices` is read, nothing is opened; whoever wants to wait asks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boards.hardware import UsbId
    from boards.profile import Profile

DEVICES = Path("/sys/bus/usb/devices")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbBoard:
    """A device that says of itself that it is a board in this mode, and what to do with it."""

    port: str
    """Where it is plugged in, such as `1-4.2`."""
    id: str
    mode: str
    name: str
    text: str
    boards: tuple[str, ...]
    """The boards that show themselves like this."""


def find_usb_boards(
    profiles: Iterable[Profile] | None = None, devices: Path = DEVICES
) -> list[UsbBoard]:
    """Return the boards among the USB devices of this machine, by port."""
    known = _ids(profiles if profiles is not None else _catalogue())
    found = []
    for port, usb_id in _plugged_in(devices):
        if usb_id in known:
            meaning, boards = known[usb_id]
            found.append(
                UsbBoard(
                    port=port,
                    id=usb_id,
                    mode=meaning.mode,
                    name=meaning.name,
                    text=meaning.text,
                    boards=boards,
                )
            )
    return found


def _catalogue() -> list[Profile]:
    from boards.catalog import all_profiles

    return all_profiles()


def _ids(profiles: Iterable[Profile]) -> dict[str, tuple[UsbId, tuple[str, ...]]]:
    known: dict[str, tuple[UsbId, tuple[str, ...]]] = {}
    for profile in profiles:
        for each in profile.usb:
            meaning, boards = known.get(each.id, (each, ()))
            known[each.id] = (meaning, (*boards, profile.name))
    return known


def _plugged_in(devices: Path) -> Iterator[tuple[str, str]]:
    """Yield the port and `vendor:product` of every device; hubs' and interfaces' have no id."""
    try:
        folders = sorted(devices.iterdir())
    except OSError:
        return
    for folder in folders:
        vendor, product = _read(folder / "idVendor"), _read(folder / "idProduct")
        if vendor and product:
            yield folder.name, f"{vendor}:{product}"


def _read(path: Path) -> str:
    try:
        return path.read_text().strip().lower()
    except OSError:  # unplugged meanwhile
        return ""
