# SPDX-License-Identifier: Apache-2.0
"""How busy the machine is: processors and memory from the kernel's tables."""

import os
from pathlib import Path
from typing import Any

from edge.api.definitions import perf_pb2
from edge.node.control.controller import Controller
from edge.node.resource import kind

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_TIMES = [field.json_name for field in perf_pb2.CPUSpec.CpuTotal.DESCRIPTOR.fields]
_COUNTERS = {
    "ctxt": "contextSwitches",
    "processes": "processCreated",
    "procs_running": "processRunning",
    "procs_blocked": "processBlocked",
    "intr": "irqTotal",
    "softirq": "softIrqTotal",
}
# Fields of /proc/meminfo that are spelled otherwise in the catalogue.
_RENAMED = {"MemTotal": "total", "MemAvailable": "available", "Committed_AS": "commitTedas"}
_MEMORY = {
    field.json_name.lower(): field.json_name for field in perf_pb2.MemorySpec.DESCRIPTOR.fields
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
    for line in text.splitlines():
        name, *values = line.split()
        if name == "cpu":
            spec["cpuTotal"] = _times(values)
        elif name.startswith("cpu"):
            spec["cpu"].append(_times(values))
        elif name in _COUNTERS:
            spec[_COUNTERS[name]] = int(values[0])
    return spec


def read_meminfo(text: str) -> dict[str, int]:
    """Return /proc/meminfo in KiB, with what is not free."""
    spec: dict[str, int] = {}
    free = 0
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        free = int(rest.split()[0]) if name == "MemFree" else free
        plain = name.replace("(", "").replace(")", "").replace("_", "").lower()
        if key := _RENAMED.get(name) or _MEMORY.get(plain):
            spec[key] = int(rest.split()[0])
    spec["used"] = spec.get("total", 0) - free
    return spec


def _times(values: list[str]) -> dict[str, float]:
    pairs = zip(_TIMES, values, strict=False)
    return {name: int(value) / _TICKS for name, value in pairs}
