# SPDX-License-Identifier: Apache-2.0
"""Letting a card go: which commands it gets, and what is said when it does not understand."""

import ctypes
import errno
import struct
from pathlib import Path

import pytest

from flasher.device import Device, DeviceKind
from flasher.device.eject import eject
from tests.fakes.host import FakeHost

BLKFLSBUF, SG_IO = 0x1261, 0x2285
HEADER = struct.Struct("@iiBBHIPPPIIiPBBBBHHiII")


class FakeDisk:
    """Answers to ioctl as a disk driver would."""

    def __init__(self, *, status: int = 0, sense_key: int = 0, error: int = 0) -> None:
        self.requests: list[object] = []
        self._status, self._sense_key, self._error = status, sense_key, error

    def ioctl(self, _fd: int, request: int, argument: bytearray) -> int:
        if request != SG_IO:
            self.requests.append(request)
            return 0
        if self._error:
            raise OSError(self._error, "no")
        fields = list(HEADER.unpack(argument))
        self.requests.append(_peek(fields[7], fields[2]))
        fields[13] = self._status
        argument[:] = HEADER.pack(*fields)
        _poke(fields[8], bytes([0x70, 0, self._sense_key]))
        return 0


def _peek(address: int, size: int) -> bytes:
    return ctypes.string_at(address, size)


def _poke(address: int, data: bytes) -> None:
    ctypes.memmove(address, data, len(data))


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


def card(fake: FakeHost, name: str, kind: DeviceKind = DeviceKind.DISK) -> Device:
    fake.disk(name)
    return Device(path=fake.host.dev / name, kind=kind, size_bytes=1, is_removable=True)


def test_reader_is_told_to_give_the_card_out(fake: FakeHost) -> None:
    """Flush, allow removal, stop and eject, in this order."""
    disk = FakeDisk()
    done = eject(card(fake, "sdb"), fake.host, ioctl=disk.ioctl)
    assert disk.requests == [BLKFLSBUF, b"\x1e\0\0\0\0\0", b"\x1b\0\0\0\x02\0"]
    assert (done.is_done, done.text) == (True, f"{fake.host.dev}/sdb is ejected")


def test_slot_of_the_host_is_flushed_alone(fake: FakeHost) -> None:
    """An SD slot knows no eject; nothing is left to do but to pull the card."""
    disk = FakeDisk()
    done = eject(card(fake, "mmcblk0"), fake.host, ioctl=disk.ioctl)
    assert disk.requests == [BLKFLSBUF]
    assert (done.is_done, done.text) == (True, f"{fake.host.dev}/mmcblk0 may be pulled")


@pytest.mark.parametrize("kind", [DeviceKind.LOOP, DeviceKind.FILE])
def test_files_are_not_ejected(fake: FakeHost, kind: DeviceKind) -> None:
    """There is nothing to pull."""
    disk = FakeDisk()
    assert eject(card(fake, "loop0", kind), fake.host, ioctl=disk.ioctl).text == "nothing to eject"
    assert disk.requests == []


@pytest.mark.parametrize(
    "disk",
    [
        FakeDisk(error=errno.ENOTTY),
        FakeDisk(status=2, sense_key=5),
    ],
    ids=["no SG_IO", "illegal request"],
)
def test_disk_that_knows_no_eject_may_be_pulled(fake: FakeHost, disk: FakeDisk) -> None:
    """After the flush all that can be done was done."""
    done = eject(card(fake, "sdb"), fake.host, ioctl=disk.ioctl)
    assert (done.is_done, done.text) == (True, f"{fake.host.dev}/sdb may be pulled")


@pytest.mark.parametrize(
    "disk",
    [FakeDisk(error=errno.EIO), FakeDisk(status=2, sense_key=2)],
    ids=["driver", "not ready"],
)
def test_failing_is_a_remark(fake: FakeHost, disk: FakeDisk) -> None:
    """It raises nothing: the card was read back, whatever its reader thinks of ejecting."""
    done = eject(card(fake, "sdb"), fake.host, ioctl=disk.ioctl)
    assert not done.is_done
    assert "was not ejected" in done.text
    assert "before you pull it" in done.text


def test_card_that_is_gone_is_a_remark(fake: FakeHost) -> None:
    """Somebody was faster."""
    gone = Device(path=fake.host.dev / "sdz", kind=DeviceKind.DISK, size_bytes=1)
    assert "no such file" in eject(gone, fake.host).text


def test_card_that_the_desktop_mounted_stays(fake: FakeHost) -> None:
    """Nothing is pulled away from under a file manager."""
    device, disk = card(fake, "sdb"), FakeDisk()
    fake.partition("sdb", "sdb1")
    fake.mount("sdb1", "/media/eva/EFI")
    done = eject(device, fake.host, ioctl=disk.ioctl)
    assert not done.is_done
    assert "mounted at /media/eva/EFI" in done.text
    assert disk.requests == []
