# SPDX-License-Identifier: Apache-2.0
"""Snapshots of etcd: saved under their name only once their digest was right.

Every secret of the cluster is in them, so nobody else may read them.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import mkstemp
from typing import IO

from edge.errors import EdgeError, NodeError

_PAGE_BYTES = 512
_DIGEST_BYTES = hashlib.sha256().digest_size


async def save_snapshot(
    chunks: AsyncIterator[bytes], path: Path, *, overwrite: bool = False
) -> int:
    """Save a snapshot, a database with its SHA-256 behind it; return its size in bytes.

    Raises:
        NodeError: when it did not arrive whole; nothing is left behind then.
        EdgeError: when `path` exists and `overwrite` is off, or cannot be written.
    """
    if path.exists() and not overwrite:  # noqa: ASYNC240 - a moment
        raise EdgeError(f"{path} is there already", hint="--force overwrites it")
    file, part = _stage(path)
    digest, tail, size = hashlib.sha256(), b"", 0
    try:
        with file:
            async for chunk in chunks:
                file.write(chunk)
                size += len(chunk)
                tail += chunk
                digest.update(tail[:-_DIGEST_BYTES])
                tail = tail[-_DIGEST_BYTES:]
            await asyncio.to_thread(_flush, file)
        # The database is whole pages, so the digest is what stands over.
        if size % _PAGE_BYTES != _DIGEST_BYTES or digest.digest() != tail:
            raise NodeError(f"the snapshot did not arrive whole: {size} bytes, wrong digest")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return size


def _stage(path: Path) -> tuple[IO[bytes], Path]:
    """Open a file beside `path` that its owner alone can read and nobody could have laid out."""
    try:
        file, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise EdgeError(
            f"writing {path}: {error.strerror}", hint="name a file in a folder that you may write"
        ) from error
    return os.fdopen(file, "wb"), Path(name)


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
