# SPDX-License-Identifier: Apache-2.0
"""Calls that measure: memory, processors, load, network, disks.

Everything is read from /proc; file formats are those of the kernel's proc(5).
"""

import os
from pathlib import Path
from typing import Any

from edge.api import machine_pb2
from edge.node import kernel_table
from edge.node.api.guard import Context
from edge.node.machine import Machine
from edge.node.resource import kind

_PROC = Path("/proc")
_CPUS = Path("/sys/devices/system/cpu")
_VIRTUAL_DISKS = ("loop", "ram", "zram")


class StatCalls:
    """The part of MachineService that reports numbers."""

    machine: Machine

    async def Hostname(self, _request: Any, _context: Context) -> machine_pb2.HostnameResponse:
        """Say the host name."""
        name = self.machine.store.spec(kind.HOSTNAME_STATUS, "hostname").get("hostname", "")
        return machine_pb2.HostnameResponse(messages=[machine_pb2.Hostname(hostname=name)])

    async def Memory(self, _request: Any, _context: Context) -> machine_pb2.MemoryResponse:
        """Report /proc/meminfo, in KiB."""
        info = machine_pb2.MemInfo(**_meminfo((_PROC / "meminfo").read_text()))
        return machine_pb2.MemoryResponse(messages=[machine_pb2.Memory(meminfo=info)])

    async def LoadAvg(self, _request: Any, _context: Context) -> machine_pb2.LoadAvgResponse:
        """Report the load averages."""
        one, five, fifteen = os.getloadavg()
        load = machine_pb2.LoadAvg(load1=one, load5=five, load15=fifteen)
        return machine_pb2.LoadAvgResponse(messages=[load])

    async def SystemStat(self, _request: Any, _context: Context) -> machine_pb2.SystemStatResponse:
        """Report processor times (seconds), boot time and counters."""
        stat = _system_stat((_PROC / "stat").read_text())
        return machine_pb2.SystemStatResponse(messages=[stat])

    async def CPUInfo(self, _request: Any, _context: Context) -> machine_pb2.CPUInfoResponse:
        """Describe the processors."""
        info = machine_pb2.CPUsInfo(cpu_info=_cpu_info((_PROC / "cpuinfo").read_text()))
        return machine_pb2.CPUInfoResponse(messages=[info])

    async def CPUFreqStats(
        self, _request: Any, _context: Context
    ) -> machine_pb2.CPUFreqStatsResponse:
        """Report how fast the processors run, in kHz; nought where they do not say."""
        stats = machine_pb2.CPUsFreqStats(cpu_freq_stats=_cpu_frequencies(_CPUS))
        return machine_pb2.CPUFreqStatsResponse(messages=[stats])

    async def NetworkDeviceStats(
        self, _request: Any, _context: Context
    ) -> machine_pb2.NetworkDeviceStatsResponse:
        """Report the counters of every link."""
        devices = _net_devices((_PROC / "net/dev").read_text())
        if self._is_lab():
            devices = [each for each in devices if each.name == "lo"]
        stats = machine_pb2.NetworkDeviceStats(total=_total(devices), devices=devices)
        return machine_pb2.NetworkDeviceStatsResponse(messages=[stats])

    async def DiskStats(self, _request: Any, _context: Context) -> machine_pb2.DiskStatsResponse:
        """Report the counters of every disk."""
        # A lab node's disk is a file; the machine's are not its.
        devices = [] if self._is_lab() else _disk_stats((_PROC / "diskstats").read_text())
        stats = machine_pb2.DiskStats(total=_total_disk(devices), devices=devices)
        return machine_pb2.DiskStatsResponse(messages=[stats])

    def _is_lab(self) -> bool:
        return self.machine.platform.mode == "container"


def _meminfo(text: str) -> dict[str, int]:
    known = machine_pb2.MemInfo.DESCRIPTOR.fields_by_name
    found = kernel_table.read_meminfo(text)
    return {name: value for name, value in found.items() if name in known}


def _system_stat(text: str) -> machine_pb2.SystemStat:
    stat = machine_pb2.SystemStat()
    counters = {
        "btime": "boot_time",
        "ctxt": "context_switches",
        "processes": "process_created",
        "procs_running": "process_running",
        "procs_blocked": "process_blocked",
    }
    for name, values in kernel_table.read_stat(text):
        if name == "cpu":
            stat.cpu_total.CopyFrom(_cpu_stat(values))
        elif name.startswith("cpu"):
            stat.cpu.append(_cpu_stat(values))
        elif name == "intr":
            stat.irq_total = values[0]
            stat.irq.extend(values[1:])
        elif name == "softirq":
            stat.soft_irq_total = values[0]
            stat.soft_irq.CopyFrom(_soft_irqs(values[1:]))
        elif name in counters:
            setattr(stat, counters[name], values[0])
    return stat


