# SPDX-License-Identifier: Apache-2.0
"""Names of ports: as udev would make them from the kernel's paths, and as people list them."""

import pytest

from flasher.device.port import derive_port, matches_port

HUB = "/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.3/1-1.3:1.0"
PATHS = {
    f"{HUB}/host6/target6:0:0/6:0:0:2/block/sdb": "pci-0000:00:14.0-usb-0:1.3:1.0-scsi-0:0:0:2",
    "/devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0/usb2/2-2/2-2:1.0"
    "/host0/target0:0:0/0:0:0:0/block/sda": (
        "platform-fd500000.pcie-pci-0000:01:00.0-usb-0:2:1.0-scsi-0:0:0:0"
    ),
    "/devices/platform/soc/fe800000.usb/xhci-hcd.0.auto/usb1/1-1/1-1:1.0"
    "/host0/target0:0:0/0:0:0:0/block/sda": ("platform-xhci-hcd.0.auto-usb-0:1:1.0-scsi-0:0:0:0"),
    "/devices/platform/emmc2bus/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0": (
        "platform-fe340000.mmc"
    ),
    "/devices/pci0000:00/0000:00:1d.0/0000:3b:00.0/nvme/nvme0/nvme0n1": "pci-0000:3b:00.0-nvme-1",
    "/devices/pci0000:00/0000:00:17.0/ata3/host2/target2:0:0/2:0:0:0/block/sda": (
        "pci-0000:00:17.0-ata-3"
    ),
    "/devices/pci0000:00/0000:00:04.0/virtio1/block/vda": "pci-0000:00:04.0",
    "/devices/virtual/block/loop3": "",
    "/devices/nowhere/block/xda": "",
}


@pytest.mark.parametrize(("topology", "port"), PATHS.items())
def test_ports_have_the_names_that_udev_gives_them(topology: str, port: str) -> None:
    """Without udev the path in sysfs says the same."""
    assert derive_port(topology) == port


@pytest.mark.parametrize(
    ("pattern", "is_match"),
    [
        ("pci-0000:00:14.0-usb-0:1.3:1.0-scsi-0:0:0:2", True),
        ("pci-0000:00:14.0-usb-0:1.3", True),
        ("usb-0:1.3", True),
        ("usb-0:1.*", True),
        ("usb-0:1.3:1.0-scsi-0:0:0:2", True),
        ("*-usb-0:1.3:*", True),
        ("/devices/pci0000:00/*/1-1.3/*", True),
        ("usb-0:1", False),
        ("usb-0:1.3:1.0-scsi-0:0:0:0", False),
        ("usb-0:1.33", False),
        ("1.3", False),
        ("", False),
    ],
)
def test_ports_are_listed_whole_or_by_their_end(pattern: str, is_match: bool) -> None:
    """A hub's port needs neither the controller in front nor the card slot behind."""
    topology = f"{HUB}/host6/target6:0:0/6:0:0:2/block/sdb"
    assert matches_port(pattern, derive_port(topology), topology) == is_match


def test_disk_in_no_port_matches_no_port() -> None:
    """Even a pattern for everything means ports."""
    assert not matches_port("*", "", "")
