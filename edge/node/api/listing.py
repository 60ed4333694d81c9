# SPDX-License-Identifier: Apache-2.0
"""What List and DiskUsage say of files: mode bits as Go numbers them, sizes summed from below."""

import os
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress

from edge.api import machine_pb2
from edge.node.api.tree import Item

_TYPES: dict[int, Callable[[int], bool]] = {
    machine_pb2.ListRequest.REGULAR: stat.S_ISREG,
    machine_pb2.ListRequest.DIRECTORY: stat.S_ISDIR,
    machine_pb2.ListRequest.SYMLINK: stat.S_ISLNK,
}
_GO_BITS = (
    (stat.S_ISDIR, 1 << 31),
    (stat.S_ISLNK, 1 << 27),
    (stat.S_ISBLK, 1 << 26),
    (stat.S_ISCHR, 1 << 26 | 1 << 21),
    (stat.S_ISFIFO, 1 << 25),
    (stat.S_ISSOCK, 1 << 24),
    (lambda mode: mode & stat.S_ISUID, 1 << 23),
    (lambda mode: mode & stat.S_ISGID, 1 << 22),
    (lambda mode: mode & stat.S_ISVTX, 1 << 20),
)
_KCORE = "/proc/kcore"


def go_mode(mode: int) -> int:
    """Return a file mode as Go's `fs.FileMode` has it.

    >>> oct(go_mode(0o100644)), hex(go_mode(0o040755))
    ('0o644', '0x800001ed')
    """
    return mode & 0o777 | sum(bit for test, bit in _GO_BITS if test(mode))


def is_wanted(item: Item, types: Collection[int]) -> bool:
    """Say whether an item is of one of `types`, numbers of `ListRequest.Type`; none is any."""
    return not types or any(_TYPES[each](item.info.st_mode) for each in types if each in _TYPES)


def describe(item: Item, *, xattrs: bool = False) -> machine_pb2.FileInfo:
    """Return what List says of one file."""
    if item.error:
        return machine_pb2.FileInfo(
            name=spell(str(item.path)), relative_name=spell(item.relative), error=item.error
        )
    info = item.info
    return machine_pb2.FileInfo(
        name=spell(str(item.path)),
        relative_name=spell(item.relative),
        size=info.st_size,
        mode=go_mode(info.st_mode),
        modified=int(info.st_mtime),
        is_dir=item.is_folder,
        link=_link(item),
        uid=info.st_uid,
        gid=info.st_gid,
        xattrs=_xattrs(item) if xattrs and not item.closed else (),
    )


def usage(
    items: Iterator[Item], request: machine_pb2.DiskUsageRequest
) -> Iterator[machine_pb2.DiskUsageInfo | None]:
    """Yield the sizes of folders, each after what is in it, and of files when all are wanted.

    Yields None in place of those that are not.
    """
    sums: list[int] = []
    for item in items:
        if item.error:
            yield _size(item, 0)
            continue
        if item.is_folder and not item.leaving:
            sums.append(_bytes(item))
            continue
        size = sums.pop() if item.leaving else _bytes(item)
        if sums:
            sums[-1] += size
        is_wanted = item.is_folder or request.all
        yield _size(item, size) if is_wanted and _is_shown(item, size, request) else None


def spell(name: str) -> str:
    """Return a file name as text for a message, whatever bytes it is of."""
    return os.fsencode(name).decode(errors="replace")


def _is_shown(item: Item, size: int, request: machine_pb2.DiskUsageRequest) -> bool:
    if 0 < request.recursion_depth <= item.depth:
        return False
    if request.threshold < 0:
        return size <= -request.threshold
    return size >= request.threshold


def _bytes(item: Item) -> int:
    # This one is as large as the processor's address space, and nothing on any disk.
    return 0 if str(item.path) == _KCORE else max(item.info.st_size, 0)


def _size(item: Item, size: int) -> machine_pb2.DiskUsageInfo:
    return machine_pb2.DiskUsageInfo(
        name=spell(str(item.path)),
        relative_name=spell(item.relative),
        size=size,
        error=item.error,
    )


def _link(item: Item) -> str:
    if not stat.S_ISLNK(item.info.st_mode):
        return ""
    with suppress(OSError):  # it went away just now
        return spell(os.readlink(item.name, dir_fd=item.fd))
    return ""


def _xattrs(item: Item) -> list[machine_pb2.Xattr]:
    path, follow = item.through(), not item.name
    found = []
    with suppress(OSError):
        for name in os.listxattr(path, follow_symlinks=follow):
            data = os.getxattr(path, name, follow_symlinks=follow)
            found.append(machine_pb2.Xattr(name=spell(name), data=data))
    return found
