# SPDX-License-Identifier: Apache-2.0
"""META on a file standing in for a partition, power cuts included."""

import contextlib
import os
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ImageError
from edge.meta import adv
from edge.meta.partition import MetaPartition

OFFSET = 4096


@pytest.fixture
def meta(tmp_path: Path) -> MetaPartition:
    path = tmp_path / "disk"
    path.write_bytes(bytes(1 << 20))
    return MetaPartition(path, OFFSET)


def test_blank(meta: MetaPartition) -> None:
    """A fresh partition holds nothing."""
    assert meta.read() == {}


def test_set_delete_write(meta: MetaPartition) -> None:
    """Values are set, removed and replaced; nothing outside the store is touched."""
    meta.set(1, b"one")
    meta.set(2, b"two")
    assert meta.delete(1)
    assert not meta.delete(1)
    assert meta.read() == {2: b"two"}
    meta.write({3: b"three"})
    data = meta.path.read_bytes()
    assert data[:OFFSET] == bytes(OFFSET)
    assert data[OFFSET : OFFSET + adv.STORE_BYTES] == adv.render_store({3: b"three"})
    assert not any(data[OFFSET + adv.STORE_BYTES :])


def test_short_file(tmp_path: Path) -> None:
    """A partition that is too small is named."""
    path = tmp_path / "short"
    path.write_bytes(bytes(1000))
    with pytest.raises(ImageError, match="1000 bytes, 524288 expected"):
        MetaPartition(path).read()


def test_missing_file(tmp_path: Path) -> None:
    """A missing device is named with the cause."""
    with pytest.raises(ImageError, match="nowhere: No such file"):
        MetaPartition(tmp_path / "nowhere").set(1, b"")


@pytest.mark.parametrize("copy", [0, 1])
@given(cut=st.integers(0, adv.BLOCK_BYTES))
@settings(max_examples=25)
def test_torn_write_of_either_copy(
    tmp_path_factory: pytest.TempPathFactory, copy: int, cut: int
) -> None:
    """After a write cut anywhere in either copy the store holds the old or the new values."""
    old, new = adv.render({1: b"old"}), adv.render({1: b"new", 2: b"more"})
    torn = new[:cut] + old[cut:]
    path = tmp_path_factory.mktemp("meta") / "disk"
    path.write_bytes(torn + old if copy == 0 else new + torn)
    assert MetaPartition(path).read() in ({1: b"old"}, {1: b"new", 2: b"more"})


class PowerCutError(Exception):
    """The power went."""


@pytest.fixture
def power(monkeypatch: pytest.MonkeyPatch) -> "Power":
    return Power(monkeypatch)


class Power:
    """Cuts the power in the middle of the n-th block write."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.writes_left: int | None = None
        monkeypatch.setattr(os, "pwrite", self._pwrite)
        self._real = _real_pwrite

    def _pwrite(self, file: int, data: bytes, at: int) -> int:
        if self.writes_left is None:
            return self._real(file, data, at)
        self.writes_left -= 1
        if self.writes_left < 0:
            # Half of the block, and rubbish in the sector that was being written.
            self._real(file, b"\xaa" * 512 + data[512 : len(data) // 2], at)
            raise PowerCutError
        return self._real(file, data, at)


_real_pwrite = os.pwrite


@pytest.mark.parametrize(("first", "second"), list(product(range(3), range(4))))
def test_two_cuts_in_a_row(meta: MetaPartition, power: Power, first: int, second: int) -> None:
    """Two changes that are both cut off still leave one whole set of values."""
    meta.write({1: b"a"})
    for value, writes in ((b"b", first), (b"c", second)):
        power.writes_left = writes
        with contextlib.suppress(PowerCutError):
            meta.set(1, value)
        power.writes_left = None
        assert meta.read()[1] in (b"a", b"b", b"c")
    meta.set(1, b"d")
    assert meta.read() == {1: b"d"}
