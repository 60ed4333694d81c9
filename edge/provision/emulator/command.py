# SPDX-License-Identifier: Apache-2.0
"""A machine description as the words of QEMU's command line."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from boards.emulator import Emulator
from edge.provision.emulator.firmware import Firmware

CONSOLE = "con"
"""The character device that the board's console is on."""
SD_SLOT = "sd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What the machine is connected to."""

    disk: Path
    link: str | None
    """The tap device at the other end of its network cable."""
    mac: str
    console: str
    """What Linux calls the port that the console is on."""
    log_of_other_port: Path


def command_line(emulator: Emulator, firmware: Firmware, wiring: Wiring) -> list[str]:
    """Return the command that starts the machine with its processors halted."""
    return [
        emulator.program,
        *("-accel", f"tcg,thread={emulator.threads}"),
        *("-M", emulator.machine),
        *(["-cpu", emulator.cpu] if emulator.cpu else []),
        *(["-smp", str(emulator.smp)] if emulator.smp else []),
        *(["-m", str(emulator.memory_mib)] if emulator.memory_mib else []),
        *_firmware(firmware),
        *_disk(emulator, wiring),
        *_network(emulator, wiring),
        *(word for name in emulator.extra_devices for word in ("-device", name)),
        *_serial(emulator, wiring),
        *("-S", "-display", "none", "-monitor", "stdio"),
    ]


def has_network(emulator: Emulator) -> bool:
    """Say whether the machine has a network card that Linux has a driver for."""
    return emulator.nic_device is not None


def _firmware(firmware: Firmware) -> Iterator[str]:
    if firmware.bios:
        yield from ("-bios", str(firmware.bios))
    if firmware.flash_code:
        code = f"if=pflash,format=raw,unit=0,readonly=on,file={_option(firmware.flash_code)}"
        yield from ("-drive", code)
        variables = f"if=pflash,format=raw,unit=1,file={_option(firmware.flash_vars)}"
        yield from ("-drive", variables)
    if firmware.kernel:
        yield from ("-kernel", str(firmware.kernel))
    if firmware.device_tree:
        yield from ("-dtb", str(firmware.device_tree))


def _disk(emulator: Emulator, wiring: Wiring) -> Iterator[str]:
    drive = f"format=raw,file={_option(wiring.disk)}"
    if emulator.disk_device == SD_SLOT:
        yield from ("-drive", f"if=sd,{drive}")
        return
    yield from ("-drive", f"if=none,id=disk,{drive}")
    yield from ("-device", f"{emulator.disk_device},drive=disk")


def _option(path: Path | None) -> str:
    # A comma ends an option of QEMU's, a double one is a comma.
    return str(path).replace(",", ",,")


def _network(emulator: Emulator, wiring: Wiring) -> Iterator[str]:
    if emulator.nic_device is None or wiring.link is None:
        yield from ("-nic", "none")
        return
    # A boot ROM for the network would only be waited for.
    no_rom = "" if emulator.nic_device.startswith("usb") else ",romfile="
    yield from ("-netdev", f"tap,id=net,ifname={wiring.link},script=no,downscript=no")
    yield from ("-device", f"{emulator.nic_device},netdev=net,mac={wiring.mac}{no_rom}")


def _serial(emulator: Emulator, wiring: Wiring) -> Iterator[str]:
    yield from ("-chardev", f"pty,id={CONSOLE}")
    ports = emulator.serial_ports
    number = ports.index(wiring.console) if wiring.console in ports else 0
    for each in range(max(1, len(ports))):
        if each == number:
            yield from ("-serial", f"chardev:{CONSOLE}")
        else:
            yield from ("-serial", f"file:{wiring.log_of_other_port}")
