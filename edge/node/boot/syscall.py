# SPDX-License-Identifier: Apache-2.0
"""The few Linux system calls that Python's standard library does not wrap.

Numbers and flags are the kernel's own (linux/mount.h, linux/reboot.h, asm-generic/unistd.h);
finit_module is called through the C library's `syscall` because libc does not export it.
"""

import ctypes
import errno
import os
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_NOATIME = 1024

_REBOOT_RESTART = 0x01234567
_REBOOT_POWER_OFF = 0x4321FEDC
_REBOOT_CAD_OFF = 0x00000000
_FINIT_MODULE = {"x86_64": 313, "aarch64": 273}

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str, flags: int = 0, data: str = "") -> None:
    """Mount `source` on `target`.

    Raises:
        OSError: with the kernel's reason and the target.
    """
    result = _libc.mount(
        source.encode(), bytes(target), kind.encode(), ctypes.c_ulong(flags), data.encode()
    )
    _check(result, target)


def unmount(target: Path, *, lazy: bool = False) -> None:
    """Unmount `target`; `lazy` detaches it now and frees it when the last user is gone.

    Raises:
        OSError: with the kernel's reason and the target.
    """
    _check(_libc.umount2(bytes(target), 2 if lazy else 0), target)


def load_module(path: Path, parameters: str = "") -> None:
    """Insert the kernel module file `path`; one that is loaded already is no error.

    Raises:
        OSError: with the kernel's reason and the file.
    """
    number = _FINIT_MODULE.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, "no module loading on this architecture", str(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.syscall(number, descriptor, parameters.encode(), 0), path)
    except FileExistsError:
        pass
    finally:
        os.close(descriptor)


def restart() -> None:
    """Restart the machine at once; whoever calls this has synced and unmounted."""
    _libc.reboot(ctypes.c_uint(_REBOOT_RESTART))


def power_off() -> None:
    """Switch the machine off at once; whoever calls this has synced and unmounted."""
    _libc.reboot(ctypes.c_uint(_REBOOT_POWER_OFF))


def hand_over_ctrl_alt_delete() -> None:
    """Have ctrl-alt-delete arrive at PID 1 as SIGINT instead of restarting at once, unsynced."""
    _libc.reboot(ctypes.c_uint(_REBOOT_CAD_OFF))


def _check(result: int, path: Path) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
