# SPDX-License-Identifier: Apache-2.0
"""Partition tables: our own laws, and what sgdisk and sfdisk think of what we write."""

import json
import shutil
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ImageError
from edge.units import GIB, MIB
from flasher.table import (
    Partition,
    Table,
    add_partition,
    find_resized,
    grow_last,
    grow_partition,
    read_table,
    relocate_table,
    stable_guid,
    write_table,
)
from flasher.table.gpt import EFI_SYSTEM, LINUX_DATA
from flasher.table.mbr import EXTENDED_LBA, FAT32_LBA, LINUX, NON_FILESYSTEM

LABELS = st.text(
    st.characters(codec="utf-16-le", exclude_characters="\0", exclude_categories=["Cs"]),
    max_size=18,
)


def empty_gpt(size_bytes: int = 256 * MIB) -> Table:
    return Table(kind="gpt", disk_id=stable_guid("disk"), size_bytes=size_bytes)


def node_gpt(size_bytes: int = 256 * MIB) -> Table:
    table = add_partition(empty_gpt(size_bytes), type=EFI_SYSTEM, size_bytes=64 * MIB, label="EFI")
    table = add_partition(table, type=LINUX_DATA, size_bytes=100 * MIB, label="BOOT")
    return add_partition(table, type=LINUX_DATA, size_bytes=MIB, label="META")


def node_mbr(size_bytes: int = GIB) -> Table:
    table = Table(kind="mbr", disk_id="65646765", size_bytes=size_bytes)
    for kind, size in ((FAT32_LBA, 64 * MIB), (LINUX, 100 * MIB), (NON_FILESYSTEM, MIB)):
        table = add_partition(table, type=kind, size_bytes=size)
    table = add_partition(table, type=EXTENDED_LBA)
    table = add_partition(table, type=LINUX, size_bytes=100 * MIB, logical=True)
    return add_partition(table, type=LINUX, logical=True)


def write_image(path: Path, table: Table) -> Path:
    path.touch()
    with path.open("r+b") as file:
        file.truncate(table.size_bytes)
        write_table(file, table)
    return path


def test_a_gpt_passes_the_checks_of_sgdisk(tmp_path: Path) -> None:
    """The tables we write have no problem that another implementation can find."""
    image = write_image(tmp_path / "disk", node_gpt())
    report = subprocess.run(["sgdisk", "-v", image], capture_output=True, text=True, check=True)
    assert "No problems found" in report.stdout
    assert "non-GPT" not in report.stdout


def test_sfdisk_reads_our_gpt_as_we_do(tmp_path: Path) -> None:
    """Places, sizes, types, labels and identifiers agree with another implementation."""
    table = node_gpt()
    assert sfdisk(write_image(tmp_path / "disk", table))["partitions"] == [
        {
            "node": f"{tmp_path / 'disk'}{each.number}",
            "start": each.start_bytes // 512,
            "size": each.size_bytes // 512,
            "type": each.type.upper(),
            "uuid": each.uuid.upper(),
            "name": each.label,
        }
        for each in table.partitions
    ]


def test_sfdisk_reads_our_mbr_with_logical_partitions(tmp_path: Path) -> None:
    """The chain of extended boot records leads another implementation to the same places."""
    table = node_mbr()
    seen = sfdisk(write_image(tmp_path / "disk", table))
    assert seen["id"] == "0x65646765"
    assert [
        (each["start"], each["size"], int(each["type"], 16)) for each in seen["partitions"]
    ] == [
        (each.start_bytes // 512, each.size_bytes // 512, int(each.type, 16))
        for each in table.partitions
    ]


def test_we_read_an_mbr_that_sfdisk_wrote(tmp_path: Path) -> None:
    """Logical partitions of another implementation are found where it put them."""
    image = tmp_path / "disk"
    image.touch()
    with image.open("r+b") as file:
        file.truncate(256 * MIB)
    script = "label: dos\n,16M,c\n,,Ex\n,32M,L\n,32M,L\n,,L\n"
    subprocess.run(["sfdisk", "-q", image], input=script, text=True, check=True)
    with image.open("rb") as file:
        table = read_table(file)
    assert table is not None
    assert [(each.number, each.start_bytes // 512) for each in table.partitions] == [
        (int(str(each["node"]).removeprefix(str(image))), each["start"])
        for each in sfdisk(image)["partitions"]
    ]


def sfdisk(image: Path) -> dict[str, Any]:
    out = subprocess.run(["sfdisk", "-J", image], capture_output=True, check=True).stdout
    table: dict[str, Any] = json.loads(out)["partitiontable"]
    return table


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40 * MIB), LABELS), max_size=6))
def test_a_gpt_comes_back_as_it_was_written(wanted: list[tuple[int, str]]) -> None:
    """Reading is the inverse of writing, whatever the sizes and labels."""
    table = empty_gpt()
    for size_bytes, label in wanted:
        table = add_partition(table, type=LINUX_DATA, size_bytes=size_bytes, label=label)
    assert read_table(written(table)) == table


