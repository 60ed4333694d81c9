# SPDX-License-Identifier: Apache-2.0
"""The bad cards themselves: each fault is seen through the disk as it was ordered."""

import mmap
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from tests.fakes.bad_card import Budget, Capacity, Fault
from tests.fakes.card_fs import Card, CardFs
from tests.fakes.image import MIB

BLOCK = 4096


@pytest.fixture
def cards(tmp_path: Path) -> Iterator[CardFs]:
    with CardFs(tmp_path / "fs") as fs:
        yield fs


@pytest.fixture
def card(cards: CardFs) -> Card:
    return cards.insert("a", 16 * MIB)


@contextmanager
def _open(card: Card) -> Iterator[int]:
    fd = os.open(card.device, os.O_RDWR | os.O_DIRECT)
    try:
        yield fd
    finally:
        os.close(fd)


def _write(fd: int, offset: int, data: bytes) -> None:
    buffer = mmap.mmap(-1, len(data))
    buffer.write(data)
    assert os.pwrite(fd, buffer, offset) == len(data)


def _read(fd: int, offset: int, size: int) -> bytes:
    buffer = mmap.mmap(-1, size)
    assert os.preadv(fd, [buffer], offset) == size
    return buffer[:]


def _touch(fd: int, on: str, offset: int, size: int = BLOCK) -> None:
    if on == "read":
        _read(fd, offset, size)
    else:
        _write(fd, offset, b"x" * size)


def test_good_card_keeps_what_it_gets(card: Card) -> None:
    """Without faults it is a disk like any other."""
    data = os.urandom(2 * MIB)
    with _open(card) as fd:
        _write(fd, 3 * MIB, data)
        assert _read(fd, 3 * MIB, len(data)) == data
    assert card.kept.read_bytes()[3 * MIB : 5 * MIB] == data


def test_wrap_around_lands_at_the_start(card: Card) -> None:
    """Also where the real size is no power of two and the write lies across it."""
    card.lie(Capacity(real_bytes=3 * BLOCK))
    with _open(card) as fd:
        _write(fd, 2 * BLOCK, b"1" * BLOCK + b"2" * BLOCK)
        assert _read(fd, 0, BLOCK) == b"2" * BLOCK
        assert _read(fd, 5 * BLOCK, BLOCK) == b"1" * BLOCK


@pytest.mark.parametrize("beyond", ["zeros", "noise", "old"])
def test_dropped_writes_beyond_the_end(cards: CardFs, beyond: str) -> None:
    """What comes back from there is not what was written."""
    card = cards.insert("b", 2 * MIB, fill=b"\xa5")
    card.lie(Capacity(real_bytes=MIB, beyond=beyond))  # type: ignore[arg-type]
    with _open(card) as fd:
        _write(fd, MIB - BLOCK, b"x" * 2 * BLOCK)
        assert _read(fd, MIB - BLOCK, BLOCK) == b"x" * BLOCK
        found = _read(fd, MIB, BLOCK)
    wanted = {"zeros": bytes(BLOCK), "old": b"\xa5" * BLOCK}
    assert found == wanted.get(beyond, found) != b"x" * BLOCK


def test_flips_drops_and_errors_come_as_often_as_ordered(card: Card) -> None:
    """Once is once, and only where it was ordered."""
    card.arm(Fault(kind="flip", on="write", offset=MIB + 5))
    card.arm(Fault(kind="flip", on="read", offset=2 * MIB, times=None))
    card.arm(Fault(kind="drop", offset=3 * MIB))
    with _open(card) as fd:
        for at in (1, 2, 3):
            _write(fd, at * MIB, b"a" * BLOCK)
        assert _read(fd, MIB, BLOCK) == b"aaaaa!" + b"a" * (BLOCK - 6)
        assert _read(fd, 2 * MIB, BLOCK)[:2] == _read(fd, 2 * MIB, BLOCK)[:2] == b"!a"
        assert _read(fd, 3 * MIB, BLOCK) == bytes(BLOCK)
        _write(fd, 3 * MIB, b"a" * BLOCK)
        assert _read(fd, 3 * MIB, BLOCK) == b"a" * BLOCK


@pytest.mark.parametrize("on", ["read", "write"])
def test_input_output_errors(card: Card, on: str) -> None:
    """The host sees EIO, and only for requests that touch the place."""
    card.arm(Fault(kind="fail", on=on, offset=MIB, times=None))  # type: ignore[arg-type]
    with _open(card) as fd:
        _touch(fd, on, 0)
        with pytest.raises(OSError, match=r"\[Errno 5\]"):
            _touch(fd, on, MIB)


def test_stall_lasts_until_released(card: Card) -> None:
    """A stalled write does not return; other places of the card still answer."""
    number = card.arm(Fault(kind="stall", offset=MIB))
    with ThreadPoolExecutor() as pool, _open(card) as fd:
        stalled = pool.submit(_write, fd, MIB, b"x" * BLOCK)
        assert card.hits(number, wait_s=60) == 1
        assert _read(fd, 0, BLOCK) == bytes(BLOCK)
        assert not stalled.done()
        card.release(number)
        stalled.result(timeout=60)


def test_vanished_card_is_gone_for_all(card: Card) -> None:
    """From that request on nothing works any more, and the file is not there."""
    card.arm(Fault(kind="vanish", offset=2 * MIB))
    with _open(card) as fd:
        _write(fd, 0, b"x" * BLOCK)
        with pytest.raises(OSError, match="No such device"):
            _write(fd, 2 * MIB, b"x" * BLOCK)
        with pytest.raises(OSError, match="No such device"):
            _read(fd, 0, BLOCK)
    assert not card.file.exists()


def test_shared_bus_has_one_budget(card: Card) -> None:
    """Eight MiB out at 40 and in at 80 MiB/s take their sum, however they overlap."""
    card.limit(Budget(write_bps=40 * MIB, read_bps=80 * MIB, is_shared=True))
    started = monotonic()
    with ThreadPoolExecutor() as pool, _open(card) as fd:
        jobs = [pool.submit(_write, fd, n * MIB, bytes(MIB)) for n in range(8)]
        jobs += [pool.submit(_touch, fd, "read", 12 * MIB, MIB) for _ in range(8)]
        for job in jobs:
            job.result(timeout=60)
    assert card.busy_s() == {"read": pytest.approx(0.1), "write": pytest.approx(0.2)}
    assert monotonic() - started >= 0.29


def test_killed_file_system_leaves_nothing(tmp_path: Path) -> None:
    """Its cards fail, and loop device and mount are gone in the end all the same."""
    with CardFs(tmp_path / "fs") as fs:
        card = fs.insert("a", 4 * MIB)
        fs.kill()
        with _open(card) as fd, pytest.raises(OSError, match="Errno"):
            _read(fd, 0, BLOCK)
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    found = subprocess.run(["losetup", "--list"], capture_output=True, text=True, check=True)
    assert str(tmp_path) not in found.stdout
