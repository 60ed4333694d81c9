# SPDX-License-Identifier: Apache-2.0
"""The same card with another initramfs: busybox loads the network's driver and asks for a lease."""

import shutil
import stat
from pathlib import Path

from boards.profile import Profile
from edge.events import ignore
from edge.paths import cache_dir
from flasher.debian.fetch import Cache, fetch_files, unpack
from flasher.debian.suite import suite_name
from flasher.image.cpio import CpioWriter
from flasher.image.design import Design
from flasher.image.inputs import fetch_inputs
from flasher.image.wishes import Wishes
from flasher.table import read_table
from flasher.tool import run_tool

_BLOCK = 1 << 20
_INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
for module in {modules}; do /bin/busybox insmod /modules/$module.ko; done
/bin/busybox ip link set eth0 up
/bin/busybox udhcpc -q -f -n -t 20 -T 1 -i eth0 -s /lease >/dev/null
/bin/busybox sleep 3600
"""
_LEASE = """\
#!/bin/busybox sh
[ "$1" = bound ] || exit 0
/bin/busybox ip addr add "$ip/$mask" dev eth0
echo "<5>busybox: $ip is up" > /dev/kmsg
"""


def make_baseline(profile: Profile, card: Path, target: Path) -> None:
    """Write `target`: the card with the baseline's initramfs in slot A."""
    work = target.parent
    initramfs, boot = work / "baseline.initramfs", work / "boot.ext4"
    _write_initramfs(profile, initramfs, work)
    copy_card(card, target)
    with target.open("r+b") as file:
        table = read_table(file)
        assert table, "a flashed card has a partition table"
        (place,) = [each for each in table.partitions if each.label == "BOOT"]
        file.seek(place.start_bytes)
        with boot.open("wb") as part:
            for _ in range(place.size_bytes // _BLOCK):
                part.write(file.read(_BLOCK))
        script = f"rm A/initramfs\nwrite {initramfs} A/initramfs\n"
        run_tool("debugfs", "-w", "-f", "-", boot, text_in=script)
        file.seek(place.start_bytes)
        with boot.open("rb") as part:
            shutil.copyfileobj(part, file, _BLOCK)


def copy_card(card: Path, target: Path) -> None:
    """Copy a card's file with its holes."""
    run_tool("cp", "--sparse=always", card, target)


def _write_initramfs(profile: Profile, output: Path, work: Path) -> None:
    cache = Cache(folder=cache_dir() / "image")
    inputs = fetch_inputs(Design(profile=profile, wishes=Wishes()), cache, work, ignore)
    modules = inputs.kernel.module_tree().load_order(profile.kernel.needs.network)
    init = _INIT.format(modules=" ".join(each.name for each in modules))
    with output.open("wb") as file, CpioWriter(file) as archive:
        for folder in ("bin", "dev", "modules", "proc", "sys"):
            archive.directory(folder)
        archive.device("dev/console", kind=stat.S_IFCHR, major=5, minor=1)
        archive.file("bin/busybox", _busybox(profile, cache), mode=0o755)
        archive.file("init", init.encode(), mode=0o755)
        archive.file("lease", _LEASE.encode(), mode=0o755)
        for each in modules:
            archive.file(f"modules/{each.name}.ko", each.content)


def _busybox(profile: Profile, cache: Cache) -> bytes:
    found = fetch_files(
        cache,
        profile.arch,
        suite_name("stable"),
        ["busybox-static"],
        listener=ignore,
    )
    return (unpack(cache, found.files["busybox-static"], ignore) / "usr/bin/busybox").read_bytes()
