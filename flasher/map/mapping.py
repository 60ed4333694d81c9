# SPDX-License-Identifier: Apache-2.0
"""What is known about every byte of an image: to be written, zero, or read by nobody.

Left alone is only what a map calls unread, and never where another program might look for
something: the first and the last MiB of each partition, where file systems, RAID and volume
managers keep their signatures, and the loaders' room between the partitions in the first 4 MiB.
What the card had there in its previous life must not come back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.units import KIB, MIB
from flasher.ranges import Range, align, intersect, merge, subtract
from flasher.table import Partition

BLOCK_BYTES = 4096

GAP_BYTES = 256 * KIB
"""Gaps up to this size between data are written along with it.

A gap makes one more write command, and cards differ in how dear that is: the class A1 asks for
500 scattered writes a second, which is 2 ms each. The fastest card in sight writes 90 MiB/s, so
in 2 ms it writes 184 KiB; below that, skipping a gap costs more than filling it, even there.
"""

_SIGNATURES_BYTES = MIB
_LOADERS_BYTES = 4 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeCheck:
    """What a block map says that the bytes of `range` must hash to."""

    range: Range
    digest: str
    """As lower-case hex."""
    algorithm: str = "sha256"
    """Or sha1, in block maps of old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Where an image's data lies; what is neither `data` nor `unread` is zero.

    Both are sorted, disjoint and apart from each other.
    """

    size_bytes: int
    data: tuple[Range, ...]
    """What must be written: whole 4 KiB blocks, but for the image's end."""
    unread: tuple[Range, ...]
    """What may be left as it is on the medium."""
    checks: tuple[RangeCheck, ...] = ()
    """What must hold while `data` is read."""


def settle_mapping(
    size_bytes: int,
    *,
    found: Iterable[Range],
    free: Iterable[Range],
    partitions: Sequence[Partition],
    mapped: tuple[Range, ...] | None = None,
    checks: tuple[RangeCheck, ...] = (),
) -> Mapping:
    """Put together what was learnt about an image of `size_bytes`.

    Args:
        size_bytes: The size when unpacked.
        found: What is not known to be zero.
        free: What no file system in the image uses.
        partitions: Those in the image's table.
        mapped: What its block map lists, if there is one.
        checks: The checksums of that; what they cover is read to its last byte.
    """
    whole = Range(0, size_bytes)
    kept = _kept(size_bytes, partitions)
    idle = subtract(intersect(free, [whole]), kept)
    if mapped is not None:
        idle = merge([*idle, *subtract([whole], [*mapped, *kept])])
    checked = tuple(check.range for check in checks)
    wanted = found if mapped is None else intersect(found, mapped)
    data = merge([*subtract(intersect(wanted, [whole]), idle), *checked])
    data = merge(align(data, BLOCK_BYTES, size_bytes), gap_bytes=GAP_BYTES)
    return Mapping(size_bytes=size_bytes, data=data, unread=subtract(idle, data), checks=checks)


def edges_of(partition: Range) -> tuple[Range, Range]:
    """Return where in a partition its signatures are, which are never left as they are."""
    return (
        Range(partition.start, min(partition.end, partition.start + _SIGNATURES_BYTES)),
        Range(max(partition.start, partition.end - _SIGNATURES_BYTES), partition.end),
    )


def _kept(size_bytes: int, partitions: Sequence[Partition]) -> tuple[Range, ...]:
    """Return what is never left as it is, whatever a map says."""
    taken = [Range(each.start_bytes, each.end_bytes) for each in partitions]
    loaders = subtract([Range(0, min(_LOADERS_BYTES, size_bytes))], taken)
    return merge([*loaders, *(edge for one in taken for edge in edges_of(one))])
