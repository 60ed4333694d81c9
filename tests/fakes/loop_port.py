# SPDX-License-Identifier: Apache-2.0
"""Loop devices as ports that cards are put into and pulled out of, with the kernel's events.

Each has a number of its own far from those that others find free, and is gone in the end.
"""

import fcntl
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

_ADD, _REMOVE, _SET_CAPACITY = 0x4C80, 0x4C81, 0x4C07
_FIRST, _LAST = 300_000, 1_000_000


class LoopPort:
    """One port; `with` it, and nothing stays behind."""

    def __init__(self) -> None:
        self.name, self.device, self.pattern = "", Path(), ""
        self._number = 0

    def __enter__(self) -> Self:
        if os.geteuid() != 0 or not Path("/dev/loop-control").exists():
            pytest.skip("loop devices need root and the loop driver")
        self._number = _add_any()
        self.name = f"loop{self._number}"
        self.device = Path("/dev") / self.name
        self.pattern = f"*/block/{self.name}"
        return self

    def __exit__(self, *_error: object) -> None:
        self.pull(must=False)
        while True:  # a detached device is busy for as long as somebody has it open
            with suppress(BlockingIOError, OSError):
                _control(_REMOVE, self._number)
            if not Path("/sys/block", self.name).exists():
                return

    def put(self, card: Path) -> None:
        """Attach the file `card`."""
        command = ["losetup", "--direct-io=on", str(self.device), str(card)]
        subprocess.run(command, check=True, capture_output=True)

    def pull(self, *, must: bool = True) -> None:
        """Detach what is attached, when nobody writes it."""
        command = ["losetup", "--detach", str(self.device)]
        subprocess.run(command, check=must, capture_output=True)

    def yank(self, card: Path) -> None:
        """Have the disk lose its medium under whoever is writing it."""
        fd = os.open(self.device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while self._size() != "0":  # writes under way make the file longer again
                os.truncate(card, 0)
                fcntl.ioctl(fd, _SET_CAPACITY, 0)
        finally:
            os.close(fd)

    def _size(self) -> str:
        return Path("/sys/block", self.name, "size").read_text().strip()


def _add_any() -> int:
    """Make a loop device with a number that nobody else has."""
    span = _LAST - _FIRST
    for attempt in range(span):
        number = _FIRST + (os.getpid() * 16 + attempt) % span
        with suppress(FileExistsError):
            return _control(_ADD, number)
    raise AssertionError("no loop device is free")


def _control(request: int, number: int) -> int:
    fd = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        return fcntl.ioctl(fd, request, number)
    finally:
        os.close(fd)
