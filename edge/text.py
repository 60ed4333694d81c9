# SPDX-License-Identifier: Apache-2.0
"""Small files that somebody names: read whole, or refused in one line, and never without end."""

import stat
import sys
from pathlib import Path

from edge.errors import ConfigError, InputError
from edge.units import MIB, format_size

TEXT_BYTES = 16 * MIB
"""The most that is read of a text."""

STDIN = Path("-")


def read_text(path: Path, most: int = TEXT_BYTES) -> str:
    """Return the text of a regular file of at most `most` bytes, its lines ended by newlines.

    Raises:
        InputError: when it is no such file, or cannot be read.
        ConfigError: when it is no text in UTF-8.
    """
    return _decode(read_bytes(path, most), str(path))


def read_given(path: Path, most: int = TEXT_BYTES) -> str:
    """Return the text of what the command line names: a file, a pipe, or `-` for standard input.

    A pipe can be read but once.

    Raises:
        InputError: when it is none of these, is larger than `most` bytes, or cannot be read.
        ConfigError: when it is no text in UTF-8.
    """
    return _decode(_read(path, most, streams=True), name_given(path))


def name_given(path: Path) -> str:
    """Return what to call it in messages."""
    return "stdin" if path == STDIN else str(path)


def folder_of(path: Path) -> Path:
    """Return where that lies which is named in the text: beside the file, here for a stream."""
    return path.parent if path != STDIN and path.is_file() else Path()


def read_bytes(path: Path, most: int) -> bytes:
    """Return the content of a regular file of at most `most` bytes.

    Raises:
        InputError: when it is no such file, or cannot be read.
    """
    return _read(path, most, streams=False)


def _read(path: Path, most: int, *, streams: bool) -> bytes:
    name = name_given(path) if streams else str(path)
    try:
        if streams and path == STDIN:
            if sys.stdin is None:
                raise InputError("reading stdin: it is closed", hint="name a file instead of -")
            content = sys.stdin.buffer.read(most + 1)
        else:
            _require_file(path, streams=streams)
            with path.open("rb") as file:
                content = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise InputError(
            f"reading {name}: {getattr(error, 'strerror', error)}",
            hint="name a file that is there and may be read",
        ) from error
    if len(content) > most:
        raise InputError(
            f"reading {name}: larger than {format_size(most)}", hint="see that it is the right file"
        )
    return content


def _require_file(path: Path, *, streams: bool) -> None:
    # Opening a device can already change something, and one like /dev/zero never ends.
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or (streams and stat.S_ISFIFO(mode))):
        raise InputError(f"reading {path}: not a regular file", hint="name a plain file")


def _decode(content: bytes, name: str) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"reading {name}: not UTF-8", hint="save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
