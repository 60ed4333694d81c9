# SPDX-License-Identifier: Apache-2.0
"""The kernel's own file systems, and letting go of the real ones at the end."""

import os
from pathlib import Path

from edge.node.boot import syscall
from edge.node.boot.console import say

_SAFE = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC

_KERNEL = (
    ("proc", "proc", "/proc", _SAFE, ""),
    ("sysfs", "sysfs", "/sys", _SAFE, ""),
    ("devtmpfs", "devtmpfs", "/dev", syscall.MS_NOSUID, "mode=0755"),
    ("devpts", "devpts", "/dev/pts", syscall.MS_NOSUID | syscall.MS_NOEXEC, "gid=5,mode=620"),
    ("tmpfs", "tmpfs", "/dev/shm", syscall.MS_NOSUID | syscall.MS_NODEV, ""),  # noqa: S108
    ("tmpfs", "tmpfs", "/run", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=0755"),
    ("tmpfs", "tmpfs", "/tmp", syscall.MS_NOSUID | syscall.MS_NODEV, ""),  # noqa: S108
    ("tmpfs", "tmpfs", "/system", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=0755"),
    ("cgroup2", "cgroup2", "/sys/fs/cgroup", _SAFE, ""),
)

_KEPT = ("/proc", "/sys", "/dev", "/run", "/tmp", "/system")  # noqa: S108


def mount_kernel_filesystems() -> None:
    """Mount /proc, /sys, /dev, /run and their like where the loader has not done so."""
    for source, kind, target, flags, data in _KERNEL:
        # Looked up each time: before /proc is mounted nothing can be known.
        if target in _mount_points():
            continue
        try:
            Path(target).mkdir(parents=True, exist_ok=True)
            syscall.mount(source, Path(target), kind, flags, data)
        except OSError as error:
            say(f"cannot mount {target}: {error.strerror}")


def unmount_disks() -> None:
    """Unmount every file system that lives on a disk, newest first, and sync."""
    os.sync()
    for target in reversed(_mount_points()):
        if target != "/" and not target.startswith(_KEPT):
            _let_go(Path(target))
    for target in reversed(_mount_points()):
        if target.startswith("/system/"):
            _let_go(Path(target))
    os.sync()


def _let_go(target: Path) -> None:
    try:
        syscall.unmount(target)
    except OSError as error:
        say(f"cannot unmount {target}: {error.strerror}")


def _mount_points() -> list[str]:
    table = Path("/proc/self/mounts")
    if not table.exists():
        return []
    return [line.split()[1] for line in table.read_text().splitlines()]