def _cpu_stat(ticks: list[int]) -> machine_pb2.CPUStat:
    names = [field.name for field in machine_pb2.CPUStat.DESCRIPTOR.fields]
    return machine_pb2.CPUStat(**kernel_table.seconds(names, ticks))


def _soft_irqs(values: list[int]) -> machine_pb2.SoftIRQStat:
    names = [field.name for field in machine_pb2.SoftIRQStat.DESCRIPTOR.fields]
    return machine_pb2.SoftIRQStat(**dict(zip(names, values, strict=False)))


_CPU_FIELDS = {
    "processor": ("processor", int),
    "vendor_id": ("vendor_id", str),
    "CPU implementer": ("vendor_id", str),
    "cpu family": ("cpu_family", str),
    "CPU architecture": ("cpu_family", str),
    "model": ("model", str),
    "CPU part": ("model", str),
    "model name": ("model_name", str),
    "stepping": ("stepping", str),
    "CPU revision": ("stepping", str),
    "microcode": ("microcode", str),
    "cpu MHz": ("cpu_mhz", float),
    "cache size": ("cache_size", str),
    "physical id": ("physical_id", str),
    "siblings": ("siblings", int),
    "core id": ("core_id", str),
    "cpu cores": ("cpu_cores", int),
    "apicid": ("apic_id", str),
    "initial apicid": ("initial_apic_id", str),
    "fpu": ("fpu", str),
    "fpu_exception": ("fpu_exception", str),
    "cpuid level": ("cpu_id_level", int),
    "wp": ("wp", str),
    "clflush size": ("cl_flush_size", int),
    "cache_alignment": ("cache_alignment", int),
    "power management": ("power_management", str),
    "bogomips": ("bogo_mips", float),
    "BogoMIPS": ("bogo_mips", float),
    "address sizes": ("address_sizes", str),
}


def _cpu_info(text: str) -> list[machine_pb2.CPUInfo]:
    return [_one_cpu(block) for block in text.split("\n\n") if block.startswith("processor")]


def _one_cpu(block: str) -> machine_pb2.CPUInfo:
    info = machine_pb2.CPUInfo()
    for line in block.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        if name in ("flags", "Features"):
            info.flags.extend(value.split())
        elif name == "bugs":
            info.bugs.extend(value.split())
        elif name in _CPU_FIELDS:
            field, convert = _CPU_FIELDS[name]
            setattr(info, field, convert(value))
    return info


def _cpu_frequencies(folder: Path) -> list[machine_pb2.CPUFreqStats]:
    numbers = sorted(int(path.name[3:]) for path in folder.glob("cpu[0-9]*"))
    return [_cpu_frequency(folder / f"cpu{number}/cpufreq") for number in numbers]


def _cpu_frequency(folder: Path) -> machine_pb2.CPUFreqStats:
    try:
        current, least, most = (
            int((folder / name).read_text())
            for name in ("scaling_cur_freq", "cpuinfo_min_freq", "cpuinfo_max_freq")
        )
        governor = (folder / "scaling_governor").read_text().strip()
    except (OSError, ValueError):
        # No driver, as in most virtual machines, or a processor that is switched off.
        return machine_pb2.CPUFreqStats()
    return machine_pb2.CPUFreqStats(
        current_frequency=current,
        minimum_frequency=least,
        maximum_frequency=most,
        governor=governor,
    )


def _net_devices(text: str) -> list[machine_pb2.NetDev]:
    names = [field.name for field in machine_pb2.NetDev.DESCRIPTOR.fields][1:]
    devices = []
    for line in text.splitlines()[2:]:
        link, _, values = line.partition(":")
        numbers = [int(value) for value in values.split()]
        counters = dict(zip(names, numbers, strict=True))
        devices.append(machine_pb2.NetDev(name=link.strip(), **counters))
    return devices


def _total(devices: list[machine_pb2.NetDev]) -> machine_pb2.NetDev:
    names = [field.name for field in machine_pb2.NetDev.DESCRIPTOR.fields][1:]
    sums = {name: sum(getattr(each, name) for each in devices) for name in names}
    return machine_pb2.NetDev(name="total", **sums)


def _disk_stats(text: str) -> list[machine_pb2.DiskStat]:
    names = [field.name for field in machine_pb2.DiskStat.DESCRIPTOR.fields][1:]
    devices = []
    for line in text.splitlines():
        _major, _minor, name, *values = line.split()
        if not name.startswith(_VIRTUAL_DISKS):
            counters = dict(zip(names, map(int, values), strict=False))
            devices.append(machine_pb2.DiskStat(name=name, **counters))
    return devices


def _total_disk(devices: list[machine_pb2.DiskStat]) -> machine_pb2.DiskStat:
    names = [field.name for field in machine_pb2.DiskStat.DESCRIPTOR.fields][1:]
    whole = [each for each in devices if Path("/sys/block", each.name).exists()]
    sums = {name: sum(getattr(each, name) for each in whole) for name in names}
    return machine_pb2.DiskStat(name="total", **sums)
