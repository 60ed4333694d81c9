# SPDX-License-Identifier: Apache-2.0
"""What udev's database knows about a block device; nothing where udevd does not run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flasher.device.host import Host


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """The answers of udev that sysfs has not, or has less readably."""

    by_id: tuple[Path, ...] = ()
    model: str = ""
    vendor: str = ""
    serial: str = ""
    transport: str = ""
    port: str = ""
    table: str = ""
    fs_type: str = ""
    fs_label: str = ""
    part_label: str = ""


def read_udev(host: Host, name: str) -> Properties:
    """Return what udev knows about the block device `name`."""
    if not host.has_udev or not Path("/run/udev/data").is_dir():
        return Properties()
    try:
        import pyudev
    except ImportError:  # no libudev on this host
        return Properties()
    try:
        device = pyudev.Devices.from_name(_context(), "block", name)
    except pyudev.DeviceNotFoundError:
        return Properties()
    return from_properties(dict(device.properties), list(device.device_links))


def from_properties(found: dict[str, str], links: list[str]) -> Properties:
    """Return the answers in the properties and links of one udev device."""
    table = found.get("ID_PART_TABLE_TYPE", "")
    return Properties(
        by_id=tuple(sorted(Path(link) for link in links if link.startswith("/dev/disk/by-id/"))),
        model=found.get("ID_MODEL", "").replace("_", " ").strip(),
        vendor=_vendor(found),
        serial=found.get("ID_SERIAL_SHORT") or found.get("ID_SERIAL", ""),
        transport=found.get("ID_BUS", "") if found.get("ID_BUS") != "ata" else "sata",
        port=found.get("ID_PATH", ""),
        table="mbr" if table == "dos" else table,
        fs_type=found.get("ID_FS_TYPE", ""),
        fs_label=found.get("ID_FS_LABEL", ""),
        part_label=found.get("ID_PART_ENTRY_NAME", ""),
    )


_contexts: list[Any] = []


def _context() -> Any:
    import pyudev

    if not _contexts:
        _contexts.append(pyudev.Context())
    return _contexts[0]


def _vendor(found: dict[str, str]) -> str:
    vendor = found.get("ID_VENDOR", "").replace("_", " ").strip()
    return "" if vendor in ("ATA", "Generic-") or vendor.startswith("0x") else vendor
