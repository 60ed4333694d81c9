# SPDX-License-Identifier: Apache-2.0
"""Large files that edgectl makes of images: kept in the cache, or gone with the process.

A spooled file is locked for as long as its process lives, so that what a killed process left
behind is told from what is in use and removed the next time.
"""

import atexit
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from edge.paths import cache_dir
from flasher.source.fault import storing

_IDLE_S = 24 * 3600.0
_YOUNG_S = 60.0  # it may have been made but not locked yet


def spool(write: Callable[[BinaryIO], None]) -> Path:
    """Return a file with what `write` puts into it, which goes away with this process."""
    folder = cache_dir() / "spool"
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        fd, name = tempfile.mkstemp(dir=folder, prefix="image-")
        file = os.fdopen(fd, "r+b")
        fcntl.flock(file, fcntl.LOCK_EX)
    path = Path(name)
    atexit.register(_remove, path, file)
    try:
        write(file)
        with storing(folder):
            file.flush()
    except BaseException:
        _remove(path, file)
        raise
    return path


def keep(key: str, make: Callable[[Path], None]) -> Path:
    """Return the kept file for `key`, made by `make` where there is none yet.

    Files that nobody asked for within a day are removed.
    """
    folder = cache_dir() / "unpacked"
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{key}.raw"
    with locked(folder / f"{key}.lock"):
        if not place.exists():
            _drop_idle(folder)
            fresh = folder / f".{key}.part"
            try:
                make(fresh)
                with storing(folder):
                    fresh.rename(place)
            finally:
                fresh.unlink(missing_ok=True)
    return place


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` against other processes."""
    with storing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove(path: Path, file: BinaryIO) -> None:
    path.unlink(missing_ok=True)
    file.close()


def _sweep(folder: Path) -> None:
    """Remove what processes that are gone have left."""
    for path in folder.glob("image-*"):
        with suppress(OSError), path.open("rb") as file:
            if time.time() - path.stat().st_mtime > _YOUNG_S:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def _drop_idle(folder: Path) -> None:
    for path in folder.glob("*.raw"):
        with suppress(OSError):
            if time.time() - path.stat().st_atime > _IDLE_S:
                path.unlink()
