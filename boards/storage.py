# SPDX-License-Identifier: Apache-2.0
"""Where a board's system lies: partition table, media to flash, the disk to install on."""

from typing import Literal

from pydantic import Field

from boards.section import Fact, Section


class PartitionTable(Fact):
    """The kind of table, why this kind, and the sizes of the partitions of the image."""

    kind: Literal["gpt", "mbr"]
    reason: str
    first_mib: int = Field(default=1, ge=1, le=1024)
    """Where the first partition begins; boards that load themselves from raw sectors need room."""
    efi_mib: int = Field(default=64, ge=34, le=32768)
    bios_mib: int = Field(default=0, ge=0, le=64)
    boot_mib: int = Field(default=384, ge=0, le=65536)
    """0 where the firmware reads kernels from the EFI partition itself."""


class Media(Section):
    """What the board boots from; a larger disk needs an explicit confirmation to be written."""

    kinds: tuple[Literal["sd", "usb", "nvme", "sata", "emmc", "virtual"], ...]
    largest_expected_bytes: int = Field(gt=0)
    smallest_bytes: int = Field(gt=0)
    grow_last: bool = False
    """Have the flasher extend the entry of the image's last partition to the end of the medium.

    Our own images leave that room to the node, which makes STATE and EPHEMERAL there; it is for
    images whose system grows its file system but not its partition.
    """


class InstallDisk(Fact):
    """The disk that the system lives on in the end."""

    path: str = ""
    """What a machine configuration names; empty where it stays on the disk that it booted from."""
