# SPDX-License-Identifier: Apache-2.0
"""What the code in a board's ROM and firmware looks for, by the family of its chip.

This is knowledge about other people's programs, kept apart from the profiles on purpose: a
profile says what we put on an image, this says what the board will ask for.
"""

from dataclasses import dataclass

from boards.section import Evidence
from flasher.table.gpt import EFI_SYSTEM
from flasher.table.mbr import FAT32_LBA

_FAT_TYPES = frozenset({FAT32_LBA, "0b", "0e", "06", "ef"})
MICROSOFT_DATA = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file that somebody asks for by exactly this name."""

    path: str
    by: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeName:
    """A name under which firmware looks for a device tree, and what the tree must be for."""

    path: str
    compatible: str
    """One of the texts in the root's `compatible`."""
    pinctrl: str = ""
    """The `compatible` of the pin controller, where two steppings of the chip differ in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One of the boards that a family's image is for, as the Raspberry Pi firmware tells them."""

    name: str
    filters: frozenset[str]
    """The filters of config.txt that hold on it: its own, and those that it shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The first stages of a family of boards."""

    name: str
    tables: frozenset[str] = frozenset({"gpt", "mbr"})
    """The partition tables that the ROM or firmware reads."""
    efi_types: frozenset[str] = frozenset({EFI_SYSTEM, "ef", FAT32_LBA})
    """Partition types that it takes for the one to boot from."""
    table_text: str = "UEFI reads both tables and boots from a partition of type EFI System"
    evidence: Evidence = "documentation"
    files: tuple[Wanted, ...] = ()
    trees: tuple[TreeName, ...] = ()
    compatible: str = ""
    """What every device tree of the family has in its root."""
    forbidden: tuple[tuple[str, str], ...] = ()
    """Files that must not be there, and what they would do."""
    reads_config_txt: bool = False
    models: tuple[Model, ...] = ()
    """The boards whose trees are on the image, each of which reads config.txt in its own way."""
    uart_rule: str = ""
    """What `enable_uart` must be for the loader to start: "on" with U-Boot, or "off"."""
    uart_text: str = ""
    smallest_memory_mib: int = 1024
    reserved_memory_mib: int = 0
    """What firmware keeps for itself and its graphics."""
    needs_recent_firmware: bool = False
    """Whether start4.elf must know GPT disks from which the EEPROM has chosen the partition."""


_UEFI = Chain(name="UEFI")

_START = "the EEPROM's bootloader"

