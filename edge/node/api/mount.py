# SPDX-License-Identifier: Apache-2.0
"""What is mounted and how full it is: the calls Mounts and Statfs.

A lab node mounts nothing: its volumes are folders, and are reported where its files show them.
"""

import asyncio
import os
import re
import stat
from pathlib import Path
from typing import Any

import grpc

from edge.api import machine_pb2, machine_pb2_grpc
from edge.node.api.file import tree_for
from edge.node.api.guard import Context, caller_roles
from edge.node.api.tree import Tree
from edge.node.machine import Machine

_MOUNTS = Path("/proc/self/mounts")


class MountCalls:
    """The part of MachineService that lists mounts."""

    machine: Machine

    async def Mounts(self, _request: Any, _context: Context) -> machine_pb2.MountsResponse:
        """List what is mounted on folders, with sizes."""
        stats = await asyncio.to_thread(self._own if self._is_lab() else _mounts)
        return machine_pb2.MountsResponse(messages=[machine_pb2.Mounts(stats=stats)])

    def _is_lab(self) -> bool:
        return self.machine.platform.mode == "container"

    def _own(self) -> list[machine_pb2.MountStat]:
        disk, root = self.machine.volumes.disk, self.machine.platform.root
        found = []
        for label, path in self.machine.volumes.mounted.items():
            partition = disk.partition(label) if disk else None
            source = disk.device(partition).name if disk and partition else label
            target = f"/{path.relative_to(root)}" if path.is_relative_to(root) else f"/{path.name}"
            if measured := _measure(source, path, target):
                found.append(measured)
        return found


class FileSystemService(machine_pb2_grpc.StorageServiceServicer):
    """How full the file system is that a path is on."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def Statfs(
        self, request: machine_pb2.StorageServiceStatfsRequest, context: Context
    ) -> machine_pb2.StorageServiceStatfsResponse:
        """Measure it."""
        tree = tree_for(self._machine, caller_roles.get())
        try:
            usage = await asyncio.to_thread(_usage, tree, request.path)
        except (FileNotFoundError, NotADirectoryError):
            await context.abort(grpc.StatusCode.NOT_FOUND, f"{request.path} does not exist")
        return machine_pb2.StorageServiceStatfsResponse(
            size=usage.f_blocks * usage.f_frsize,
            used=(usage.f_blocks - usage.f_bfree) * usage.f_frsize,
            available=usage.f_bavail * usage.f_frsize,
            inodes=usage.f_files,
            inodes_used=usage.f_files - usage.f_ffree,
            inodes_free=usage.f_ffree,
        )


def _usage(tree: Tree, path: str) -> os.statvfs_result:
    with tree.at(path) as found:
        return os.statvfs(found.fd)


def _mounts() -> list[machine_pb2.MountStat]:
    lines = _MOUNTS.read_text(errors="replace").splitlines()
    return [found for line in lines if (found := _mount(line))]


def _mount(line: str) -> machine_pb2.MountStat | None:
    source, target = (_unescape(field) for field in line.split()[:2])
    return _measure(source, Path(target), target)


def _measure(source: str, path: Path, target: str) -> machine_pb2.MountStat | None:
    try:
        # Files, too, may be mounted on, and have no size of their own.
        if not stat.S_ISDIR(path.stat().st_mode):
            return None
        usage = os.statvfs(path)
    except OSError:
        return None
    return machine_pb2.MountStat(
        filesystem=source,
        size=usage.f_blocks * usage.f_frsize,
        available=usage.f_bavail * usage.f_frsize,
        mounted_on=target,
    )


def _unescape(field: str) -> str:
    """Return a field of the table with its blanks, which are written as octal numbers.

    >>> _unescape("/my\\\\040card")
    '/my card'
    """
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
