# SPDX-License-Identifier: Apache-2.0
"""One set of promises for every kind of medium: the fake, a regular file, a disk."""

import mmap
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.errors import DeviceError
from flasher.device import inspect
from flasher.write.medium import Medium, open_medium
from tests.fakes.image import MIB
from tests.fakes.medium import FakeMedium
from tests.integration.flash.conftest import AttachLoop

SIZE = 8 * MIB


@pytest.fixture(params=["fake", "new file", "existing file", "odd file", "memory file", "loop"])
def medium(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Medium]:
    """Give an open medium of each kind."""
    path = tmp_path / "card.img"
    if request.param == "fake":
        yield FakeMedium(SIZE)
        return
    size = SIZE
    if request.param == "loop":
        path = request.getfixturevalue("attach_loop")(SIZE)
    elif request.param == "memory file":
        path = Path("/dev/shm/edgectl-test-card.img")
    elif request.param == "existing file":
        path.write_bytes(b"\xa5" * SIZE)
    elif request.param == "odd file":
        size += 512
    try:
        with open_medium(inspect(path), size) as opened:
            yield opened
    finally:
        if request.param == "memory file":
            path.unlink(missing_ok=True)


def _buffer(data: bytes) -> memoryview:
    buffer = mmap.mmap(-1, len(data))
    buffer.write(data)
    return memoryview(buffer)


def _read(medium: Medium, offset: int, size: int) -> bytes:
    buffer = _buffer(bytes(size))
    medium.read(offset, buffer)
    return bytes(buffer)


@pytest.mark.parametrize(("offset", "size"), [(0, 4096), (MIB, MIB), (SIZE - 4096, 4096)])
def test_what_is_written_is_read(medium: Medium, offset: int, size: int) -> None:
    """Bytes come back from where they were put, also at both ends."""
    data = bytes(range(256)) * (size // 256)
    medium.write(offset, _buffer(data))
    medium.flush()
    assert _read(medium, offset, size) == data


def test_neighbours_are_left_alone(medium: Medium) -> None:
    """A write touches its own bytes only."""
    before, after = _read(medium, 0, MIB), _read(medium, 2 * MIB, MIB)
    medium.write(MIB, _buffer(b"x" * MIB))
    assert _read(medium, 0, MIB) == before
    assert _read(medium, 2 * MIB, MIB) == after


def test_blank_means_zeros(medium: Medium) -> None:
    """A medium that calls itself blank reads as zeros."""
    if medium.is_blank:
        assert not any(_read(medium, 0, SIZE))


def test_table_can_always_be_reread(medium: Medium) -> None:
    """Asking the kernel never fails, whatever is on the medium."""
    medium.reread_table()


def test_disk_is_opened_by_one_alone(attach_loop: AttachLoop) -> None:
    """A second writer is refused."""
    device = inspect(attach_loop(SIZE))
    with (
        open_medium(device, SIZE),
        pytest.raises(DeviceError, match="is in use; nothing was written"),
        open_medium(device, SIZE),
    ):
        raise AssertionError("opened twice")


def test_file_is_opened_by_one_alone(tmp_path: Path) -> None:
    """A file that another writer, or an emulator, has locked is refused."""
    (tmp_path / "card.img").write_bytes(bytes(SIZE))
    device = inspect(tmp_path / "card.img")
    with (
        open_medium(device, SIZE),
        pytest.raises(DeviceError, match="in use by another program"),
        open_medium(device, SIZE),
    ):
        raise AssertionError("opened twice")


def test_file_that_cannot_grow_is_not_left_behind(tmp_path: Path) -> None:
    """A size that no file system has leaves no empty file in the way of the next try."""
    card = tmp_path / "card.img"
    with (
        pytest.raises(DeviceError, match="cannot become that large") as caught,
        open_medium(inspect(card), 1 << 62),
    ):
        raise AssertionError("opened")
    assert caught.value.hint
    assert not card.exists()


def test_swapped_disk_is_noticed(attach_loop: AttachLoop, tmp_path: Path) -> None:
    """Another medium behind the same path has another sequence number."""
    path = attach_loop(SIZE)
    device = inspect(path)
    subprocess.run(["losetup", "--detach", path], check=True)
    subprocess.run(["losetup", path, tmp_path / "d.disk"], check=True)
    with (
        pytest.raises(DeviceError, match="not the disk it was"),
        open_medium(device, SIZE),
    ):
        raise AssertionError("opened another disk")
