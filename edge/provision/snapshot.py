# SPDX-License-Identifier: Apache-2.0
"""Snapshots of etcd: saved under their name only once their digest was right."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from edge.errors import EdgeError, NodeError

_PAGE_BYTES = 512
_DIGEST_BYTES = hashlib.sha256().digest_size


async def save_snapshot(
    chunks: AsyncIterator[bytes], path: Path, *, overwrite: bool = False
) -> int:
    """Save a snapshot, a database with its SHA-256 behind it; return its size in bytes.

    Raises:
        NodeError: when it did not arrive whole; nothing is left behind then.
        EdgeError: when `path` exists and `overwrite` is off.
    """
    if path.exists() and not overwrite:  # noqa: ASYNC240 - a moment
        raise EdgeError(f"{path} is there already", hint="--force overwrites it")
    part = path.with_name(f"{path.name}.part")
    digest, tail, size = hashlib.sha256(), b"", 0
    try:
        with part.open("wb") as file:
            async for chunk in chunks:
                file.write(chunk)
                size += len(chunk)
                tail += chunk
                digest.update(tail[:-_DIGEST_BYTES])
                tail = tail[-_DIGEST_BYTES:]
        # The database is whole pages, so the digest is what stands over.
        if size % _PAGE_BYTES != _DIGEST_BYTES or digest.digest() != tail:
            raise NodeError(f"the snapshot did not arrive whole: {size} bytes, wrong digest")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return size