@settings(deadline=None)
@given(st.lists(st.integers(1, 40 * MIB), max_size=8))
def test_an_mbr_comes_back_as_it_was_written(sizes: list[int]) -> None:
    """Reading is the inverse of writing, for any number of logical partitions."""
    table = Table(kind="mbr", disk_id="0badcafe", size_bytes=GIB)
    table = add_partition(table, type=FAT32_LBA, size_bytes=16 * MIB)
    table = add_partition(table, type=EXTENDED_LBA)
    for size_bytes in sizes:
        table = add_partition(table, type=LINUX, size_bytes=size_bytes, logical=True)
    assert read_table(written(table)) == table


def written(table: Table) -> BytesIO:
    file = SparseBytes(table.size_bytes)
    write_table(file, table)
    return file


class SparseBytes(BytesIO):
    """A large medium that keeps only the pages written to it, so the laws run quickly."""

    PAGE = 4096

    def __init__(self, size_bytes: int) -> None:
        super().__init__()
        self.size_bytes, self.at = size_bytes, 0
        self.pages: dict[int, bytearray] = {}

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (self.size_bytes if whence == 2 else 0)
        return self.at

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size >= 0
        data = bytearray()
        while len(data) < size and self.at < self.size_bytes:
            page, start = divmod(self.at, self.PAGE)
            chunk = self.pages.get(page, bytes(self.PAGE))[start : start + size - len(data)]
            data += chunk
            self.at += len(chunk)
        return bytes(data)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        assert self.at + len(data) <= self.size_bytes
        for byte_at, byte in enumerate(data, start=self.at):
            page, start = divmod(byte_at, self.PAGE)
            self.pages.setdefault(page, bytearray(self.PAGE))[start] = byte
        self.at += len(data)
        return len(data)


def test_a_damaged_first_copy_is_read_from_the_backup() -> None:
    """One flipped bit in the first entry array does not lose the table."""
    table = node_gpt()
    file = written(table)
    file.seek(1024)
    file.write(b"\xff")
    assert read_table(file) == table


def test_a_gpt_behind_a_plain_mbr_is_not_believed() -> None:
    """The backup of an earlier GPT at the end of a medium does not shadow a newer MBR."""
    file = written(node_gpt(GIB))
    mbr = node_mbr()
    write_table(file, mbr)
    assert read_table(file) == mbr


def test_a_blank_or_zeroed_medium_has_no_table() -> None:
    """Neither emptiness nor a wiped first sector counts as a table."""
    file = written(node_gpt())
    file.seek(0)
    file.write(bytes(512))
    assert read_table(file) is None
    assert read_table(BytesIO(b"")) is None


def test_boot_code_survives_a_new_table() -> None:
    """A BIOS loader in the first 440 bytes is left alone."""
    file = written(node_gpt())
    file.seek(0)
    file.write(b"\x90" * 440)
    write_table(file, node_gpt())
    file.seek(0)
    assert file.read(440) == b"\x90" * 440


def test_relocating_moves_the_backup_to_the_new_end(tmp_path: Path) -> None:
    """An image written to a larger medium passes sgdisk again once relocated."""
    image = write_image(tmp_path / "disk", node_gpt())
    with image.open("r+b") as file:
        file.truncate(512 * MIB)
        table = read_table(file)
        assert table is not None
        assert table.size_bytes == 256 * MIB
        write_table(file, relocate_table(table, 512 * MIB))
    report = subprocess.run(["sgdisk", "-v", image], capture_output=True, text=True, check=True)
    assert "No problems found" in report.stdout


