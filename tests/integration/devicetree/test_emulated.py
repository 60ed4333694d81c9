# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel on an emulated Raspberry Pi 3: what it makes of a tree with overlays."""

import subprocess
from functools import cache
from pathlib import Path

import pytest

from boards.catalog import load_profile
from edge.events import ignore
from edge.paths import cache_dir
from flasher.debian.fetch import Cache, fetch_files, unpack
from flasher.debian.module import ModuleTree
from flasher.debian.suite import suite_name
from flasher.devicetree.merge import merge
from flasher.devicetree.packaged import packaged_trees
from flasher.image.cpio import CpioWriter
from flasher.image.kernel import KernelFiles, packaged_kernel
from overlays.choice import parse_choice
from overlays.resolve import ResolvedOverlay, resolve_all

pytestmark = pytest.mark.qemu

OVERLAYS = (
    *("disable-bt", "disable-wifi", "i2c,speed=400000", "i2c-rtc,chip=ds1307", "spi"),
    *("gpio-fan,pin=17,temperature=65,hysteresis=7",),
)
DONE = "edge: looked around"
INIT = f"""#!/bin/busybox sh
busybox mkdir -p /proc /sys /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs devtmpfs /dev
for module in /modules/*.ko; do busybox insmod $module; done
busybox sleep 3
for file in /sys/class/rtc/rtc0/name /sys/class/hwmon/hwmon*/name \\
    /sys/class/thermal/cooling_device*/type /sys/class/thermal/thermal_zone0/trip_point_*; do
    busybox echo "seen $file $(busybox cat $file)"
done
for file in /dev/spidev* /dev/i2c-* /dev/ttyAMA* /sys/class/bluetooth /sys/bus/serial/devices/*; do
    [ -e $file ] && busybox echo "seen $file there"
done
busybox echo "{DONE}"
busybox poweroff -f
"""


def test_the_kernel_sees_what_the_overlays_promise(tmp_path: Path) -> None:
    """Clock, fan, SPI and the console on the port that Bluetooth had."""
    overlays = resolve_all([parse_choice(text) for text in OVERLAYS], "bcm2837")
    tree = packaged_trees(load_profile("rpi3"), _cache(), ignore)[0]
    merge(tree, overlays, tmp_path / "merged.dtb", tmp_path)
    _write_initramfs(tmp_path / "initramfs", overlays)
    seen = _boot(tmp_path / "merged.dtb", tmp_path / "initramfs")
    assert "rtc-ds1307 1-0068" in seen["/sys/class/rtc/rtc0/name"]
    assert "gpio_fan" in _values(seen, "/sys/class/hwmon/")
    assert "gpio-fan" in _values(seen, "/sys/class/thermal/cooling_device")
    zone = "/sys/class/thermal/thermal_zone0/trip_point_"
    number = next(name[len(zone)] for name, value in seen.items() if value == "65000")
    assert seen[f"{zone}{number}_type"] == "active"
    assert seen[f"{zone}{number}_hyst"] == "7000"
    devices = {"/dev/spidev0.0", "/dev/spidev0.1", "/dev/i2c-1", "/dev/ttyAMA0"}
    assert devices <= seen.keys()
    assert not [name for name in seen if name.startswith("/sys/bus/serial/devices/")]


def _boot(tree: Path, initramfs: Path) -> dict[str, str]:
    """Return what the emulated machine says it has seen."""
    command = [
        *("qemu-system-aarch64", "-M", "raspi3b", "-accel", "tcg,thread=single"),
        *("-kernel", _kernel().image, "-dtb", tree, "-initrd", initramfs),
        *(
            "-append",
            "console=ttyAMA0,115200 panic=-1",
            "-device",
            "ds1338,bus=i2c-bus.1,address=0x68",
        ),
        *(
            "-display",
            "none",
            "-serial",
            "stdio",
            "-serial",
            "null",
            "-monitor",
            "none",
            "-no-reboot",
        ),
    ]
    lines = []
    with subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, text=True, errors="replace"
    ) as machine:
        assert machine.stdout
        try:
            for line in machine.stdout:
                lines.append(line.rstrip())
                if DONE in line or "Kernel panic" in line:
                    break
        finally:
            machine.kill()
    assert DONE in "".join(lines), "\n".join(lines[-60:])
    found = (line.partition("seen ")[2].partition(" ") for line in lines if "seen " in line)
    return {name: value for name, _, value in found}


def _values(seen: dict[str, str], start: str) -> set[str]:
    return {value for name, value in seen.items() if name.startswith(start)}


def _write_initramfs(path: Path, overlays: tuple[ResolvedOverlay, ...]) -> None:
    modules = ModuleTree(_kernel().modules)
    wanted = {name for overlay in overlays for name in overlay.modules}
    with path.open("wb") as file, CpioWriter(file) as archive:
        for folder in ("bin", "modules", "proc", "sys", "dev"):
            archive.directory(folder)
        archive.device("dev/console", kind=0o020000, major=5, minor=1)
        archive.file_from("bin/busybox", _busybox(), mode=0o755)
        archive.file("init", INIT.encode(), mode=0o755)
        for number, module in enumerate(modules.load_order(sorted(wanted))):
            archive.file(f"modules/{number:03}.ko", module.content)


@cache
def _kernel() -> KernelFiles:
    packages = fetch_files(
        _cache(), "arm64", suite_name("stable"), (), kernel="linux-image-arm64", listener=ignore
    )
    return packaged_kernel([unpack(_cache(), file, ignore) for file in packages.files.values()])


@cache
def _busybox() -> Path:
    packages = fetch_files(
        _cache(), "arm64", suite_name("stable"), ("busybox-static",), listener=ignore
    )
    return unpack(_cache(), packages.files["busybox-static"], ignore) / "usr/bin/busybox"


def _cache() -> Cache:
    return Cache(folder=cache_dir() / "image")
