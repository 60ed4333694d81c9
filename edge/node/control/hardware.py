# SPDX-License-Identifier: Apache-2.0
"""The hardware: processor cores, what is on the PCI bus, and what the firmware's tables list."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.node.control.block import Specs, read_text
from edge.node.control.controller import Controller
from edge.node.resource import kind

CPUINFO = Path("/proc/cpuinfo")
PCI = Path("/sys/bus/pci/devices")
SMBIOS = Path("/sys/firmware/dmi/entries")
_PROCESSOR, _MEMORY = 4, 17
_UNKNOWN_SIZE, _EXTENDED_SIZE = 0xFFFF, 0x7FFF
# Base classes of the PCI code and ID assignment specification.
_CLASSES = {
    0x00: "Unclassified device",
    0x01: "Mass storage controller",
    0x02: "Network controller",
    0x03: "Display controller",
    0x04: "Multimedia controller",
    0x05: "Memory controller",
    0x06: "Bridge",
    0x07: "Communication controller",
    0x08: "Generic system peripheral",
    0x09: "Input device controller",
    0x0A: "Docking station",
    0x0B: "Processor",
    0x0C: "Serial bus controller",
    0x0D: "Wireless controller",
    0x11: "Signal processing controller",
    0x12: "Processing accelerators",
}


class HardwareController(Controller):
    """Publishes the hardware; the bus is looked at again now and then."""

    name = "hardware.DevicesController"
    outputs = (kind.CPU_CORE, kind.PCI_DEVICE, kind.PROCESSOR, kind.MEMORY_MODULE)
    period_s = 300.0

    async def reconcile(self) -> None:
        """Publish what there is; a lab node has processors and nothing else."""
        cores = read_cores(read_text(CPUINFO))
        self.store.publish(kind.CPU_CORE, cores, owner=self.name)
        if self.machine.platform.mode != "metal":
            return
        devices = await asyncio.to_thread(list_devices, PCI)
        self.store.publish(kind.PCI_DEVICE, devices, owner=self.name)
        tables = list(read_tables(SMBIOS))
        processors = {t.name(4): _processor(t) for t in tables if t.type == _PROCESSOR}
        self.store.publish(kind.PROCESSOR, processors, owner=self.name)
        modules = {t.name(16): _module(t) for t in tables if t.type == _MEMORY}
        self.store.publish(kind.MEMORY_MODULE, modules, owner=self.name)


def read_cores(text: str) -> Specs:
    """Return one entry for every physical core in the text of /proc/cpuinfo."""
    cores: Specs = {}
    for number, fields in enumerate(_blocks(text)):
        socket = fields.get("physical id", "0")
        core = fields.get("core id", fields.get("processor", str(number)))
        spec = cores.setdefault(f"{socket}-{core}", _core(fields, socket, core))
        spec["logicalCPUs"].append(int(fields.get("processor", number)))
    return cores


def list_devices(folder: Path) -> Specs:
    """Return the devices on the PCI bus by their addresses."""
    return {path.name: _device(path) for path in sorted(folder.glob("*")) if path.is_dir()}


@dataclass(frozen=True, slots=True)
class Table:
    """One structure of the firmware's SMBIOS tables."""

    type: int
    data: bytes
    texts: tuple[str, ...]

    def text(self, offset: int) -> str:
        """Return the text whose number stands at `offset`."""
        number = self.data[offset] if offset < len(self.data) else 0
        return self.texts[number - 1] if 0 < number <= len(self.texts) else ""

    def name(self, offset: int) -> str:
        """Return the text at `offset` as an identity."""
        return self.text(offset).replace(" ", "-") or "unnamed"

    def number(self, offset: int, length: int = 2) -> int:
        """Return the number at `offset`."""
        return int.from_bytes(self.data[offset : offset + length], "little")


def read_tables(folder: Path) -> Iterator[Table]:
    """Yield the processors and memory modules in the firmware's tables."""
    for type_ in (_PROCESSOR, _MEMORY):
        for path in sorted(folder.glob(f"{type_}-*/raw")):
            try:
                yield parse_table(path.read_bytes())
            except (OSError, IndexError):
                continue


def parse_table(data: bytes) -> Table:
    """Return the structure in `data`: a type, a length, the fixed part, then its texts."""
    type_, length = data[0], data[1]
    texts = data[length:].rstrip(b"\0").split(b"\0")
    return Table(type_, data[:length], tuple(t.decode(errors="replace").strip() for t in texts))


def _blocks(text: str) -> Iterator[dict[str, str]]:
    for block in text.split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        fields = {name.strip(): value.strip() for name, _, value in pairs}
        if "processor" in fields:
            yield fields


def _core(fields: dict[str, str], socket: str, core: str) -> dict[str, Any]:
    def first(*names: str) -> str:
        return next((fields[name] for name in names if name in fields), "")

    return {
        "socket": socket,
        "coreID": core,
        "logicalCPUs": [],
        "vendorID": first("vendor_id", "CPU implementer"),
        "cpuFamily": first("cpu family", "CPU architecture"),
        "model": first("model", "CPU part"),
        "modelName": first("model name"),
        "stepping": first("stepping", "CPU revision"),
        "microcode": first("microcode"),
        "cacheSize": first("cache size"),
        "coresPerSocket": int(first("cpu cores") or 0),
        "threadsPerSocket": int(first("siblings") or 0),
        "flags": first("flags", "Features").split(),
        "bugs": first("bugs").split(),
        "bogoMips": float(first("bogomips", "BogoMIPS") or 0),
        "addressSizes": first("address sizes"),
    }


def _device(path: Path) -> dict[str, Any]:
    code = read_text(path / "class").removeprefix("0x").rjust(6, "0")
    driver = path / "driver"
    return {
        "class": _CLASSES.get(int(code[:2], 16), ""),
        "class_id": f"0x{code[:2]}",
        "subclass_id": f"0x{code[2:4]}",
        "vendor_id": read_text(path / "vendor"),
        "product_id": read_text(path / "device"),
        "driver": driver.resolve().name if driver.exists() else "",
    }


def _processor(table: Table) -> dict[str, Any]:
    return {
        "socket": table.text(4),
        "manufacturer": table.text(7),
        "productName": table.text(16),
        "maxSpeedMhz": table.number(20),
        "bootSpeedMhz": table.number(22),
        "status": table.number(24, 1),
        "serialNumber": table.text(32),
        "assetTag": table.text(33),
        "partNumber": table.text(34),
        "coreCount": table.number(35, 1),
        "coreEnabled": table.number(36, 1),
        "threadCount": table.number(37, 1),
    }


def _module(table: Table) -> dict[str, Any]:
    return {
        "sizeMiB": _memory_mib(table),
        "deviceLocator": table.text(16),
        "bankLocator": table.text(17),
        "speed": table.number(21),
        "manufacturer": table.text(23),
        "serialNumber": table.text(24),
        "assetTag": table.text(25),
        "productName": table.text(26),
    }


def _memory_mib(table: Table) -> int:
    size = table.number(12)
    if size == _UNKNOWN_SIZE:
        return 0
    if size == _EXTENDED_SIZE:
        return table.number(28, 4)
    # The highest bit says that the size is in KiB.
    return (size & 0x7FFF) // 1024 if size & 0x8000 else size
