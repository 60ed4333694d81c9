# SPDX-License-Identifier: Apache-2.0
"""The files that protect disks and list ports: what they mean, and that none is ignored."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import ConfigError
from flasher.device import Device, DeviceKind, Host, Volume, find_devices
from flasher.device.policy import apply_policy, load_policy
from tests.fakes.host import FakeHost

READER = "pci0000:00/0000:00:14.0/usb1/1-1/1-1.3/1-1.3:1.0/host6/target6:0:0/6:0:0:0"
DISK = Device(
    path=Path("/dev/sdb"),
    kind=DeviceKind.DISK,
    size_bytes=1,
    by_id=(Path("/dev/disk/by-id/usb-WD_Elements_25A2_575834-0:0"),),
    vendor="WD",
    model="Elements 25A2",
    serial="0575834",
    cid="035344534333324780a1b2c3d4012300",
    volumes=(Volume(path=Path("/dev/sdb1"), size_bytes=1),),
)


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


@pytest.mark.parametrize(
    "pattern",
    [
        "usb-WD_Elements_*",
        "/dev/disk/by-id/usb-WD*",
        "'0575834'",
        "0575834",
        "wd elements*",
        "Elements 25A2",
        "/dev/sdb",
        "035344534333*",
    ],
)
def test_disk_is_protected_by_any_of_its_names(fake: FakeHost, pattern: str) -> None:
    """A serial that looks like a number is taken as it was written."""
    fake.configure(f"protect:\n  - nothing-else\n  - {pattern}\n")
    found = apply_policy(DISK, load_policy(fake.host)).protection
    assert found.endswith(f"in {fake.config}/flash.yaml:3")


def test_disk_is_protected_by_a_link_to_what_is_on_it(fake: FakeHost, tmp_path: Path) -> None:
    """A label or a UUID names a partition; the disk around it is what must stay."""
    partition, links = tmp_path / "sdb1", tmp_path / "by-label"
    partition.touch()
    links.mkdir()
    (links / "photos").symlink_to(partition)
    fake.configure(f"protect: ['{links}/pho*']\n")
    disk = replace(DISK, volumes=(Volume(path=partition, size_bytes=1),))
    assert apply_policy(disk, load_policy(fake.host)).protection
    assert not apply_policy(DISK, load_policy(fake.host)).protection


@pytest.mark.parametrize("pattern", ["/", "usb-WD", "/dev/sdb1*", "575834", "Elements"])
def test_other_disks_are_not_protected(fake: FakeHost, pattern: str) -> None:
    """A pattern means a whole name."""
    fake.configure(f"protect: ['{pattern}']\n")
    disk = replace(DISK, volumes=())
    assert apply_policy(disk, load_policy(fake.host)).protection == ""


def test_ports_that_are_not_listed_are_wrong(fake: FakeHost) -> None:
    """The files are read as one, drop-ins too; what is no disk in a port is not concerned."""
    fake.disk("sda", READER)
    fake.disk("sdb", READER.replace("1.3", "1.4"))
    fake.disk("loop1", "virtual", loop__backing_file="/srv/card.img")
    fake.configure("ports: [usb-0:1.1]\n")
    fake.configure("ports:\n- usb-0:1.3\n", name="flash.d/jig.yaml")
    loop, good, wrong = find_devices(fake.host)
    assert (good.path.name, good.wrong_port, loop.wrong_port) == ("sda", "", "")
    files = f"{fake.config}/flash.d/jig.yaml or {fake.config}/flash.yaml"
    port = "pci-0000:00:14.0-usb-0:1.4:1.0-scsi-0:0:0:0"
    assert wrong.wrong_port == f"{port}, not listed in {files}"


def test_disk_without_a_port_is_in_none_of_the_list(fake: FakeHost) -> None:
    """What cannot be placed is not trusted."""
    fake.disk("sda", "strange")
    fake.configure("ports: [usb-0:1.1]\n")
    (disk,) = find_devices(fake.host)
    assert disk.wrong_port.startswith("an unknown one, not listed")


def test_no_files_mean_no_rules(fake: FakeHost) -> None:
    """Neither an absent nor an empty file says anything."""
    assert load_policy(fake.host).ports == ()
    fake.configure("# nothing yet\n")
    fake.configure("protect: [x]\n", name="flash.d/notes.txt")
    fake.configure("protect: [x]\n", name="flash.d/.hidden.yaml")
    assert load_policy(fake.host).protect == ()


def test_every_fault_of_every_file_is_told(fake: FakeHost) -> None:
    """Nobody corrects one line to be shown the next, and nothing half-right is used."""
    main = fake.configure("protect: usb-*\nport: [a]\nports: []\n")
    jig = fake.configure("ports:\n  - {a: b}\n  - true\n  - ''\n---\na: b\n", name="flash.d/a.yaml")
    broken = fake.configure("protect: [", name="flash.d/b.yaml")
    listed = fake.configure("- a\n", name="flash.d/c.yaml")
    with pytest.raises(ConfigError) as caught:
        load_policy(fake.host)
    assert caught.value.faults[:-2] == (
        f"{main}:1: protect must be a list with at least one pattern",
        f"{main}:2: unknown key 'port'; known: protect, ports",
        f"{main}:3: ports must be a list with at least one pattern",
        f"{jig}:6: a second document; one is all there can be",
        f"{jig}:2: ports[0] must be a text",
        f"{jig}:3: ports[1] must be a text",
        f"{jig}:4: ports[2] must be a text",
    )
    assert caught.value.faults[-2].startswith(f"{broken}:")
    assert caught.value.faults[-1] == f"{listed}:1: must be a mapping with protect and ports"


def test_file_that_leads_nowhere_is_a_fault(fake: FakeHost) -> None:
    """Configuration on a volume that is not mounted must not be missed in silence."""
    fake.config.mkdir(parents=True)
    (fake.config / "flash.yaml").symlink_to(fake.config / "elsewhere.yaml")
    with pytest.raises(ConfigError) as caught:
        find_devices(fake.host)
    assert "leads to nothing" in caught.value.faults[0]


def test_folder_instead_of_a_file_is_a_fault(fake: FakeHost) -> None:
    """What is there and cannot be read is an error, never ignored."""
    (fake.config / "flash.yaml").mkdir(parents=True)
    with pytest.raises(ConfigError) as caught:
        load_policy(fake.host)
    assert "cannot be read: Is a directory" in caught.value.faults[0]


def test_operator_has_a_file_of_his_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is where the other files of edgectl are."""
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path))
    (tmp_path / "flash.yaml").write_text("protect: [mine]\n")
    assert [rule.pattern for rule in load_policy(Host()).protect][-1] == "mine"


def test_sudo_keeps_the_operators_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disks that I protect are protected as well when I become root for a moment."""
    from edge.paths import config_dir

    monkeypatch.delenv("EDGECTL_HOME", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/root/elsewhere")
    monkeypatch.setenv("SUDO_UID", "0")
    assert config_dir() == Path("/root/.config/edgectl")
    monkeypatch.setenv("SUDO_UID", "4294967000")
    assert config_dir() == Path("/root/elsewhere/edgectl")
