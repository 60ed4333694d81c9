# SPDX-License-Identifier: Apache-2.0
"""What a station sees in its ports."""

from pathlib import Path

import pytest

from flasher.station.port import look
from tests.fakes.host import GIB, FakeHost

USB = "pci0000:00/0000:00:14.0/usb1/1-2/1-2.3/1-2.3:1.0/host4/target4:0:0/4:0:0:{lun}"
MMC = "platform/fe340000.mmc/mmc_host/mmc1/mmc1:aaaa"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """Give a machine with a fixed disk, a reader with two slots, and an SD slot."""
    host = FakeHost(tmp_path)
    host.disk("sda")
    host.disk("sdb", USB.format(lun=0), removable="1", device__model="Reader", diskseq="7")
    host.disk("sdc", USB.format(lun=1), size=0, removable="1")
    host.disk("mmcblk1", MMC, device__cid="35" * 16, device__name="SD32G")
    host.disk("loop7", "virtual")
    host.disk("sr0", USB.format(lun=2))
    host.partition("sdb", "sdb1")
    return host


def test_only_allowed_ports_are_seen(host: FakeHost) -> None:
    """A pattern means ports, whatever is in them; optical drives are none."""
    (seen,) = look(["usb-0:2.3:1.0-scsi-0:0:0:0"], host.host)
    assert (seen.name, seen.size_bytes, seen.diskseq) == ("sdb", 32 * GIB, 7)
    assert (seen.model, seen.is_removable) == ("Reader", True)
    assert [seen.name for seen in look(["usb-0:2.3"], host.host)] == ["sdb", "sdc"]
    assert [seen.name for seen in look(["*/block/loop7"], host.host)] == ["loop7"]
    assert look(["usb-0:2.4", "*/block/loop8"], host.host) == []
    assert "loop7" not in [seen.name for seen in look(["*"], host.host)]
    assert look([], host.host) == []


def test_an_empty_reader_has_no_bytes(host: FakeHost) -> None:
    """It is seen, because a card may come without any event."""
    assert [seen.size_bytes for seen in look(["usb-0:2.3"], host.host)] == [32 * GIB, 0]


def test_ports_are_told_apart(host: FakeHost) -> None:
    """Every disk is in a port of its own, also where the names of ports are alike."""
    host.disk("mmcblk2", MMC.replace("mmc1", "mmc2"), device__cid="36" * 16)
    seen = look(["*"], host.host)
    assert len({one.port for one in seen}) == len(seen) == 5
    cids = {one.name: one.cid for one in seen}
    assert (cids["mmcblk1"], cids["mmcblk2"]) == ("35" * 16, "36" * 16)


def test_serial_numbers_are_those_of_the_usb_device(host: FakeHost) -> None:
    """They are found above the disk, and not beyond the device."""
    device = host.root / "sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.3"
    (device / "serial").write_text("R4\n")
    (device / "bDeviceClass").write_text("00\n")
    (device.parent / "serial").write_text("HUB\n")
    assert {seen.serial for seen in look(["usb-0:2.3"], host.host)} == {"R4"}
    (device / "serial").unlink()
    assert {seen.serial for seen in look(["usb-0:2.3"], host.host)} == {""}
