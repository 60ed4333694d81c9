# SPDX-License-Identifier: Apache-2.0
"""Calls about files of the node: read, list, copy, and how much room they take.

A board's tree is `/`. A lab node's is its own folder: the host's files are not its
administrator's to read. Neither hands out what would make somebody else the node: its key.
"""

import os
from collections.abc import AsyncIterator, Collection, Generator
from contextlib import aclosing, asynccontextmanager
from pathlib import PurePosixPath
from typing import TypeVar

import grpc

from edge.api import common_pb2, machine_pb2
from edge.errors import EdgeError, NodeError
from edge.node.api.archive import CHUNK_BYTES, Archive
from edge.node.api.guard import Context, caller_roles
from edge.node.api.listing import describe, is_wanted, usage
from edge.node.api.pump import BATCH, UNREAD_S, BusyError, UnreadError, stream
from edge.node.api.tree import ALL, Tree
from edge.node.lab import DISK
from edge.node.machine import Machine
from edge.pki.role import Role

T = TypeVar("T")
BOOT_ID = PurePosixPath("/proc/sys/kernel/random/boot_id")
_NOBODYS = {
    "metal": ("/proc/kcore", "/dev/mem", "/dev/kmem", "/dev/port"),
    # The META partition is in it, and the node's key in that.
    "container": (f"/{DISK}",),
}
_ADMINISTRATORS = {"metal": ("/system/state", "/system/secrets"), "container": ("/state",)}


def tree_for(machine: Machine, roles: Collection[Role]) -> Tree:
    """Return the node's files as somebody with `roles` may see them."""
    mode = machine.platform.mode
    closed = _NOBODYS[mode] if Role.ADMIN in roles else _NOBODYS[mode] + _ADMINISTRATORS[mode]
    return Tree(machine.platform.root, [PurePosixPath(each) for each in closed])


class FileCalls:
    """The part of MachineService that is about files."""

    machine: Machine

    async def Read(
        self, request: machine_pb2.ReadRequest, context: Context
    ) -> AsyncIterator[common_pb2.Data]:
        """Stream a regular file."""
        if PurePosixPath(request.path) == BOOT_ID:
            # Clients read it before and after a restart to see that there was one.
            yield common_pb2.Data(bytes=f"{self.machine.platform.boot_id()}\n".encode())
            return
        source = _contents(self._tree(), request.path)
        async with _reading(source, context, request.path, batch=1) as pieces:
            async for data in pieces:
                yield common_pb2.Data(bytes=data)

    async def Copy(
        self, request: machine_pb2.CopyRequest, context: Context
    ) -> AsyncIterator[common_pb2.Data]:
        """Stream a file or tree as a gzipped tar, at the end what could not be read of it."""
        archive = Archive(self._tree(), request.root_path)
        async with _reading(archive.pieces(), context, request.root_path, batch=1) as pieces:
            async for data in pieces:
                yield common_pb2.Data(bytes=data)
        if archive.faults:
            fault = common_pb2.Metadata(error="; ".join(archive.faults))
            yield common_pb2.Data(metadata=fault)

    async def List(
        self, request: machine_pb2.ListRequest, context: Context
    ) -> AsyncIterator[machine_pb2.FileInfo]:
        """Stream what is in a folder."""
        async with _reading(_listed(self._tree(), request), context, request.root) as listed:
            async for info in listed:
                yield info

    async def DiskUsage(
        self, request: machine_pb2.DiskUsageRequest, context: Context
    ) -> AsyncIterator[machine_pb2.DiskUsageInfo]:
        """Stream the sizes of folders; a path that is not there is an entry with an error."""
        async with _reading(_used(self._tree(), request), context, "") as sizes:
            async for info in sizes:
                yield info

    def _tree(self) -> Tree:
        return tree_for(self.machine, caller_roles.get())


@asynccontextmanager
async def _reading(
    source: Generator[T | None], context: Context, path: str, *, batch: int = BATCH
) -> AsyncIterator[AsyncIterator[T]]:
    """Run `source` as a stream; what its files say goes to the caller as a status."""
    caller = context.peer().rpartition(":")[0]
    try:
        async with aclosing(stream(source, batch=batch, caller=caller)) as pieces:
            yield pieces
    except BusyError:
        said = "this node is streaming as many files as it can; ask again later"
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, said)
    except UnreadError:
        said = f"nobody read what there is of {path} for {UNREAD_S:.0f} s"
        await context.abort(grpc.StatusCode.ABORTED, said)
    except (FileNotFoundError, NotADirectoryError):
        await context.abort(grpc.StatusCode.NOT_FOUND, f"{path} does not exist")
    except OSError as error:
        raise NodeError(f"{path} cannot be read: {error.strerror or error}") from error


def _contents(tree: Tree, path: str) -> Generator[bytes | None]:
    with tree.at(path) as found:
        file = tree.open(found)
    with os.fdopen(file, "rb", buffering=0) as contents:
        # Nothing, not the end, is what comes when there is no more for now, as from /proc/kmsg.
        while data := contents.read(CHUNK_BYTES):
            yield data


def _listed(tree: Tree, request: machine_pb2.ListRequest) -> Generator[machine_pb2.FileInfo | None]:
    limit = request.recursion_depth if request.recursion_depth > 0 else ALL
    depth = limit if request.recurse else 1
    with tree.at(request.root or "/") as found:
        for item in tree.walk(found, depth=depth):
            shown = not item.leaving and (item.error or is_wanted(item, request.types))
            yield describe(item, xattrs=request.report_xattrs) if shown else None


def _used(
    tree: Tree, request: machine_pb2.DiskUsageRequest
) -> Generator[machine_pb2.DiskUsageInfo | None]:
    for path in request.paths or ["/"]:
        rooted = path if path.startswith("/") else f"/{path}"
        try:
            with tree.at(rooted) as found:
                yield from usage(tree.walk(found), request)
        except (OSError, EdgeError) as error:
            reason = error.message if isinstance(error, EdgeError) else error.strerror or str(error)
            yield machine_pb2.DiskUsageInfo(name=rooted, relative_name=rooted, error=reason)
