# SPDX-License-Identifier: Apache-2.0
"""What is kept between builds, and for how long."""

import os
import time
from pathlib import Path

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
