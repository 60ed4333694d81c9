# SPDX-License-Identifier: Apache-2.0
"""Wiping loop devices as a board wipes its disks, and what is never wiped."""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge.api import storage_pb2
from edge.errors import ConfigError, NodeError, TrustError
from edge.meta.enrolment import METADATA_KEY, new_enrolment, proof
from edge.node.api import wipe as wipe_module
from edge.node.api.storage import DiskService
from edge.node.api.wipe import HEAD_BYTES, STEP_BYTES, TAIL_BYTES, Cancelled, check, ranges, wipe
from edge.node.disk import whole_disks
from edge.node.log import LogBook, start_logging
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.pki.key import spki_digest
from edge.units import MIB
from flasher.table import Table, add_partition, read_table, write_table
from tests.fakes.call import CONTEXT
from tests.fakes.loop_port import LoopPort
from tests.fakes.node import FakePlatform, write_disk

Wanted = storage_pb2.BlockDeviceWipeDescriptor
CARD_BYTES = 48 * MIB
LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"


@pytest.fixture(autouse=True)
def _loops_are_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    def every(block: Path) -> list[Path]:
        return [Path("/dev", each.name) for each in block.iterdir()]

    monkeypatch.setattr(wipe_module, "whole_disks", every)


@pytest.fixture
def logs() -> LogBook:
    return start_logging(lambda _text: None)


@pytest.fixture
async def machine(tmp_path: Path, logs: LogBook) -> Machine:
    """A board whose own disk is another one."""
    write_disk(tmp_path / "disk.img", {})
    machine = Machine(FakePlatform(tmp_path), logs)
    await machine.boot()
    return machine


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A disk full of something, with a table of two partitions."""
    path = tmp_path / "card"
    path.write_bytes(b"\xa5" * CARD_BYTES)
    table = Table(kind="gpt", disk_id="8a4f1a52-1c3c-4b39-a3a5-0a9e1d3c5b02", size_bytes=CARD_BYTES)
    for label in ("ONE", "TWO"):
        table = add_partition(table, type=LINUX, size_bytes=16 * MIB, label=label)
    with path.open("r+b") as file:
        write_table(file, table)
    return path


@pytest.fixture
def port(card: Path) -> Iterator[LoopPort]:
    with LoopPort() as port:
        port.put(card)
        yield port


@pytest.fixture
def parted(port: LoopPort) -> str:
    """The name of the disk, once the kernel knows its partitions."""
    _run("partx", "--add", str(port.device))
    assert _is_known(f"{port.name}p2")
    return port.name


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _is_known(name: str) -> bool:
    return Path("/sys/class/block", name).exists()


def _content(card: Path) -> bytes:
    return card.read_bytes()


async def _wipe(machine: Machine, *devices: str, **more: Any) -> None:
    request = storage_pb2.BlockDeviceWipeRequest(
        devices=[Wanted(device=device, **more) for device in devices]
    )
    await DiskService(machine).BlockDeviceWipe(request, CONTEXT)


class _Asked:
    """The context of a call with metadata."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata


async def test_an_enrolled_card_wants_a_proof(machine: Machine, port: LoopPort, card: Path) -> None:
    """In maintenance mode anybody may call, and whoever flashed the card alone may wipe."""
    machine.enrolment = new_enrolment(now=datetime.now(UTC))
    request: Any = storage_pb2.BlockDeviceWipeRequest(devices=[Wanted(device=port.name)])
    service, before = DiskService(machine), _content(card)
    right = proof(machine.enrolment.secret, spki_digest(machine.key))
    for metadata in ((), ((METADATA_KEY, proof(bytes(32), spki_digest(machine.key))),)):
        context: Any = _Asked(*metadata)
        with pytest.raises(TrustError, match="only by whoever flashed its card"):
            await service.BlockDeviceWipe(request, context)
        assert _content(card) == before
    proven: Any = _Asked((METADATA_KEY, right))
    await service.BlockDeviceWipe(request, proven)
    assert _content(card) != before


async def test_signatures_at_both_ends(machine: Machine, port: LoopPort, card: Path) -> None:
    """The table, its copy and everything near them; what is between stays."""
    await _wipe(machine, port.name)
    content = _content(card)
    assert not content[:HEAD_BYTES].strip(b"\0")
    assert not content[-TAIL_BYTES:].strip(b"\0")
    assert content[HEAD_BYTES:-TAIL_BYTES] == b"\xa5" * (CARD_BYTES - HEAD_BYTES - TAIL_BYTES)
    with card.open("rb") as file:
        assert read_table(file) is None


async def test_all_of_it(machine: Machine, port: LoopPort, card: Path) -> None:
    """With the other method; a device may be named by its path."""
    await _wipe(machine, f"/dev/{port.name}", method=Wanted.ZEROES)
    assert not _content(card).strip(b"\0")


