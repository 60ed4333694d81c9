# SPDX-License-Identifier: Apache-2.0
"""Reads the files that an operator names, and no more of them than a card could mean."""

from pathlib import Path

from edge.errors import ConfigError
from edge.units import MIB, format_size

TEXT_BYTES = 16 * MIB
"""The most that is read of a list, a configuration or a patch."""
FILE_BYTES = 512 * MIB
"""The most that is read of a file for the boot partition."""


def read_bytes(path: Path, most: int = FILE_BYTES) -> bytes:
    """Return the content of a regular file of at most `most` bytes.

    Raises:
        ConfigError: when it is no such file or cannot be read.
    """
    try:
        # Opening a device can already change something, and one like /dev/zero never ends.
        is_other = not path.is_file() and path.exists()
        content = b"" if is_other else _read(path, most + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"reading {path}: {getattr(error, 'strerror', error)}",
            hint="name a file that is there and may be read",
        ) from error
    if is_other:
        raise ConfigError(f"reading {path}: not a regular file", hint="name a plain file")
    if len(content) > most:
        raise ConfigError(
            f"reading {path}: larger than {format_size(most)}", hint="see that it is the right file"
        )
    return content


def read_text(path: Path, most: int = TEXT_BYTES) -> str:
    """Return the text of a regular file of at most `most` bytes.

    Raises:
        ConfigError: when it is no such file, cannot be read or is no UTF-8.
    """
    try:
        text = read_bytes(path, most).decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"reading {path}: not UTF-8", hint="save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most)
