# SPDX-License-Identifier: Apache-2.0
"""Numbers from /proc, on texts as boards and PCs show them."""

import os
from pathlib import Path

import pytest

from edge.node.api import stat

ARM_CPUINFO = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

processor\t: 1
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

Hardware\t: BCM2835
Revision\t: c03114
Serial\t\t: 10000000abcdef01
Model\t\t: Raspberry Pi 4 Model B Rev 1.4
"""
AMD_CPUINFO = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 122
model name\t: Intel(R) Celeron(R) J4005 CPU @ 2.00GHz
stepping\t: 1
microcode\t: 0x40
cpu MHz\t\t: 2641.998
cache size\t: 4096 KB
physical id\t: 0
siblings\t: 2
core id\t\t: 0
cpu cores\t: 2
apicid\t\t: 0
fpu\t\t: yes
flags\t\t: fpu vme de pse
bugs\t\t: spectre_v1
bogomips\t: 3993.60
address sizes\t: 39 bits physical, 48 bits virtual
power management:

"""
MEMINFO = """\
MemTotal:        3884416 kB
MemFree:         2977816 kB
MemAvailable:    3455592 kB
Buffers:           32768 kB
Active(anon):       5096 kB
SReclaimable:      44000 kB
HugePages_Total:       7
DirectMap4k:      100000 kB
NotInTheMessage:       1 kB
"""
STAT = """\
cpu  1000 20 300 40000 500 0 60 0 0 0
cpu0 600 10 200 20000 300 0 50 0 0 0
cpu1 400 10 100 20000 200 0 10 0 0 0
intr 123456 0 11 0
ctxt 654321
btime 1767225600
processes 4321
procs_running 2
procs_blocked 1
softirq 98765 1 2 3
"""
NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0: 1234567    8901    1    2    0     0          0        12   765432    4321    0    0    0     0       0          0
eth0.7:       5       1    0    0    0     0          0         0        6       1    0    0    0     0       0          0
"""  # noqa: E501
DISKSTATS = """\
   7       0 loop0 10 0 20 1 0 0 0 0 0 1 1 0 0 0 0 0 0
   1       0 ram0 0 0 0 0 0 0 0 0 0 0 0
 179       0 mmcblk0 1234 56 78910 1112 131 4 1516 1718 0 1920 2122 23 24 25 26 27 28
 179       1 mmcblk0p1 12 0 34 5 6 0 7 8 0 9 10
   8       0 sda 9 8 7 6 5 4 3 2 1 0 11
"""


def test_arm_processors() -> None:
    """Part and implementer stand where a PC has model and vendor; the trailer is no processor."""
    cpus = stat._cpu_info(ARM_CPUINFO)
    assert [cpu.processor for cpu in cpus] == [0, 1]
    first = cpus[0]
    assert (first.vendor_id, first.model, first.cpu_family) == ("0x41", "0xd08", "8")
    assert first.bogo_mips == 108.0
    assert "crc32" in first.flags


def test_pc_processors() -> None:
    """Every field that the message has."""
    (cpu,) = stat._cpu_info(AMD_CPUINFO)
    assert cpu.model_name == "Intel(R) Celeron(R) J4005 CPU @ 2.00GHz"
    assert (cpu.siblings, cpu.cpu_cores, cpu.core_id) == (2, 2, "0")
    assert cpu.cpu_mhz == pytest.approx(2641.998)
    assert list(cpu.flags) == ["fpu", "vme", "de", "pse"]
    assert list(cpu.bugs) == ["spectre_v1"]
    assert (cpu.apic_id, cpu.fpu, cpu.power_management) == ("0", "yes", "")


def test_memory() -> None:
    """KiB as the kernel says; names lose their signs, unknown lines are passed over."""
    found = stat._meminfo(MEMINFO)
    assert found["memtotal"] == 3884416
    assert found["memavailable"] == 3455592
    assert found["activeanon"] == 5096
    assert found["hugepagestotal"] == 7
    assert "notinthemessage" not in found


def test_processor_times() -> None:
    """Ticks become seconds; the total is not one of the processors."""
    ticks = os.sysconf("SC_CLK_TCK")
    found = stat._system_stat(STAT)
    assert found.cpu_total.user == 1000 / ticks
    assert found.cpu_total.soft_irq == 60 / ticks
    assert [cpu.idle for cpu in found.cpu] == [20000 / ticks] * 2
    assert (found.boot_time, found.context_switches, found.process_created) == (
        1767225600,
        654321,
        4321,
    )
    assert (found.irq_total, found.soft_irq_total) == (123456, 98765)
    assert list(found.irq) == [0, 11, 0]
    assert (found.soft_irq.hi, found.soft_irq.timer, found.soft_irq.net_tx) == (1, 2, 3)
    assert (found.process_running, found.process_blocked) == (2, 1)


def test_network_counters() -> None:
    """A line a link, and their sum."""
    devices = stat._net_devices(NET_DEV)
    assert [device.name for device in devices] == ["lo", "eth0", "eth0.7"]
    assert (devices[1].rx_bytes, devices[1].rx_packets, devices[1].rx_errors) == (1234567, 8901, 1)
    assert (devices[1].tx_bytes, devices[1].tx_packets) == (765432, 4321)
    assert stat._total(devices).rx_bytes == 1234567 + 100 + 5


def test_disk_counters() -> None:
    """Old kernels have fewer columns; disks without a medium are left out."""
    devices = stat._disk_stats(DISKSTATS)
    assert [device.name for device in devices] == ["mmcblk0", "mmcblk0p1", "sda"]
    card = devices[0]
    assert (card.read_completed, card.read_merged, card.read_sectors) == (1234, 56, 78910)
    assert (card.write_completed, card.write_sectors, card.io_time_ms) == (131, 1516, 1920)
    assert card.discard_completed == 23
    assert devices[2].discard_completed == 0


def test_processors_say_how_fast_they_run(tmp_path: Path) -> None:
    """In their order, and nought for one without a driver, as in most virtual machines."""
    names = ("scaling_cur_freq", "cpuinfo_min_freq", "cpuinfo_max_freq")
    for number in (2, 10):
        folder = tmp_path / f"cpu{number}/cpufreq"
        folder.mkdir(parents=True)
        for name, value in zip(names, (900000 + number, 600000, 1500000), strict=True):
            (folder / name).write_text(f"{value}\n")
        (folder / "scaling_governor").write_text("ondemand\n")
    (tmp_path / "cpu3").mkdir()
    (tmp_path / "cpufreq").mkdir()
    speeds = stat._cpu_frequencies(tmp_path)
    assert [each.current_frequency for each in speeds] == [900002, 0, 900010]
    assert (speeds[0].maximum_frequency, speeds[0].governor) == (1500000, "ondemand")
