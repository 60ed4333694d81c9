# SPDX-License-Identifier: Apache-2.0
"""The serial adapters of this machine, known by USB id and named so that it survives replugging."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from serial.tools import list_ports

from edge.errors import NodeError

BY_ID: Final = Path("/dev/serial/by-id")

# USB vendor and product -> what is printed on the adapter
ADAPTERS: Final = {
    "0403:6001": "FTDI FT232R",
    "0403:6010": "FTDI FT2232 (two ports)",
    "0403:6011": "FTDI FT4232 (four ports)",
    "0403:6014": "FTDI FT232H",
    "0403:6015": "FTDI FT231X",
    "10c4:ea60": "Silicon Labs CP210x",
    "10c4:ea70": "Silicon Labs CP2105 (two ports)",
    "10c4:ea71": "Silicon Labs CP2108 (four ports)",
    "1a86:7523": "WCH CH340",
    "1a86:5523": "WCH CH341",
    "1a86:55d3": "WCH CH343",
    "1a86:55d4": "WCH CH9102",
    "067b:2303": "Prolific PL2303",
    "067b:23a3": "Prolific PL2303GC",
    "2e8a:0004": "Raspberry Pi Pico probe",
    "2e8a:000a": "Raspberry Pi Pico",
    "2e8a:000c": "Raspberry Pi Debug Probe",
    "0955:7045": "NVIDIA Jetson AGX Orin console",
}
# Numbers that a chip leaves its factory with: they tell nothing about the adapter.
_NO_NUMBERS: Final = ("0", "0000", "0001", "00000000", "0123456789")
# Serial ports too, but of a system that runs already; they say nothing while it starts.
_RUNNING: Final = {"0955:7020": "NVIDIA Jetson running Linux"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A serial port of this machine that may lead to a board."""

    device: str
    """The path that stays the same when it is plugged in again, where there is one."""
    name: str
    port: str
    """The path that the kernel gave it this time."""
    usb_id: str = ""
    """Vendor and product, as `0403:6001`; empty when it is no USB adapter."""
    serial: str = ""
    place: str = ""
    """The USB socket that it is plugged into."""
    index: int = 0
    """Which of the adapter's ports it is, counted from 0."""
    is_copied: bool = False
    """Another one has the same serial number, or it is the one that every chip begins with."""

    @property
    def is_known(self) -> bool:
        """Say whether it is of a kind that people connect boards with."""
        return self.usb_id in ADAPTERS

    def is_same(self, other: "Adapter") -> bool:
        """Say whether `other` is this port, maybe plugged in again under another name."""
        if not self.usb_id or (self.usb_id, self.index) != (other.usb_id, other.index):
            return False
        if self.serial != other.serial:
            return False
        # A serial number goes with the adapter, a socket only stays while nobody moves it.
        is_unique = self.serial and not (self.is_copied or other.is_copied)
        return bool(is_unique) or self.place == other.place


def list_adapters() -> list[Adapter]:
    """Return the serial ports of this machine: known USB adapters first, then other USB ports."""
    ports = sorted(list_ports.comports(), key=lambda port: _natural(port.device))
    adapters: list[Adapter] = []
    for port in ports:
        usb_id = f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None else ""
        place = (port.location or "").partition(":")[0]
        siblings = [each for each in adapters if usb_id and each.place == place]
        adapters.append(
            Adapter(
                device=stable_path(port.device),
                name=(ADAPTERS | _RUNNING).get(usb_id, port.description or port.device),
                port=port.device,
                usb_id=usb_id,
                serial=port.serial_number or "",
                place=place,
                index=len(siblings),
            )
        )
    adapters = [replace(one, is_copied=_is_copied(one, adapters)) for one in adapters]
    return sorted(adapters, key=lambda one: (not one.is_known, not one.usb_id))


def choose_adapter(
    adapters: Sequence[Adapter], *, usb_id: str = "", index: int = 0, connect: str = ""
) -> Adapter:
    """Return the one adapter that must be meant; a board may have one built in, `usb_id`;
    `connect` says where the others go.

    Raises:
        NodeError: when there is none, or more than one.
    """
    if own := [one for one in adapters if usb_id and one.usb_id == usb_id]:
        found = [one for one in own if one.index == index]
    else:
        usb = [one for one in adapters if one.usb_id and one.usb_id not in _RUNNING]
        found = [one for one in usb if one.is_known] or usb
    if len(found) == 1:
        return found[0]
    if not found:
        raise NodeError("no serial adapter is connected", hint=_what_to_plug_in(adapters, connect))
    listed = "".join(f"\n  {one.device} ({one.name}, {one.port})" for one in found)
    raise NodeError(
        f"{len(found)} serial ports could be the console:{listed}",
        hint=f"name one: edgectl console {found[0].device}",
    )


def stable_path(device: str) -> str:
    """Return the /dev/serial/by-id path of `device`, or `device` when it has none."""
    if not BY_ID.is_dir():
        return device
    real = Path(device).resolve()
    links = sorted(link for link in BY_ID.iterdir() if link.resolve() == real)
    return str(links[0]) if links else device


def find_port(device: str) -> Adapter | None:
    """Return the adapter that is behind the path `device` now."""
    real = Path(device).resolve()
    return next((one for one in list_adapters() if Path(one.port).resolve() == real), None)


def find_again(adapter: Adapter) -> str | None:
    """Return the path of an adapter that was plugged in again, nothing while it is away."""
    return next((one.port for one in list_adapters() if adapter.is_same(one)), None)


def _is_copied(adapter: Adapter, adapters: Sequence[Adapter]) -> bool:
    if not adapter.serial:
        return False
    mine = (adapter.usb_id, adapter.serial)
    places = {one.place for one in adapters if (one.usb_id, one.serial) == mine}
    return len(places) > 1 or adapter.serial in _NO_NUMBERS


def _what_to_plug_in(adapters: Sequence[Adapter], connect: str) -> str:
    wiring = f" ({connect})" if connect else ""
    others = f"; other ports: {', '.join(one.port for one in adapters)}" if adapters else ""
    return (
        f"plug in a USB serial adapter and connect it to the board{wiring}, or name what leads"
        f" there: a device, socket://HOST:PORT or rfc2217://HOST:PORT{others}"
    )


def _natural(device: str) -> tuple[str, int]:
    found = re.search(r"(\d+)$", device)
    return (device[: found.start()], int(found[1])) if found else (device, 0)
