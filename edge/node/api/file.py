# SPDX-License-Identifier: Apache-2.0
"""Calls that read files of the node.

A lab node has no files of its own: the host's are not its administrator's to read.
"""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import PurePosixPath

import grpc

from edge.api import common_pb2, machine_pb2
from edge.errors import ConfigError, NodeError
from edge.node.api.guard import Context
from edge.node.machine import Machine

CHUNK_BYTES = 64 * 1024
BOOT_ID = PurePosixPath("/proc/sys/kernel/random/boot_id")


class FileCalls:
    """The part of MachineService that reads files."""

    machine: Machine

    async def Read(
        self, request: machine_pb2.ReadRequest, context: Context
    ) -> AsyncIterator[common_pb2.Data]:
        """Stream a regular file."""
        path = PurePosixPath(request.path)
        if not path.is_absolute():
            raise ConfigError(f"path {request.path!r} is not absolute")
        if path == BOOT_ID:
            # Clients read it before and after a restart to see that there was one.
            yield common_pb2.Data(bytes=f"{self.machine.platform.boot_id()}\n".encode())
            return
        if self.machine.platform.mode == "container":
            raise NodeError("a lab node has no files of its own")
        try:
            file = await asyncio.to_thread(_open, path)
        except FileNotFoundError:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"{path} does not exist")
        try:
            while data := await asyncio.to_thread(os.read, file, CHUNK_BYTES):
                yield common_pb2.Data(bytes=data)
        except BlockingIOError:
            # Nothing more for now, as from /proc/kmsg.
            return
        finally:
            os.close(file)


def _open(path: PurePosixPath) -> int:
    # Never waiting: a pipe without a writer would hold the call for ever.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ConfigError(f"{path} is not a regular file")
    return file