def test_relocating_to_a_medium_that_is_too_small_is_refused() -> None:
    """A table never ends up pointing beyond its medium."""
    with pytest.raises(ImageError, match="outside a medium"):
        relocate_table(node_gpt(), 128 * MIB)


def test_growing_takes_the_free_space_behind_a_partition() -> None:
    """The last partition reaches the end; one with a neighbour stays as it is."""
    table = relocate_table(node_gpt(), GIB)
    assert grow_partition(table, 3).partitions[2].end_bytes == GIB - MIB
    assert grow_partition(table, 1) == table


def test_growing_an_extended_partition_lets_its_logical_one_follow() -> None:
    """On an MBR the container grows first, then the last logical partition."""
    table = relocate_table(node_mbr(), 2 * GIB)
    table = grow_partition(grow_partition(table, 4), 6)
    assert {each.end_bytes for each in table.partitions[-3:]} >= {2 * GIB}
    assert read_table(written(table)) == table


def test_overlaps_and_full_tables_are_refused() -> None:
    """A table that would destroy data is never written."""
    table = node_gpt()
    moved = replace(table.partitions[1], start_bytes=table.partitions[0].start_bytes)
    with pytest.raises(ImageError, match="overlap"):
        write_table(BytesIO(), replace(table, partitions=(table.partitions[0], moved)))
    with pytest.raises(ImageError, match="no room"):
        add_partition(table, type=LINUX_DATA, size_bytes=GIB)


def test_an_mbr_refuses_what_it_cannot_describe() -> None:
    """Partitions beyond 2 TiB are an error, not a wrapped number."""
    huge = Partition(number=1, start_bytes=MIB, size_bytes=3 * 1024 * GIB, type=LINUX)
    table = Table(kind="mbr", disk_id="1", size_bytes=4 * 1024 * GIB, partitions=(huge,))
    with pytest.raises(ImageError, match="2 TiB"):
        write_table(BytesIO(), table)


def test_a_chain_of_boot_records_that_loops_ends() -> None:
    """A hostile medium cannot keep the reader busy for ever."""
    file = written(node_mbr())
    table = read_table(file)
    assert table is not None
    container = table.partitions[3]
    file.seek(container.start_bytes + 446 + 16 + 8)
    file.write((1).to_bytes(4, "little"))
    assert read_table(file) is not None


def test_the_last_partition_grows_to_the_end() -> None:
    """Only the one that lies last grows; the others stay as they are."""
    grown = grow_last(node_gpt())
    before, after = node_gpt().partitions, grown.partitions
    assert after[:-1] == before[:-1]
    assert after[-1].end_bytes == grown.usable[1] // MIB * MIB


def test_an_empty_table_has_nothing_to_grow() -> None:
    """Growing is not an error where there are no partitions."""
    assert grow_last(empty_gpt()) == empty_gpt()


def test_growing_an_mbr_ends_at_two_tebibytes() -> None:
    """What 32 bits cannot count is left unused."""
    disk = Table(kind="mbr", disk_id="65646765", size_bytes=4 * 1024 * GIB)
    grown = grow_last(add_partition(disk, type=LINUX, size_bytes=GIB))
    assert 0xFFFFFFFF * 512 - MIB < grown.partitions[0].end_bytes <= 0xFFFFFFFF * 512


def test_a_container_grows_with_its_last_logical_partition() -> None:
    """Three sizes change: the container's, the partition's, and that of the link to it."""
    small, file = node_mbr(), written(node_mbr())
    grown = grow_last(relocate_table(small, 2 * GIB))
    edits = list(find_resized(file, grown))
    assert len(edits) == 3
    for place, data in edits:
        file.seek(place)
        file.write(data)
    found = read_table(file)
    assert found is not None
    assert found.partitions == grown.partitions
    assert grown.partitions[-1].end_bytes == 2 * GIB


def test_an_unchanged_mbr_needs_no_edit() -> None:
    """Sizes that stay as they are are not written again."""
    assert list(find_resized(written(node_mbr()), node_mbr())) == []


def test_the_tools_these_tests_compare_with_are_here() -> None:
    """Without sgdisk and sfdisk the comparison above would prove nothing."""
    assert shutil.which("sgdisk")
    assert shutil.which("sfdisk")
