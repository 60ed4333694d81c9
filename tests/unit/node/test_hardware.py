# SPDX-License-Identifier: Apache-2.0
"""What the kernel's and the firmware's tables say of the machine, and how busy it is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.node.control.adjtime import go_duration, read_adjtime
from edge.node.control.ethernet import read_link
from edge.node.control.hardware import list_devices, parse_table, read_cores, read_tables
from edge.node.control.perf import read_meminfo, read_stat
from edge.node.control.security import (
    SystemStateController,
    read_built_in,
    read_modules,
    read_security,
)
from edge.node.machine import Machine
from edge.node.resource import kind
from edge.units import parse_duration
from tests.fakes.node import FakePlatform

X86 = """\
processor\t: {number}
vendor_id\t: GenuineIntel
cpu family\t: 6
model name\t: a processor
physical id\t: 0
siblings\t: 4
core id\t\t: {core}
cpu cores\t: 2
flags\t\t: fpu vme
bogomips\t: 3999.93
"""
ARM = """\
processor\t: 1
BogoMIPS\t: 108.00
Features\t: fp asimd
CPU implementer\t: 0x41
CPU part\t: 0xd08
"""


def test_two_threads_are_one_core() -> None:
    """One entry for every core, with its threads."""
    blocks = [X86.format(number=number, core=number % 2) for number in range(4)]
    cores = read_cores("\n".join(blocks))
    assert {name: core["logicalCPUs"] for name, core in cores.items()} == {
        "0-0": [0, 2],
        "0-1": [1, 3],
    }
    assert cores["0-0"]["modelName"] == "a processor"
    assert cores["0-0"]["flags"] == ["fpu", "vme"]


def test_a_board_names_its_cores_otherwise() -> None:
    """Implementer and part stand for vendor and model; trailing lines are no processor."""
    cores = read_cores(f"{ARM}\nRevision\t: c03114\nModel\t\t: Raspberry Pi 4\n")
    assert list(cores) == ["0-1"]
    assert cores["0-1"]["vendorID"] == "0x41"
    assert cores["0-1"]["bogoMips"] == 108.0


def test_devices_on_the_bus(tmp_path: Path) -> None:
    """Class, numbers and driver; a name for the class."""
    device = tmp_path / "0000:01:00.0"
    (tmp_path / "drivers/igc").mkdir(parents=True)
    device.mkdir()
    for name, text in (("class", "0x020000"), ("vendor", "0x8086"), ("device", "0x15f3")):
        (device / name).write_text(f"{text}\n")
    (device / "driver").symlink_to(tmp_path / "drivers/igc")
    found = list_devices(tmp_path)[device.name]
    assert found["class"] == "Network controller"
    assert (found["vendor_id"], found["product_id"]) == ("0x8086", "0x15f3")
    assert found["driver"] == "igc"


def test_a_memory_module_of_the_firmware(tmp_path: Path) -> None:
    """Fixed part and texts; a table that is cut off is left out."""
    fixed = bytearray(40)
    fixed[0:2] = 17, 40
    fixed[12:14] = (8192).to_bytes(2, "little")
    fixed[16], fixed[17], fixed[23] = 1, 2, 3
    data = bytes(fixed) + b"DIMM 0\0BANK 0\0maker\0\0"
    table = parse_table(data)
    assert (table.text(16), table.text(23), table.text(26)) == ("DIMM 0", "maker", "")
    for name, content in (("17-0", data), ("17-1", b"")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "raw").write_bytes(content)
    assert [each.name(16) for each in read_tables(tmp_path)] == ["DIMM-0"]


def test_processor_times_are_seconds() -> None:
    """In total, each, and the counters beside them."""
    stat = read_stat(
        "cpu  200 0 100 5000\ncpu0 200 0 100 5000\nintr 7 1 2\nctxt 8\nprocs_running 1\n"
    )
    assert stat["cpuTotal"]["user"] == 2.0
    assert stat["cpu"][0]["idle"] == 50.0
    assert (stat["irqTotal"], stat["contextSwitches"], stat["processRunning"]) == (7, 8, 1)


def test_memory_is_in_kibibytes() -> None:
    """What is used is what is not free."""
    memory = read_meminfo(
        "MemTotal: 1000 kB\nMemFree: 300 kB\nMemAvailable: 600 kB\nActive(anon): 5 kB\n"
        "Committed_AS: 9 kB\nHugePages_Total: 2\nUnheardOf: 1 kB\n"
    )
    assert memory == {
        "total": 1000,
        "available": 600,
        "activeAnon": 5,
        "commitTedas": 9,
        "hugePagesTotal": 2,
        "used": 700,
    }


def test_modules_loaded_and_built_in() -> None:
    """In the kernel's two lists."""
    loaded = read_modules("igc 180224 0 - Live 0x0\nptp 32768 1 igc, Live 0x0\n")
    assert loaded["ptp"]["dependencies"] == ["igc"]
    assert loaded["igc"] == {
        "size": 180224,
        "referenceCount": 0,
        "dependencies": [],
        "state": "Live",
        "address": "0x0",
    }
    assert list(read_built_in("kernel/fs/ext4/ext4.ko\n")) == ["ext4"]


def test_secure_boot_is_the_byte_after_the_attributes(tmp_path: Path) -> None:
    """No variable is no secure boot."""
    assert not read_security(tmp_path)["secureBoot"]
    name = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    (tmp_path / name).write_bytes(b"\6\0\0\0\1")
    assert read_security(tmp_path)["secureBoot"]


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0s"), (1500, "1.5µs"), (-20_000, "-20µs"), (2 * 10**9, "2s"), (7, "7ns")],
)
def test_times_are_written_as_go_does(nanoseconds: int, text: str) -> None:
    """In one unit, without needless digits."""
    assert go_duration(nanoseconds) == text


def test_the_kernels_clock_can_be_read() -> None:
    """Without being allowed to set it."""
    state = read_adjtime()
    assert 0.9 < state["frequencyAdjustmentRatio"] < 1.1
    assert parse_duration(state["maxError"]) >= 0


async def test_what_the_image_holds_beyond_the_system(
    new_machine: Callable[[], Machine], platform: FakePlatform
) -> None:
    """One entry for each that the image names, and the state of this boot beside them."""
    part = {"name": "tools", "version": "2", "author": "somebody", "image": "tools.squashfs"}
    platform.image.extensions = (part,)
    machine = new_machine()
    await SystemStateController(machine).reconcile()
    (found,) = machine.store.of_kind(kind.EXTENSION_STATUS)
    assert found.id == "tools"
    assert found.spec["image"] == "tools.squashfs"
    assert found.spec["metadata"] == {"name": "tools", "version": "2", "author": "somebody"}
    assert machine.store.get(kind.SECURITY_STATE, "securitystate")


def test_a_link_that_is_plugged_in_or_not(tmp_path: Path) -> None:
    """A driver that does not know the speed says -1, or nothing at all."""
    for name, text in (("carrier", "1"), ("speed", "2500"), ("duplex", "full")):
        (tmp_path / name).write_text(f"{text}\n")
    assert read_link(tmp_path) == {"linkState": True, "speedMbit": 2500, "duplex": "Full"}
    (tmp_path / "speed").write_text("-1\n")
    (tmp_path / "duplex").unlink()
    assert read_link(tmp_path) == {"linkState": True, "speedMbit": 0, "duplex": "Unknown"}
