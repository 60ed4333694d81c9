# SPDX-License-Identifier: Apache-2.0
"""Large files with secrets in them: their owner's alone, and there only once they are whole."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import IO

from edge.errors import EdgeError


@asynccontextmanager
async def saving(
    path: Path, *, overwrite: bool, exists_hint: str, folder_hint: str
) -> AsyncIterator[IO[bytes]]:
    """Give a file to write that takes the name `path` (mode 0600) unless something is raised.

    Raises:
        EdgeError: when `path` exists and `overwrite` is off, or no file can be made beside it.
    """
    if await asyncio.to_thread(path.exists) and not overwrite:
        raise EdgeError(f"{path} is there already", hint=exists_hint)
    part, file = _stage(path, folder_hint)
    try:
        with file:
            yield file
            await asyncio.to_thread(_flush, file)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _stage(path: Path, hint: str) -> tuple[Path, IO[bytes]]:
    """Open a file beside `path` that only its owner can read and nobody could have laid out."""
    try:
        file, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise EdgeError(f"writing {path}: {error.strerror}", hint=hint) from error
    return Path(name), os.fdopen(file, "w+b")


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
