# SPDX-License-Identifier: Apache-2.0
"""Events about disks, from the kernel and from udev."""

import errno
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from edge.errors import EdgeError
from flasher.device.watch import (
    LOST,
    Action,
    BlindWatch,
    BlockEvent,
    KernelWatch,
    UdevWatch,
    open_watch,
    parse_uevent,
)

REMOVED = {
    "ACTION": "remove",
    "DEVPATH": "/devices/pci0000:00/usb1/1-2/block/sdb",
    "SUBSYSTEM": "block",
    "DEVTYPE": "disk",
    "DISKSEQ": "41",
}


def message(**changes: str) -> bytes:
    """Return what the kernel sends when a disk is removed, with changes."""
    fields = REMOVED | changes
    lines = [f"{fields['ACTION']}@{fields['DEVPATH']}", *(f"{k}={v}" for k, v in fields.items())]
    return b"".join(line.encode() + b"\0" for line in lines)


@pytest.mark.parametrize(
    ("changes", "action", "diskseq"),
    [
        ({}, Action.REMOVE, 41),
        ({"ACTION": "add"}, Action.ADD, 41),
        ({"ACTION": "change"}, Action.CHANGE, 41),
        ({"ACTION": "bind"}, Action.CHANGE, 41),
        ({"DISKSEQ": ""}, Action.REMOVE, None),
    ],
)
def test_a_message_becomes_an_event(
    changes: dict[str, str], action: Action, diskseq: int | None
) -> None:
    """Name, action and the count of media are what matters."""
    assert parse_uevent(message(**changes)) == BlockEvent(
        action=action, name="sdb", diskseq=diskseq
    )


@pytest.mark.parametrize(
    "text",
    [
        message(SUBSYSTEM="net"),
        message(DEVTYPE="partition"),
        b"",
        b"libudev\0\xfe\xed\xca\xfe",
        b"\xff\0=\0",
    ],
)
def test_other_messages_are_nothing(text: bytes) -> None:
    """Partitions, other devices and rubbish are passed over."""
    assert parse_uevent(text) is None


def test_without_udev_the_kernel_is_heard(tmp_path: Path) -> None:
    """Its socket opens without any right, and is silent while nothing happens here."""
    watch = open_watch(control=tmp_path / "control")
    try:
        assert isinstance(watch, KernelWatch | BlindWatch)
        assert all(event.action in Action for event in watch.poll(0))
    finally:
        watch.close()


def test_with_udev_it_is_asked(tmp_path: Path) -> None:
    """Its presence is what decides."""
    (tmp_path / "control").touch()
    watch = open_watch(control=tmp_path / "control")
    assert watch.source == "udev"
    assert watch.poll(0) == []
    watch.close()


def test_where_nobody_tells_anything_it_waits() -> None:
    """Whoever asks gets nothing, after a while."""
    watch = BlindWatch()
    assert watch.poll(0.001) == []
    watch.close()


class _Monitor:
    """Gives what was put in, as pyudev does."""

    def __init__(self, *answers: Any) -> None:
        self._answers = deque(answers)

    def poll(self, timeout: float) -> Any:
        answer = self._answers.popleft() if self._answers else None
        if isinstance(answer, OSError):
            raise answer
        return answer


class _Device:
    def __init__(self, properties: dict[str, str]) -> None:
        self.properties = properties


def test_what_udev_loses_is_told() -> None:
    """An overrun is an event like others, and those behind it are not lost with it."""
    watch = UdevWatch()
    watch._monitor = _Monitor(OSError(errno.ENOBUFS, "full"), _Device(REMOVED))
    assert [event.action for event in watch.poll(1)] == [Action.LOST, Action.REMOVE]


def test_other_faults_end_the_watch() -> None:
    """They are one line."""
    watch = UdevWatch()
    watch._monitor = _Monitor(OSError(errno.EPERM, "no"))
    with pytest.raises(EdgeError, match="cannot listen"):
        watch.poll(1)


def test_what_the_kernel_loses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What processes send is not believed; what follows an overrun is heard."""
    watch = KernelWatch()
    real = watch._socket
    answers: deque[Any] = deque(
        [
            OSError(errno.ENOBUFS, "full"),
            (message(), (4711, 1)),
            (message(), (0, 1)),
            BlockingIOError(),
        ]
    )

    class Socket:
        def fileno(self) -> int:
            return real.fileno()

        def recvfrom(self, _size: int) -> Any:
            answer = answers.popleft()
            if isinstance(answer, OSError):
                raise answer
            return answer

    monkeypatch.setattr(watch, "_socket", Socket())
    assert watch.poll(0) == [LOST, BlockEvent(action=Action.REMOVE, name="sdb", diskseq=41)]
    real.close()
