# SPDX-License-Identifier: Apache-2.0
"""Figures of a node: processor, memory, load."""

import asyncio
from typing import Any

from google.protobuf.empty_pb2 import Empty

from edge.client.call import NodeCalls
from edge.client.model import Usage


class StatCalls(NodeCalls):
    """How busy the node is."""

    async def usage(self) -> Usage:
        """Return processor, memory and load now."""
        memory, stat, load = await asyncio.gather(
            self._call(self._machine.Memory, Empty()),
            self._call(self._machine.SystemStat, Empty()),
            self._call(self._machine.LoadAvg, Empty()),
        )
        return _usage(memory.messages[0].meminfo, stat.messages[0], load.messages[0])


def _usage(memory: Any, stat: Any, load: Any) -> Usage:
    cpu = stat.cpu_total
    idle = cpu.idle + cpu.iowait
    busy = cpu.user + cpu.nice + cpu.system + cpu.irq + cpu.soft_irq + cpu.steal
    return Usage(
        cpu_busy=busy,
        cpu_total=busy + idle,
        cpu_count=len(stat.cpu),
        memory_total_bytes=memory.memtotal * 1024,
        memory_available_bytes=memory.memavailable * 1024,
        load=(load.load1, load.load5, load.load15),
        boot_time=float(stat.boot_time),
    )
