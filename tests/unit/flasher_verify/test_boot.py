# SPDX-License-Identifier: Apache-2.0
"""Faults of what firmware and loaders read, and the checks that find them."""

import struct
import subprocess
from pathlib import Path
from random import randbytes

import pytest

from flasher.image import grub
from flasher.verify import Verdict
from tests.fakes.board_image import Parts, fake_efi, fake_firmware, fake_kernel
from tests.fakes.spoil import Fault, config, drop, find, in_partition, menu, put, setting

FAULTS = (
    # files
    Fault("boot-files", "start4.elf is missing", before=drop("start4.elf")),
    Fault("boot-files", "fixup4.dat is missing", before=drop("fixup4.dat")),
    Fault("boot-files", "config.txt is missing", before=drop("config.txt")),
    Fault("boot-files", "bcm2711-rpi-cm4.dtb is missing", before=drop("bcm2711-rpi-cm4.dtb")),
    Fault("boot-files", "BOOTAA64.EFI is missing", before=drop("EFI/BOOT/BOOTAA64.EFI")),
    Fault("boot-files", "bootcode.bin is missing", board="rpi3", before=drop("bootcode.bin")),
    Fault(
        "boot-files",
        "tegra210-p3450-0000.dtb is missing",
        board="jetson-nano",
        before=drop("dtb/nvidia/tegra210-p3450-0000.dtb"),
    ),
    Fault(
        "boot-files",
        "A/bcm2712d0-rpi-5-b.dtb is missing",
        board="rpi5",
        before=drop("A/bcm2712d0-rpi-5-b.dtb"),
    ),
    Fault(
        "boot-files",
        "bcm2712d0-rpi-5-b.dtb is missing",
        board="rpi5",
        before=drop("bcm2712d0-rpi-5-b.dtb"),
    ),
    Fault(
        "boot-files",
        "(there is START4.ELF)",
        before=lambda parts: parts.efi.update({"START4.ELF": parts.efi.pop("start4.elf")}),
    ),
    Fault("profile-files", "u-boot.bin is missing", before=drop("u-boot.bin")),
    Fault("profile-files", "fixup4.dat is empty", before=put("fixup4.dat", b"")),
    Fault(
        "profile-files",
        "bcm2712-rpi-5-b.dtb is missing",
        board="rpi5",
        before=drop("bcm2712-rpi-5-b.dtb"),
    ),
    Fault("slot-files", "A/cmdline.txt is missing", board="rpi5", before=drop("A/cmdline.txt")),
    Fault("slot-files", "A/vmlinuz is empty", board="nuc", before=setting("kernel", b"")),
    Fault(
        "slot-room",
        "EFI partition has",
        board="rpi5",
        before=setting("kernel", fake_kernel("arm64") + randbytes(24 << 20)),
    ),
    Fault(
        "slot-room",
        "BOOT has",
        before=setting("kernel", fake_kernel("arm64") + randbytes(32 << 20)),
    ),
    Fault(
        "misleading-files",
        "panic on the newer one",
        board="rpi5",
        before=put("dtb/broadcom/bcm2712-rpi-5-b.dtb", b"tree"),
    ),
    # programs
    Fault("efi-programs", "is for amd64", before=put("EFI/BOOT/BOOTAA64.EFI", fake_efi("amd64"))),
    Fault("efi-programs", "no PE header", before=put("EFI/BOOT/BOOTAA64.EFI", b"no program")),
    Fault(
        "kernel-image", "the kernel is for amd64", before=setting("kernel", fake_kernel("amd64"))
    ),
    Fault("kernel-image", "no EFI stub", before=setting("kernel", fake_kernel("arm64", stub=b""))),
    Fault("kernel-image", "neither an arm64 Image nor", before=setting("kernel", bytes(4096))),
    Fault("u-boot", "is no U-Boot", before=put("u-boot.bin", b"\x0a\0\0\x14" + bytes(64))),
    Fault(
        "u-boot",
        "does not begin with a jump",
        before=put("u-boot.bin", b"\0\0\0\0 U-Boot 2025.01 (x)"),
    ),
    Fault(
        "firmware-age",
        "was built on 2024-04-17",
        before=put("start4.elf", fake_firmware("Apr 17 2024")),
    ),
    Fault(
        "firmware-age",
        "was built on 2025-01-15",
        before=put("start4.elf", fake_firmware("Jan 15 2025")),
    ),
    Fault("firmware-age", "no firmware of the Raspberry Pi", before=put("start4.elf", b"\x7fELF")),
    Fault(
        "firmware-variant",
        "takes fixup4cd.dat, which is missing",
        before=lambda parts: (
            config("gpu_mem=32", "gpu_mem=16")(parts),
            drop("fixup4cd.dat")(parts),
        ),
    ),
    # config.txt
    Fault("config-lines", "is not read", before=config("gpu_mem=32", "gpu_mem=" + "3" * 95)),
    Fault("config-lines", "spaces", before=config("gpu_mem=32", "gpu_mem = 32")),
    Fault("config-lines", "is no setting", before=config("gpu_mem=32", "gpu_mem")),
    Fault(
        "config-lines",
        "takes no equals sign",
        board="rpi5",
        before=config("initramfs initramfs followkernel", "initramfs=initramfs"),
    ),
    Fault("config-filters", "no filter that is known", before=config("gpu_mem=32", "[pi9]\n[all]")),
    Fault(
        "config-filters",
        "counts only there",
        before=lambda parts: parts.efi.update({"config.txt": parts.efi["config.txt"] + b"[cm4]\n"}),
    ),
    Fault("config-targets", "kernel names u-bot.bin", before=config("u-boot.bin", "u-bot.bin")),
    Fault(
        "config-targets",
        "it names no initramfs",
        board="rpi5",
        before=config("initramfs initramfs followkernel\n", ""),
    ),
    Fault(
        "config-targets",
        "initramfs names A/ram",
        board="rpi5",
        before=config("initramfs initramfs", "initramfs ram"),
    ),
    Fault("config-rules", "enable_uart=1 is missing", before=config("enable_uart=1\n", "")),
    Fault(
        "config-rules",
        "enable_uart=1 is set",
        board="rpi5",
        before=config("[all]\n", "[pi5]\nenable_uart=1\n[all]\n"),
    ),
    Fault(
        "config-rules",
        "device_tree= overrides",
        board="rpi5",
        before=config("arm_64bit=1", "device_tree=bcm2712-rpi-5-b.dtb"),
    ),
    Fault(
        "config-rules",
        "on 4B, CM4: enable_uart=1 is missing",
        before=config("enable_uart=1\n", "[pi400]\nenable_uart=1\n[all]\n"),
    ),
    Fault(
        "config-rules",
        "on CM4: arm_64bit is off",
        before=config("gpu_mem=32", "[cm4]\narm_64bit=0\n[all]"),
    ),
    Fault(
        "config-rules",
        "on Zero 2 W: enable_uart=1 is missing",
        board="rpi3",
        before=config("enable_uart=1\n", "[pi3]\nenable_uart=1\n[all]\n"),
    ),
    Fault(
        "config-rules",
        "enable_uart=1 is missing",
        before=config("enable_uart=1\n", "[gpio4=1]\n[pi4]\nenable_uart=1\n[all]\n"),
    ),
    Fault(
        "config-targets",
        "on 400: kernel names own.bin",
        before=config("gpu_mem=32", "[pi400]\nkernel=own.bin\n[all]"),
    ),
    Fault(
        "firmware-variant",
        "takes fixup4cd.dat, which is missing",
        before=lambda parts: (
            config("gpu_mem=32", "gpu_mem=32\n[pi400]\ngpu_mem=16\n[all]")(parts),
            drop("fixup4cd.dat")(parts),
        ),
    ),
    Fault("config-rules", "arm_64bit is off", before=config("arm_64bit=1", "arm_64bit=0")),
    # GRUB
    Fault("grub-grammar", "grub/grub.cfg", before=menu("set timeout=0", "if true; then")),
    Fault("grub-grammar", "user.cfg", before=put(grub.USER_CONFIG, b"menuentry {\n")),
    Fault(
        "grub-grammar",
        "user.cfg line 3: the quote",
        before=put(grub.USER_CONFIG, b"# isn't\nset a='b' # it's\nset c=\"\\\"d\necho 'e'\n"),
    ),
    Fault(
        "grub-grammar",
        "user.cfg line 2: syntax error: }",
        before=put(grub.USER_CONFIG, b"set a=1\n}\nset b=2\n"),
    ),
    Fault(
        "grub-grammar",
        "user.cfg line 2: syntax error, or something opened before",
        before=put(grub.USER_CONFIG, b"if true; then\n  set a=1\n"),
    ),
    Fault(
        "grub-root",
        "looks for BOOT elsewhere",
        before=put(
            grub.LOADER_CONFIG, b"set root=$edge_disk,gpt7\nconfigfile ($root)/grub/grub.cfg\n"
        ),
    ),
    Fault("grub-root", "another file system", after=in_partition(2, 1024 + 104, bytes(16))),
    Fault(
        "grub-root", "does not go on", before=put(grub.LOADER_CONFIG, b"set root=$edge_disk,gpt2\n")
    ),
    Fault(
        "grub-paths", "initrd ($root)/A/initrd is not there", before=menu("A/initramfs", "A/initrd")
    ),
    Fault("grub-paths", "no entry for slot A", before=menu("--id=A", "--id=C")),
    Fault(
        "grub-paths",
        "devicetree ($edge_esp)/dtb/x.dtb is not there",
        board="jetson-nano",
        before=menu("dtb/nvidia/tegra210-p3450-0000.dtb", "dtb/x.dtb"),
    ),
    Fault(
        "grub-paths",
        "state is kept in",
        before=menu(
            "load_env -f ($edge_esp)/EFI/debian/grubenv", "load_env -f ($edge_esp)/EFI/grubenv"
        ),
    ),
    Fault("kernel-arguments", "edge.board=rpi4 is missing", before=menu("edge.board=rpi4", "")),
    Fault(
        "kernel-arguments",
        "the image says console=ttyS1",
        before=menu("console=ttyS1", "console=ttyS9"),
    ),
    Fault(
        "kernel-arguments",
        "more than one line",
        board="rpi5",
        before=put("A/cmdline.txt", b"console=ttyAMA10,115200\nedge.board=rpi5 console=tty0\n"),
    ),
    Fault(
        "grubenv",
        "has 1023 bytes",
        before=put(grub.GRUBENV, grub.grubenv({"edge_default": "A"})[:-1]),
    ),
    Fault(
        "grubenv",
        "does not begin with",
        before=put(grub.GRUBENV, b"edge_default=A\n".ljust(1024, b"#")),
    ),
    Fault(
        "grubenv",
        "does not choose slot A",
        before=put(grub.GRUBENV, grub.grubenv({"edge_default": "B"})),
    ),
    Fault(
        "grubenv",
        "trial pending",
        before=put(grub.GRUBENV, grub.grubenv({"edge_default": "A", "edge_trial": "B"})),
    ),
    # memory
    Fault(
        "load-addresses",
        "over the device tree at 0x2600000",
        before=lambda parts: (
            put("extlinux/extlinux.conf", b"default l\n")(parts),
            setting("kernel", fake_kernel("arm64", image_bytes=0x24F0000))(parts),
        ),
    ),
    Fault(
        "load-addresses",
        "46.0 MiB are free",
        board="jetson-nano",
        before=lambda parts: (
            put("extlinux/extlinux.conf", b"default l\n")(parts),
            setting("kernel", fake_kernel("arm64", image_bytes=0x3240000))(parts),
        ),
    ),
    Fault(
        "loader-size",
        "over 0x2400000",
        before=put(
            "EFI/BOOT/BOOTAA64.EFI",
            fake_efi("arm64")[: 0x40 + 24 + 56] + struct.pack("<I", 0x2400000) + bytes(64),
        ),
    ),
    Fault(
        "memory",
        "of the 436.0 MiB",
        board="rpi3",
        before=setting("kernel", fake_kernel("arm64", image_bytes=500 << 20)),
    ),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.check}-{fault.says[:28]}")
