# SPDX-License-Identifier: Apache-2.0
"""Snapshots of etcd: saved under their name only once their digest was right.

Every secret of the cluster is in them, so nobody else may read them.
"""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from edge.errors import NodeError
from edge.provision.saving import saving

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
    saved = saving(
        path,
        overwrite=overwrite,
        exists_hint="--force overwrites it",
        folder_hint="name a file in a folder that you may write",
    )
    digest, tail, size = hashlib.sha256(), b"", 0
    async with saved as file:
        async for chunk in chunks:
            file.write(chunk)
            size += len(chunk)
            tail += chunk
            digest.update(tail[:-_DIGEST_BYTES])
            tail = tail[-_DIGEST_BYTES:]
        # The database is whole pages, so the digest is what stands over.
        if size % _PAGE_BYTES != _DIGEST_BYTES or digest.digest() != tail:
            raise NodeError(f"the snapshot did not arrive whole: {size} bytes, wrong digest")
    return size
