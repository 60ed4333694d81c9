# SPDX-License-Identifier: Apache-2.0
"""The smallest FAT16 file system: boot sector, two tables, a root directory, empty clusters."""

from edge.units import MIB

TABLE_AT = 512
_CLUSTER = 2048
_ROOT_ENTRIES = 512


def make_fat16(size_bytes: int = 16 * MIB, *, used: int = 0) -> bytearray:
    """Return a clean one of `size_bytes`; its first `used` clusters are taken and full of 0x55."""
    sectors = size_bytes // 512
    table = -(-(sectors // (_CLUSTER // 512) + 2) * 2 // 512)
    disk = bytearray(size_bytes)
    boot = (
        (0, b"\xeb\x3c\x90"),
        (11, (512).to_bytes(2, "little")),
        (13, bytes([_CLUSTER // 512])),
        (14, (1).to_bytes(2, "little")),
        (16, b"\x02"),
        (17, _ROOT_ENTRIES.to_bytes(2, "little")),
        (21, b"\xf8"),
        (22, table.to_bytes(2, "little")),
        (32, sectors.to_bytes(4, "little")),
        (510, b"\x55\xaa"),
    )
    for at, data in boot:
        disk[at : at + len(data)] = data
    entries = b"\xf8\xff\xff\xff" + b"\xff\xff" * used
    for copy in range(2):
        at = TABLE_AT + copy * table * 512
        disk[at : at + len(entries)] = entries
    clusters_at = TABLE_AT + 2 * table * 512 + _ROOT_ENTRIES * 32
    disk[clusters_at : clusters_at + used * _CLUSTER] = b"\x55" * used * _CLUSTER
    return disk
