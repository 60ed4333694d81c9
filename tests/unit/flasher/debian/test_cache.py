# SPDX-License-Identifier: Apache-2.0
"""What is kept between builds, and for how long."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

import pytest

from edge.events import ignore
from flasher.debian.fetch import KEPT_S, Cache


def make(place: Path) -> None:
    (place / "file").write_text("content")


def test_what_nobody_asks_for_goes_when_something_is_made(tmp_path: Path) -> None:
    """Age does not count, use does; other kinds are left alone."""
    cache = Cache(folder=tmp_path)
    old, used, other = (
        cache.entry(kind, key, make, listener=ignore)
        for kind, key in (("base", "old"), ("base", "used"), ("root", "other"))
    )
    then = time.time() - KEPT_S - 60
    for each in (old, used, other):
        os.utime(each, (then, then))
        os.utime(each.with_suffix(".lock"), (then, then))
    assert cache.entry("base", "used", make, listener=ignore) == used
    assert old.is_dir()
    cache.entry("base", "new", make, listener=ignore)
    assert not old.exists()
    assert (used / "file").is_file()
    assert other.is_dir()
    assert cache.entry("base", "old", make, listener=ignore).is_dir()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An entry that nobody has asked for in a month."""
    place = Cache(folder=tmp_path).entry("base", "old", make, listener=ignore)
    then = time.time() - KEPT_S - 60
    os.utime(place.with_suffix(".lock"), (then, then))
    return place


def test_what_another_build_is_about_to_make_stays(tmp_path: Path, old: Path) -> None:
    """It holds the lock meanwhile; nobody waits for it in order to remove something."""
    with old.with_suffix(".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Cache(folder=tmp_path).entry("base", "new", make, listener=ignore)
        assert (old / "file").is_file()
    Cache(folder=tmp_path).entry("base", "newer", make, listener=ignore)
    assert not old.exists()


def test_what_is_asked_for_at_the_last_moment_stays(
    tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its age is that of the moment from which on nobody else can ask for it."""
    lock_file = fcntl.flock

    def ask_first(file: IO[str], how: int) -> None:
        if how & fcntl.LOCK_NB:
            old.with_suffix(".lock").touch()
        lock_file(file, how)

    monkeypatch.setattr(fcntl, "flock", ask_first)
    Cache(folder=tmp_path).entry("base", "new", make, listener=ignore)
    assert (old / "file").is_file()
