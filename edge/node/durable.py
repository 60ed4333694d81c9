# SPDX-License-Identifier: Apache-2.0
"""Files that a power cut leaves as they were or as they shall be, never in between."""

import os
from contextlib import suppress
from pathlib import Path


def write_durably(path: Path, content: bytes) -> None:
    """Put `content` into the file at `path`, which only its owner can read.

    One that holds it already is left alone: media wear out.
    """
    if _holds(path, content):
        return
    fresh = path.with_name(f".{path.name}.new")
    # What a power cut left, or a link that somebody laid out.
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _holds(path: Path, content: bytes) -> bool:
    with suppress(OSError):
        return path.stat().st_size == len(content) and path.read_bytes() == content
    return False
