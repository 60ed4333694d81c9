# SPDX-License-Identifier: Apache-2.0
"""Keep what is about to be replaced, in one file beside it."""

from pathlib import Path

from edge.config.file import write_file
from edge.text import read_text

SUFFIX = ".bak"


def keep_backup(path: Path) -> Path | None:
    """Copy `path` to the same name with `.bak`, mode 0600; nothing when there is no such file.

    Raises:
        ConfigError: when it cannot be read or the copy cannot be written.
    """
    if not path.exists():
        return None
    copy = path.with_name(path.name + SUFFIX)
    write_file(copy, read_text(path))
    return copy
