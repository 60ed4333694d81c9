# SPDX-License-Identifier: Apache-2.0
"""The Processes call, from /proc.

A lab node lists the processes that it consists of; the machine's others are not its.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.api import machine_pb2
from edge.node.api.guard import Context
from edge.node.api.listing import spell
from edge.node.kernel_table import TICKS
from edge.node.machine import Machine

_PROC = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_ARGUMENTS_BYTES = 4096
"""Enough to tell processes apart; all of them come in one message."""


class ProcessCalls:
    """The part of MachineService that lists processes."""

    machine: Machine

    async def Processes(self, _request: Any, _context: Context) -> machine_pb2.ProcessesResponse:
        """List the processes."""
        own = self.machine.platform.mode == "container"
        group = os.getpgrp()
        wanted = (lambda fields: int(fields[2]) == group) if own else _any
        listed = machine_pb2.Process(processes=await asyncio.to_thread(_processes, wanted))
        return machine_pb2.ProcessesResponse(messages=[listed])


def _any(_fields: list[str]) -> bool:
    return True


def _processes(
    wanted: Callable[[list[str]], bool] = _any, proc: Path = _PROC
) -> list[machine_pb2.ProcessInfo]:
    found = [info for entry in proc.iterdir() if (info := _process(entry, wanted))]
    return sorted(found, key=lambda info: info.pid)


def _process(entry: Path, wanted: Callable[[list[str]], bool]) -> machine_pb2.ProcessInfo | None:
    if not entry.name.isdigit():
        return None
    try:
        text = (entry / "stat").read_text(errors="replace")
        with (entry / "cmdline").open("rb") as file:
            arguments = file.read(_ARGUMENTS_BYTES).replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return None
    # The command is in parentheses and may itself hold spaces and parentheses.
    command = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    if not wanted(fields):
        return None
    return machine_pb2.ProcessInfo(
        pid=int(entry.name),
        ppid=int(fields[1]),
        state=fields[0],
        threads=int(fields[17]),
        cpu_time=(int(fields[11]) + int(fields[12])) / TICKS,
        virtual_memory=int(fields[20]),
        resident_memory=int(fields[21]) * _PAGE_BYTES,
        command=command,
        executable=_executable(entry),
        args=arguments.strip(),
        label=_label(entry),
    )


def _executable(entry: Path) -> str:
    # Threads of the kernel have none.
    with suppress(OSError):
        return spell(str((entry / "exe").readlink()))
    return ""


def _label(entry: Path) -> str:
    # Kernels without a security module have no such file, or one that cannot be read.
    with suppress(OSError):
        return (entry / "attr/current").read_text(errors="replace").strip("\0\n ")
    return ""
