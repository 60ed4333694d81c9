# SPDX-License-Identifier: Apache-2.0
"""The laws of what is written, zeroed and left alone."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge.units import KIB, MIB
from flasher.map.mapping import GAP_BYTES, Mapping, RangeCheck, settle_mapping
from flasher.ranges import Range, intersect, merge, subtract, total_bytes
from flasher.table import Partition

_SIZE = 40 * MIB
_WHOLE = (Range(0, _SIZE),)

places = st.integers(0, _SIZE // KIB).map(lambda kib: kib * KIB)
ranges = st.builds(
    lambda start, size: Range(start, min(start + size, _SIZE)),
    places,
    st.integers(0, 9000).map(lambda kib: kib * KIB),
)
many = st.lists(ranges, max_size=8)
partitions = st.lists(
    st.builds(
        lambda start, mib: Partition(
            number=1, start_bytes=start, size_bytes=min(mib * MIB, _SIZE - start), type="83"
        ),
        st.integers(1, 39).map(lambda mib: mib * MIB),
        st.integers(1, 20),
    ),
    max_size=3,
)


def _zeros(mapping: Mapping) -> tuple[Range, ...]:
    return subtract(_WHOLE, [*mapping.data, *mapping.unread])


@given(many, many, partitions)
def test_every_byte_has_one_fate(
    found: list[Range], free: list[Range], parts: list[Partition]
) -> None:
    """Data and what is left alone are sorted, disjoint, apart, and on the image."""
    mapping = settle_mapping(_SIZE, found=found, free=free, partitions=parts)
    assert intersect(mapping.data, mapping.unread) == ()
    for some in (mapping.data, mapping.unread):
        assert merge(some) == some
        assert subtract(some, _WHOLE) == ()


@given(many, many, partitions)
def test_nothing_used_is_lost(
    found: list[Range], free: list[Range], parts: list[Partition]
) -> None:
    """What is not zero is data unless a file system leaves it free."""
    mapping = settle_mapping(_SIZE, found=found, free=free, partitions=parts)
    assert intersect(subtract(found, free), _zeros(mapping)) == ()
    assert intersect(subtract(found, free), mapping.unread) == ()
    assert subtract(mapping.unread, free) == ()


@given(many, many, partitions, st.none() | many)
def test_signatures_do_not_survive(
    found: list[Range], free: list[Range], parts: list[Partition], mapped: list[Range] | None
) -> None:
    """The edges of partitions and the loaders' room are written or zero, whatever a map says."""
    known = None if mapped is None else merge(mapped)
    mapping = settle_mapping(_SIZE, found=found, free=free, partitions=parts, mapped=known)
    for each in parts:
        head = Range(each.start_bytes, min(each.start_bytes + MIB, each.end_bytes))
        tail = Range(max(each.start_bytes, each.end_bytes - MIB), each.end_bytes)
        assert intersect(mapping.unread, [head, tail]) == ()
    taken = [Range(each.start_bytes, each.end_bytes) for each in parts]
    assert intersect(mapping.unread, subtract([Range(0, 4 * MIB)], taken)) == ()


@given(many, many, partitions)
def test_data_is_written_in_worthwhile_pieces(
    found: list[Range], free: list[Range], parts: list[Partition]
) -> None:
    """Data is made of whole blocks, and gaps in it are larger than the limit."""
    mapping = settle_mapping(_SIZE, found=found, free=free, partitions=parts)
    assert all(one.start % 4096 == 0 and one.end % 4096 == 0 for one in mapping.data)
    assert all(b.start - a.end > GAP_BYTES for a, b in pairwise(mapping.data))


@given(many, many, partitions, many)
def test_block_map_rules(
    found: list[Range], free: list[Range], parts: list[Partition], listed: list[Range]
) -> None:
    """What a block map does not list is not data of itself; what it lists is kept if used."""
    mapped = merge(listed)
    mapping = settle_mapping(_SIZE, found=found, free=free, partitions=parts, mapped=mapped)
    used = subtract(intersect(found, mapped), free)
    assert subtract(used, mapping.data) == ()
    assert subtract(mapping.unread, [*subtract(_WHOLE, mapped), *free]) == ()


@given(many, many, partitions, many)
def test_what_is_checked_is_read(
    found: list[Range], free: list[Range], parts: list[Partition], listed: list[Range]
) -> None:
    """A range with a checksum is data to its last byte, even where it is free or zero."""
    mapped = merge(listed)
    checks = tuple(RangeCheck(range=one, digest="") for one in mapped)
    mapping = settle_mapping(
        _SIZE, found=found, free=free, partitions=parts, mapped=mapped, checks=checks
    )
    assert subtract(mapped, mapping.data) == ()
    assert mapping.checks == checks


def test_odd_end_of_the_image() -> None:
    """The last block of an image may be a part of one."""
    mapping = settle_mapping(5001, found=[Range(4500, 6000)], free=[], partitions=[])
    assert mapping.data == (Range(4096, 5001),)


def test_small_gap_is_written_along() -> None:
    """A gap of the limit is written along, one block more is not."""
    block = Range(0, 4096)
    near, far = 4096 + GAP_BYTES, 8192 + GAP_BYTES
    for start, ranges in ((near, 1), (far, 2)):
        data = settle_mapping(
            _SIZE, found=[block, Range(start, start + 4096)], free=[], partitions=[]
        ).data
        assert len(data) == ranges
        assert total_bytes(data) == (start + 4096 if ranges == 1 else 8192)
