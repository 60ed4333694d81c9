# SPDX-License-Identifier: Apache-2.0
"""Brings what the user named to this host: a file stays, the rest goes to the cache."""

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from edge.errors import InputError
from edge.events import Listener, Progressed, step
from edge.units import MIB, format_size
from flasher.source.download import download
from flasher.source.fault import BUILD, explained, storing
from flasher.source.store import spool
from flasher.source.verify import Subject, Verification
from flasher.source.web import is_address, shown

_READ_BYTES = MIB


def fetch_source(source: str | Path, verification: Verification, listener: Listener) -> Subject:
    """Return the local file for `source`: a path, an http(s) address, or `-`.

    Raises:
        InputError: when it is none of these, or not there.
        ImageError: when it cannot be had.
    """
    text = str(source)
    if text == "-":
        return Subject(path=_spool(sys.stdin.buffer, listener), name="-", origin="-")
    if is_address(text):
        path = download(text, sha256=verification.sha256, listener=listener)
        return Subject(path=path, name=path.name, origin=shown(text))
    if "://" in text:
        raise InputError(
            f"cannot fetch {text}: it is neither http nor https", hint="download it yourself"
        )
    path = Path(source)
    if not path.exists():
        raise InputError(f"there is no image {path}", hint=BUILD)
    with explained(path):
        mode = path.stat().st_mode
    if stat.S_ISBLK(mode):
        raise InputError(f"{path} is a device, not an image", hint="copy it to a file first")
    if stat.S_ISDIR(mode):
        raise InputError(f"{path} is a folder", hint="name the image file in it")
    if not stat.S_ISREG(mode):
        is_pipe = stat.S_ISFIFO(mode)
        hint = f"read from it: --image - < {path}" if is_pipe else "copy it to a file first"
        raise InputError(f"{path} is a {'pipe' if is_pipe else 'device'}, not a file", hint=hint)
    path = path.resolve()
    return Subject(path=path, name=path.name, origin=str(path))


def _spool(source: BinaryIO, listener: Listener) -> Path:
    """Copy a stream that can be read but once; sparse where it is zero."""

    def write(file: BinaryIO) -> None:
        done = 0
        while chunk := _read(source):
            with storing(Path(file.name if isinstance(file.name, str) else "the cache")):
                if any(chunk):
                    file.write(chunk)
                else:
                    file.seek(len(chunk), os.SEEK_CUR)
            done += len(chunk)
            listener(Progressed(step="read input", done_bytes=done, total_bytes=done))
        file.truncate(done)
        running.detail = format_size(done)

    with step(listener, "read input") as running:
        return spool(write)


def _read(source: BinaryIO) -> bytes:
    with explained("standard input"):
        return source.read(_READ_BYTES)
