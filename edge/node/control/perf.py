# SPDX-License-Identifier: Apache-2.0
"""How busy the machine is: processors and memory from the kernel's tables."""

from pathlib import Path
from typing import Any

from edge.api.definitions import perf_pb2
from edge.node import kernel_table
from edge.node.control.controller import Controller
from edge.node.resource import kind

PROC = Path("/proc")
_TIMES = [field.json_name for field in perf_pb2.CPUSpec.CpuTotal.DESCRIPTOR.fields]
_COUNTERS = {
    "ctxt": "contextSwitches",
    "processes": "processCreated",
    "procs_running": "processRunning",
    "procs_blocked": "processBlocked",
    "intr": "irqTotal",
    "softirq": "softIrqTotal",
}
_MEMORY = {
    **{each.json_name.lower(): each.json_name for each in perf_pb2.MemorySpec.DESCRIPTOR.fields},
    # Spelled otherwise in the catalogue.
    **{"memtotal": "total", "memavailable": "available", "committedas": "commitTedas"},
}


class PerfController(Controller):
    """Samples the processors and the memory."""

    name = "perf.StatsController"
    outputs = (kind.CPU_STAT, kind.MEMORY_STAT)
    period_s = 30.0

    async def reconcile(self) -> None:
        """Publish one sample."""
        cpu = read_stat((PROC / "stat").read_text())
        self.store.put(kind.CPU_STAT, "latest", cpu, owner=self.name)
        memory = read_meminfo((PROC / "meminfo").read_text())
        self.store.put(kind.MEMORY_STAT, "latest", memory, owner=self.name)


def read_stat(text: str) -> dict[str, Any]:
    """Return processor times in seconds and the counters of /proc/stat."""
    spec: dict[str, Any] = {"cpu": [], "cpuTotal": {}}
    for name, values in kernel_table.read_stat(text):
        if name == "cpu":
            spec["cpuTotal"] = kernel_table.seconds(_TIMES, values)
        elif name.startswith("cpu"):
            spec["cpu"].append(kernel_table.seconds(_TIMES, values))
        elif name in _COUNTERS:
            spec[_COUNTERS[name]] = values[0]
    return spec


def read_meminfo(text: str) -> dict[str, int]:
    """Return /proc/meminfo in KiB, with what is not free."""
    found = kernel_table.read_meminfo(text)
    spec = {_MEMORY[name]: value for name, value in found.items() if name in _MEMORY}
    spec["used"] = spec.get("total", 0) - found.get("memfree", 0)
    return spec