async def test_one_partition_of_it(machine: Machine, parted: str, card: Path) -> None:
    """Its neighbours and the table stay."""
    before = _content(card)
    await _wipe(machine, f"{parted}p1", method=Wanted.ZEROES)
    with card.open("rb") as file:
        table = read_table(file)
    assert table
    first, second = table.partitions
    content = _content(card)
    assert not content[first.start_bytes : first.end_bytes].strip(b"\0")
    assert content[second.start_bytes :] == before[second.start_bytes :]


async def test_a_partition_leaves_the_table(machine: Machine, parted: str, card: Path) -> None:
    """And the kernel forgets it, though another one is in use."""
    await _wipe(machine, f"{parted}p1", drop_partition=True)
    with card.open("rb") as file:
        table = read_table(file)
    assert table
    assert [each.label for each in table.partitions] == ["TWO"]
    assert not _is_known(f"{parted}p1")
    assert _is_known(f"{parted}p2")


async def test_a_logical_partition_stays_in_the_table(
    machine: Machine, card: Path, port: LoopPort
) -> None:
    """Its neighbours would be called otherwise, while they are in use perhaps."""
    table = Table(kind="mbr", disk_id="12345678", size_bytes=CARD_BYTES)
    table = add_partition(table, type="0f")
    for _ in range(2):
        table = add_partition(table, type="83", size_bytes=4 * MIB, logical=True)
    with port.device.open("r+b") as file:
        file.write(bytes(MIB))
        write_table(file, table)
    _run("partx", "--add", str(port.device))
    with pytest.raises(NodeError, match="p5 is wiped and stays in the table"):
        await _wipe(machine, f"{port.name}p5", drop_partition=True)
    with port.device.open("rb") as file:
        assert read_table(file) == table


async def test_what_is_mounted_stays(
    machine: Machine, parted: str, card: Path, tmp_path: Path
) -> None:
    """Neither it nor the disk that it is on, whatever checks are to be skipped."""
    _run("mke2fs", "-q", f"/dev/{parted}p2")
    place = tmp_path / "mounted"
    place.mkdir()
    _run("mount", f"/dev/{parted}p2", str(place))
    try:
        for name in (parted, f"{parted}p2"):
            with pytest.raises(NodeError, match=f"{parted}p2 is mounted on {place}"):
                await _wipe(machine, name, skip_volume_check=True, skip_secondary_check=True)
        # The neighbour is no worse off for it.
        with pytest.raises(NodeError, match="is mounted on"):
            await _wipe(machine, f"{parted}p1", f"{parted}p2")
        with card.open("rb") as file:
            file.seek(2 * MIB)
            assert file.read(MIB) == b"\xa5" * MIB
    finally:
        _run("umount", str(place))
    await _wipe(machine, parted)


async def test_what_somebody_holds_stays(machine: Machine, port: LoopPort) -> None:
    """The kernel says so when we could not see it."""
    fd = os.open(port.device, os.O_RDONLY | os.O_EXCL)
    try:
        with pytest.raises(NodeError, match=f"{port.name} cannot be wiped: it is in use"):
            await _wipe(machine, port.name)
    finally:
        os.close(fd)


async def test_what_is_read_only_stays(machine: Machine, port: LoopPort) -> None:
    """As a card whose switch is on."""
    _run("blockdev", "--setro", str(port.device))
    try:
        with pytest.raises(NodeError, match="is read-only"):
            await _wipe(machine, port.name)
    finally:
        _run("blockdev", "--setrw", str(port.device))


async def test_volumes_stay(machine: Machine, port: LoopPort) -> None:
    """Unless that check is skipped."""
    spec = {"location": f"/dev/{port.name}"}
    machine.store.put(kind.VOLUME_STATUS, "u-data", spec, owner="test")
    with pytest.raises(NodeError, match="the volume u-data is on"):
        check(machine, Wanted(device=port.name))
    assert check(machine, Wanted(device=port.name, skip_volume_check=True)).number == 0


async def test_parts_of_something_larger_stay(
    machine: Machine, port: LoopPort, tmp_path: Path
) -> None:
    """Unless that check is skipped; a RAID, say, or a logical volume."""
    block = tmp_path / "block"
    (block / port.name / "holders/md0").mkdir(parents=True)
    with pytest.raises(NodeError, match="is part of md0"):
        check(machine, Wanted(device=port.name), block)
    check(machine, Wanted(device=port.name, skip_secondary_check=True), block)


