# SPDX-License-Identifier: Apache-2.0
"""Partitions of a card that outlive its being flashed again.

What is saved must lie behind the image's last partition, where a node makes its own: then none
of its bytes is ever touched, and all that has to be decided is the new table.
"""

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from edge.units import format_size
from flasher.table import Partition, Table

_ENTRIES = 128


def choose_saved(layout: Table, patterns: tuple[str, ...]) -> Table:
    """Return `layout` with only the partitions whose labels match one of `patterns`."""
    kept = tuple(
        each
        for each in layout.partitions
        if any(fnmatchcase(each.label, pattern) for pattern in split_patterns(patterns))
    )
    return replace(layout, partitions=kept)


def split_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return every pattern by itself; commas separate several in one text."""
    parts = (part.strip() for text in patterns for part in text.split(","))
    return tuple(part for part in parts if part)


def object_to_saving(layout: Table | None, patterns: tuple[str, ...]) -> list[str]:
    """Return why a card with `layout` cannot keep what `patterns` name; nothing when it can."""
    if layout is None:
        return ["has no partition table that can be read, so nothing on it can be saved"]
    if layout.kind != "gpt":
        return ["has an MBR, whose partitions have no labels to be saved by"]
    return [
        f"has no partition labelled {pattern!r} to save"
        for pattern in split_patterns(patterns)
        if not any(fnmatchcase(each.label, pattern) for each in layout.partitions)
    ]


def find_conflicts(saved: Table, image: Table, size_bytes: int) -> list[str]:
    """Return why `saved` partitions cannot stay beside those of `image` on the medium."""
    if image.kind != "gpt":
        return ["cannot keep partitions: the image has an MBR, which has no labels"]
    medium = replace(image, size_bytes=size_bytes)
    found = [text for each in saved.partitions for text in _conflicts(each, medium)]
    if not found and len(image.partitions) + len(saved.partitions) > _ENTRIES:
        found.append(f"has more partitions to save than the table has entries ({_ENTRIES})")
    return found


def add_saved(table: Table, saved: Table) -> Table:
    """Return `table` with the partitions of `saved`, under their old numbers where free."""
    partitions = list(table.partitions)
    for each in saved.partitions:
        used = {other.number for other in partitions}
        free = (number for number in range(1, _ENTRIES + 1) if number not in used)
        number = each.number if each.number not in used else next(free)
        partitions.append(replace(each, number=number))
    return replace(table, partitions=tuple(sorted(partitions, key=lambda one: one.number)))


def _conflicts(each: Partition, medium: Table) -> Iterator[str]:
    name = _name(each)
    for other in medium.partitions:
        theirs = f"partition {_name(other)} of the image"
        if each.start_bytes < other.end_bytes and other.start_bytes < each.end_bytes:
            yield f"cannot keep {name}: it overlaps {theirs}{_extent(other)}"
        elif each.label == other.label:
            yield f"cannot keep {name}: {theirs} has the same label"
        elif each.uuid == other.uuid:
            yield f"cannot keep {name}: {theirs} has the same GUID"
        elif each.start_bytes < other.start_bytes:
            yield f"cannot keep {name}: it lies in front of {theirs}{_extent(other)}"
    first, end = medium.usable
    if each.start_bytes < first:
        yield f"cannot keep {name}: it begins where the partition table is"
    if each.end_bytes > end:
        yield f"cannot keep {name}: it reaches into the backup table at the end of the card"


def _name(each: Partition) -> str:
    return f"{each.label} ({each.number})" if each.label else str(each.number)


def _extent(each: Partition) -> str:
    return f", {format_size(each.start_bytes)} to {format_size(each.end_bytes)}"