CHAINS: dict[str, Chain] = {
    "bcm2837": Chain(
        name="Raspberry Pi 3",
        tables=frozenset({"mbr"}),
        efi_types=_FAT_TYPES,
        table_text="the boot ROM of this family reads nothing but an MBR",
        files=(
            Wanted(path="bootcode.bin", by="the boot ROM", evidence="documentation"),
            Wanted(path="start.elf", by="bootcode.bin", evidence="documentation"),
            Wanted(path="fixup.dat", by="bootcode.bin", evidence="documentation"),
            Wanted(path="config.txt", by="bootcode.bin", evidence="documentation"),
        ),
        trees=(
            TreeName(path="bcm2837-rpi-3-b.dtb", compatible="raspberrypi,3-model-b"),
            TreeName(path="bcm2837-rpi-3-b-plus.dtb", compatible="raspberrypi,3-model-b-plus"),
            TreeName(path="bcm2837-rpi-3-a-plus.dtb", compatible="raspberrypi,3-model-a-plus"),
            TreeName(path="bcm2837-rpi-zero-2-w.dtb", compatible="raspberrypi,model-zero-2-w"),
        ),
        compatible="brcm,bcm2837",
        reads_config_txt=True,
        models=(
            Model(name="3B", filters=frozenset({"pi3"})),
            Model(name="3A+ and 3B+", filters=frozenset({"pi3", "pi3+"})),
            Model(name="Zero 2 W", filters=frozenset({"pi0", "pi0w", "pi02"})),
        ),
        uart_rule="on",
        uart_text="U-Boot's serial driver can hang where the UART was not switched on",
        smallest_memory_mib=512,
        reserved_memory_mib=76,
    ),
    "bcm2711": Chain(
        name="Raspberry Pi 4",
        efi_types=_FAT_TYPES | {EFI_SYSTEM, MICROSOFT_DATA},
        table_text="the EEPROM reads MBR and GPT and boots from the first FAT with start4.elf",
        files=(
            Wanted(path="start4.elf", by=_START, evidence="documentation"),
            Wanted(path="fixup4.dat", by=_START, evidence="documentation"),
            Wanted(path="config.txt", by=_START, evidence="documentation"),
        ),
        trees=(
            TreeName(path="bcm2711-rpi-4-b.dtb", compatible="raspberrypi,4-model-b"),
            TreeName(path="bcm2711-rpi-400.dtb", compatible="raspberrypi,400"),
            TreeName(path="bcm2711-rpi-cm4-io.dtb", compatible="raspberrypi,4-compute-module"),
            TreeName(path="bcm2711-rpi-cm4.dtb", compatible="raspberrypi,4-compute-module"),
        ),
        compatible="brcm,bcm2711",
        reads_config_txt=True,
        models=(
            Model(name="4B", filters=frozenset({"pi4"})),
            Model(name="400", filters=frozenset({"pi4", "pi400"})),
            Model(name="CM4", filters=frozenset({"pi4", "cm4"})),
        ),
        uart_rule="on",
        uart_text="U-Boot's serial driver can hang where the UART was not switched on",
        smallest_memory_mib=1024,
        reserved_memory_mib=76,
        needs_recent_firmware=True,
    ),
    "bcm2712": Chain(
        name="Raspberry Pi 5",
        efi_types=_FAT_TYPES | {EFI_SYSTEM, MICROSOFT_DATA},
        table_text="the EEPROM reads MBR and GPT and boots from a FAT with config.txt and a tree",
        files=(Wanted(path="config.txt", by=_START, evidence="documentation"),),
        trees=(
            TreeName(
                path="bcm2712-rpi-5-b.dtb",
                compatible="raspberrypi,5-model-b",
                pinctrl="brcm,bcm2712c0-pinctrl",
            ),
            TreeName(
                path="bcm2712d0-rpi-5-b.dtb",
                compatible="raspberrypi,5-model-b",
                pinctrl="brcm,bcm2712d0-pinctrl",
            ),
            TreeName(
                path="bcm2712-d-rpi-5-b.dtb",
                compatible="raspberrypi,5-model-b",
                pinctrl="brcm,bcm2712d0-pinctrl",
            ),
        ),
        compatible="brcm,bcm2712",
        forbidden=(
            (
                "dtb/broadcom/bcm2712-rpi-5-b.dtb",
                "U-Boot would load it on every stepping of the chip and panic on the newer one",
            ),
        ),
        reads_config_txt=True,
        models=(Model(name="5", filters=frozenset({"pi5"})),),
        uart_rule="off",
        uart_text="since the EEPROM of 2025-02 it moves the first console behind the RP1 chip",
        smallest_memory_mib=2048,
        reserved_memory_mib=64,
    ),
    "tegra210": Chain(
        name="Jetson Nano",
        table_text="U-Boot in the QSPI reads both tables and boots BOOTAA64.EFI from any FAT",
        evidence="source",
        trees=(
            TreeName(path="dtb/nvidia/tegra210-p3450-0000.dtb", compatible="nvidia,p3450-0000"),
        ),
        compatible="nvidia,tegra210",
        smallest_memory_mib=2048,
    ),
    "tegra194": Chain(name="Jetson Xavier", compatible="nvidia,tegra194", smallest_memory_mib=8192),
    "tegra234": Chain(name="Jetson Orin", compatible="nvidia,tegra234", smallest_memory_mib=4096),
    "rk3588": Chain(name="RK3588", compatible="rockchip,rk3588", smallest_memory_mib=4096),
    "virt": Chain(name="QEMU virt", smallest_memory_mib=1024, evidence="emulated"),
}


def chain_of(soc: str) -> Chain:
    """Return what is known of a family; what is unknown boots by UEFI or not at all."""
    return CHAINS.get(soc, _UEFI)