def test_the_check_names_what_is_wrong(tmp_path: Path, fault: Fault) -> None:
    """Of an image in which one thing is wrong, its check fails and says so."""
    finding = find(tmp_path, fault)
    assert (finding.verdict, finding.check) == (Verdict.FAILED, fault.check), finding.text
    assert fault.says in finding.text


@pytest.mark.parametrize(
    "lines",
    [
        "[pi5]\narm_64bit=0\n[all]",
        "[cm4s]\nkernel=own.bin\n[all]",
        "[none]\nkernel=own.bin\n[all]",
        "[pi400]\n[pi5]\narm_64bit=0\n[all]",
        "[pi400]\narm_64bit=0\narm_64bit=1\n[all]",
    ],
)
def test_lines_for_other_models_count_on_none_of_these(tmp_path: Path, lines: str) -> None:
    """What stands under the filter of a board that the image is not for is not read there."""
    for check in ("config-rules", "config-targets"):
        folder = tmp_path / check
        folder.mkdir()
        finding = find(folder, Fault(check, "", before=config("gpu_mem=32", lines)))
        assert finding.verdict == Verdict.OK, finding.text


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("dtparam=i2c_arm=on", "dtparam=i2c_arm=on (config.txt line "),
        ("[cm4]\ndtoverlay=i2c-rtc,ds3231\n[all]", "dtoverlay=i2c-rtc,ds3231"),
        ("dtoverlay=", ""),
    ],
)
def test_lines_for_other_device_trees_are_warned_of(tmp_path: Path, lines: str, told: str) -> None:
    """They have no effect with this kernel's trees; the end of an overlay's parameters has none."""
    finding = find(tmp_path, Fault("config-overlays", told, before=config("gpu_mem=32", lines)))
    assert finding.verdict == (Verdict.WARNING if told else Verdict.OK)
    assert told in finding.text


def test_overlays_and_parameters_that_are_there_are_not_warned_of(tmp_path: Path) -> None:
    """Somebody may bring trees and overlays of Raspberry Pi OS."""

    def change(parts: Parts) -> None:
        config("gpu_mem=32", "dtoverlay=own\ndtparam=audio=on")(parts)
        parts.efi["overlays/own.dtbo"] = b"overlay"
        parts.efi["bcm2711-rpi-4-b.dtb"] = _with_parameters()

    finding = find(tmp_path, Fault("config-overlays", "", before=change))
    assert finding.verdict == Verdict.OK


def _with_parameters() -> bytes:
    """Return a tree with a node of parameters, as those of Raspberry Pi OS have."""
    source = b'/dts-v1/; / { __overrides__ { audio = "x"; }; };'
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb"]
    return subprocess.run(command, input=source, capture_output=True, check=True).stdout
