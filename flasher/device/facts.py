# SPDX-License-Identifier: Apache-2.0
"""What is known about a disk before anything is decided about it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from edge.units import format_size
from flasher.table import Table


class DeviceKind(StrEnum):
    """What sort of thing a path names, as far as writing a card is concerned."""

    DISK = "disk"
    LOOP = "loop"
    FILE = "file"
    PARTITION = "partition"
    MAPPED = "mapped"
    HARDWARE_PARTITION = "hardware-partition"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a file system says about its own life; nothing where it keeps no such thing."""

    last_mounted_at: str = ""
    """The place where it was mounted last (ext only)."""
    mounted: datetime | None = None
    """When it was mounted last."""
    written: datetime | None = None
    """When something on it was changed last, as far as a glance shows."""
    made: datetime | None = None
    used_bytes: int | None = None

    def __bool__(self) -> bool:
        return self != _NO_HISTORY


_NO_HISTORY = History()


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A partition, or the whole disk when it is used without a partition table."""

    path: Path
    size_bytes: int
    part_label: str | None = None
    """The name in the partition table (GPT only)."""
    fs_type: str | None = None
    """What the content says it is: ext4, vfat, swap, LVM2_member, crypto_LUKS ..."""
    fs_label: str | None = None
    mounts: tuple[str, ...] = ()
    is_swap: bool = False
    """Swap space that is in use now."""
    holders: tuple[str, ...] = ()
    """Mapped devices built on it."""
    history: History = _NO_HISTORY

    @property
    def label(self) -> str:
        """Return the name that a person would know it by, or nothing."""
        return self.fs_label or self.part_label or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What must still hold when the disk is opened, some time after it was looked at."""

    path: Path
    number: tuple[int, int]
    """Major and minor device number; device and inode for a regular file."""
    size_bytes: int
    serial: str = ""
    by_id: tuple[Path, ...] = ()
    diskseq: int | None = None
    """The kernel's count of media; a card that was swapped in between has another one."""
    cid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One whole disk, attached disk image, or regular file, and everything that is on it."""

    path: Path
    kind: DeviceKind
    size_bytes: int
    number: tuple[int, int] = (0, 0)
    by_id: tuple[Path, ...] = ()
    model: str = ""
    vendor: str = ""
    serial: str = ""
    transport: str = ""
    """usb, mmc, nvme, sata, virtio ...; empty when unknown."""
    cid: str = ""
    """The register by which an SD card or eMMC names itself, in a slot of its own."""
    port: str = ""
    """Where it is plugged in, as udev's ID_PATH says it: "pci-0000:00:14.0-usb-0:1.3:1.0-..."."""
    topology: str = ""
    """The same as the kernel says it: its path in sysfs, "/devices/pci0000:00/...". """
    card: str = ""
    """SD or MMC, from the card itself; MMC on a host is soldered eMMC."""
    is_removable: bool = False
    is_read_only: bool = False
    is_denied: bool = False
    """This process has not the right to write it."""
    logical_block_bytes: int = 512
    physical_block_bytes: int = 512
    diskseq: int | None = None
    table: str = ""
    """gpt, mbr, or empty."""
    layout: Table | None = None
    """The partition table as its own bytes have it, when they could be read."""
    volumes: tuple[Volume, ...] = ()
    system_uses: tuple[str, ...] = ()
    """What the running system has on it: "/", "/boot", "swap" ..."""
    parent: Path | None = None
    """The whole disk, when this is a partition."""
    backing_file: Path | None = None
    loop_path: Path | None = None
    """The loop device that a regular file is attached to."""
    is_new: bool = False
    """A regular file that does not exist yet."""
    protection: str = ""
    """The line of the configuration that says never to write it, if there is one."""
    wrong_port: str = ""
    """Why its port is none that the configuration allows, if it lists any."""

    @property
    def is_card(self) -> bool:
        """Return whether it is something people put into a board: SD, USB, removable."""
        return self.card == "SD" or (
            self.card != "MMC" and (self.is_removable or self.transport == "usb")
        )

    @property
    def name(self) -> str:
        """Return model and size as shown beside the path."""
        words = [word for word in (self.vendor, self.model) if word]
        label = " ".join(words) or str(self.kind)
        return f"{label}, {format_size(self.size_bytes)}"

    @property
    def mounts(self) -> tuple[str, ...]:
        """Return every place where something of this disk is mounted."""
        return tuple(place for volume in self.volumes for place in volume.mounts)

    @property
    def identity(self) -> Identity:
        """Return what must not change between planning and writing."""
        return Identity(
            path=self.path,
            number=self.number,
            size_bytes=self.size_bytes,
            serial=self.serial,
            by_id=self.by_id,
            diskseq=self.diskseq,
            cid=self.cid,
        )
