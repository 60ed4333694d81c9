# SPDX-License-Identifier: Apache-2.0
"""Files of a node."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from edge.api import machine_pb2, machine_pb2_grpc
from edge.client.call import NodeCalls
from edge.client.report import FileEntry, FolderUsage, Room

_KINDS = {"f": "REGULAR", "d": "DIRECTORY", "l": "SYMLINK"}


class FileCalls(NodeCalls):
    """Reads the files that a node lets others read; a large tree takes as long as it takes."""

    async def read(self, path: str) -> AsyncIterator[bytes]:
        """Yield the content of a file."""
        request = machine_pb2.ReadRequest(path=path)
        async for data in self._stream(self._machine.Read, request, timeout_s=None):
            yield data.bytes

    async def copy(
        self, path: str, *, on_fault: Callable[[str], None] | None = None
    ) -> AsyncIterator[bytes]:
        """Yield a file or a whole tree as a compressed tar archive.

        What the node could not read of it goes to `on_fault`; the rest of the archive is good.

        Raises:
            NodeError: when there is no `on_fault`.
        """
        request = machine_pb2.CopyRequest(root_path=path)
        stream = self._stream(self._machine.Copy, request, timeout_s=None, on_fault=on_fault)
        async for data in stream:
            # Nothing would be taken for the end.
            if data.bytes:
                yield data.bytes

    async def list_files(
        self, path: str, *, recurse: bool = False, depth: int = 0, kinds: Sequence[str] = ()
    ) -> AsyncIterator[FileEntry]:
        """Yield `path` and what is in it; `kinds` are of f, d and l, all when there are none.

        A `depth` of nought is no limit.
        """
        request = machine_pb2.ListRequest(
            root=path,
            recurse=recurse,
            recursion_depth=depth,
            types=[_KINDS[kind] for kind in kinds],
        )
        async for info in self._stream(self._machine.List, request, timeout_s=None):
            yield _entry(info)

    async def disk_usage(
        self, paths: Sequence[str], *, depth: int = 0, files: bool = False, threshold: int = 0
    ) -> AsyncIterator[FolderUsage]:
        """Yield what each folder of `paths` takes up, and with `files` each file.

        A positive `threshold` (bytes) hides what is smaller, a negative one what is larger.
        """
        request = machine_pb2.DiskUsageRequest(
            recursion_depth=depth, all=files, threshold=threshold, paths=paths
        )
        async for info in self._stream(self._machine.DiskUsage, request, timeout_s=None):
            yield FolderUsage(
                path=info.name, name=info.relative_name, size_bytes=info.size, error=info.error
            )

    async def room(self, path: str) -> Room:
        """Return how much room the file system that holds `path` has."""
        service = self._stub(machine_pb2_grpc.StorageServiceStub)
        answer = await self._call(
            service.Statfs, machine_pb2.StorageServiceStatfsRequest(path=path)
        )
        return Room(
            path=path,
            size_bytes=answer.size,
            used_bytes=answer.used,
            available_bytes=answer.available,
            inodes=answer.inodes,
            inodes_used=answer.inodes_used,
            inodes_free=answer.inodes_free,
        )


def _entry(info: Any) -> FileEntry:
    return FileEntry(
        name=info.relative_name or info.name,
        path=info.name,
        size_bytes=info.size,
        mode=info.mode,
        modified=datetime.fromtimestamp(info.modified, UTC),
        is_folder=info.is_dir,
        link=info.link,
        user=info.uid,
        group=info.gid,
        error=info.error,
    )
