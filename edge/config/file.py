# SPDX-License-Identifier: Apache-2.0
"""Files with secrets in them: readable by their owner alone, whole or not at all."""

import contextlib
import errno
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkstemp

from edge.errors import ConfigError


def write_file(path: Path, text: str) -> None:
    """Replace `path` by `text` (mode 0600); a reader sees the old file or the new one.

    Raises:
        ConfigError: when it cannot be written.
    """
    write_files({path: text}, force=True)


def write_files(texts: Mapping[Path, str], *, force: bool = False) -> None:
    """Write all of these files (mode 0600) or, when anything is in the way, none.

    Raises:
        ConfigError: when one exists and `force` is off, or one cannot be written.
    """
    for path in texts:
        if path.exists() and not path.is_file():
            # As root a rename would put a file in the place of, say, /dev/null.
            raise ConfigError(f"{path} is not a regular file", hint="name another with -o")
    if not force and (existing := [str(path) for path in texts if path.exists()]):
        raise ConfigError(
            f"{', '.join(existing)} already {'exists' if len(existing) == 1 else 'exist'}",
            hint="--force overwrites, -o writes elsewhere",
        )
    staged: list[tuple[Path, Path]] = []
    try:
        for path, text in texts.items():
            staged.append((_stage(path, text), path))
        while staged:
            temporary, path = staged[0]
            temporary.replace(path)
            staged.pop(0)
    except OSError as error:
        raise ConfigError(f"writing {path}: {error.strerror}", hint=_way_out(error)) from error
    finally:
        for temporary, _ in staged:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _way_out(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room there, or name a folder on another disk"
    return "name a folder that you may write"


def _stage(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes the file readable by its owner alone.
    file, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(file, "w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
    except BaseException:
        # Nobody else knows its name: on a full disk an empty file would stay.
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)