@pytest.mark.parametrize("name", ["mtdblock0", "dm-0", "loop0", "zram0", "mmcblk0boot0"])
async def test_what_is_no_disk_stays(
    machine: Machine, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as the flash that a board starts from."""
    monkeypatch.setattr(wipe_module, "whole_disks", whole_disks)
    block = tmp_path / "block"
    for each in (name, "sda"):
        (block / each).mkdir(parents=True)
        (block / each / "size").write_text("8192\n")
    with pytest.raises(NodeError, match=f"{name} is no disk"):
        check(machine, Wanted(device=name), block)
    assert check(machine, Wanted(device="sda"), block).disk == "sda"


async def test_nothing_is_wiped_without_a_system_disk(machine: Machine, port: LoopPort) -> None:
    """It may be the one that was named."""
    machine.volumes.disk = None
    with pytest.raises(NodeError, match="system disk was not found"):
        await _wipe(machine, port.name)


async def test_the_system_disk_stays(machine: Machine) -> None:
    """Neither it nor a part of it, whatever is to be skipped."""
    assert machine.volumes.disk
    names = [machine.volumes.disk.path.name]
    names += [
        machine.volumes.disk.device(each).name for each in machine.volumes.disk.table.partitions
    ]
    assert len(names) == 6
    for name in names:
        with pytest.raises(NodeError, match="belongs to the system disk"):
            check(machine, Wanted(device=name, skip_volume_check=True, skip_secondary_check=True))


@pytest.mark.parametrize(
    ("device", "fault", "match"),
    [
        ("", ConfigError, "not the name of a disk"),
        ("../sda", ConfigError, "not the name of a disk"),
        ("/dev/disk/by-id/x", ConfigError, "not the name of a disk"),
        ("..", ConfigError, "not the name of a disk"),
        ("nosuch", NodeError, "there is no disk nosuch"),
    ],
)
async def test_names_of_no_disk(
    machine: Machine, device: str, fault: type[Exception], match: str
) -> None:
    """Nor do names lead out of the folder of devices."""
    with pytest.raises(fault, match=match):
        await _wipe(machine, device)


async def test_a_lab_node_has_no_disks_of_the_host(machine: Machine, port: LoopPort) -> None:
    """Whatever there are."""
    assert isinstance(machine.platform, FakePlatform)
    machine.platform.mode = "container"
    with pytest.raises(NodeError, match="there is no disk"):
        await _wipe(machine, port.name)


async def test_wiping_ends_with_its_caller(
    machine: Machine, port: LoopPort, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two steps."""
    monkeypatch.setattr(wipe_module, "STEP_BYTES", 16 * MIB)
    target = check(machine, Wanted(device=port.name, method=Wanted.ZEROES))
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        wipe(target, lambda: next(answers))
    content = _content(card)
    assert not content[: 16 * MIB].strip(b"\0")
    assert content[16 * MIB : 17 * MIB] == b"\xa5" * MIB


async def test_disks_as_the_older_list_has_them(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what kind of disk it is, and which one is the system's."""
    for name, spec in {
        "mmcblk0": {"transport": "mmc", "wwid": "w", "bus_path": "/b", "size": 7},
        "nvme0n1": {"transport": "nvme", "model": "m", "serial": "s"},
        "sda": {"transport": "usb", "rotational": True},
        "sdb": {"transport": "ata"},
        "vda": {},
    }.items():
        machine.store.put(kind.DISK, name, spec, owner="test")
    system = {"diskID": "mmcblk0", "devPath": "/dev/mmcblk0"}
    machine.store.put(kind.SYSTEM_DISK, "system-disk", system, owner="test")
    answer = await DiskService(machine).Disks(None, CONTEXT)
    disks = {disk.name: disk for disk in answer.messages[0].disks}
    types = {name: storage_pb2.Disk.DiskType.Name(disk.type) for name, disk in disks.items()}
    assert types == {
        "mmcblk0": "SD",
        "nvme0n1": "NVME",
        "sda": "HDD",
        "sdb": "SSD",
        "vda": "UNKNOWN",
    }
    card = disks["mmcblk0"]
    assert (card.wwid, card.bus_path, card.size, card.system_disk) == ("w", "/b", 7, True)
    assert [disk.name for disk in disks.values() if disk.system_disk] == ["mmcblk0"]


@pytest.mark.parametrize("size_bytes", [0, 1, MIB, 9 * MIB, 9 * MIB + 1, 100 * MIB, STEP_BYTES])
@pytest.mark.parametrize("zeroes", [True, False])
def test_what_is_overwritten_is_on_the_disk(size_bytes: int, *, zeroes: bool) -> None:
    """In order, without overlaps, and all of it or both ends."""
    found = list(ranges(size_bytes, zeroes=zeroes))
    end = 0
    for start, length in found:
        assert start >= end
        assert length > 0
        end = start + length
    assert end == size_bytes
    if zeroes:
        assert sum(length for _start, length in found) == size_bytes
