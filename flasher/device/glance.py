# SPDX-License-Identifier: Apache-2.0
"""A look at a disk's own bytes: its table, the file system right on it, and that one's past."""

import io
import os
from dataclasses import dataclass
from pathlib import Path

from flasher.device.facts import History
from flasher.device.history import read_history
from flasher.device.signature import read_signature, read_table_type
from flasher.table import Table, read_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What the first bytes of a disk or partition say is on it."""

    table: str = ""
    layout: Table | None = None
    fs_type: str | None = None
    fs_label: str | None = None
    history: History = History()  # noqa: RUF009 - frozen


def glance(path: Path, size_bytes: int) -> Glance:
    """Return what the first bytes say; nothing when they cannot be read."""
    if size_bytes == 0:
        return Glance()
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return Glance()
    with os.fdopen(fd, "rb", buffering=0) as file:
        try:
            return _content_of(file, size_bytes)
        except OSError:
            return Glance()


def _content_of(file: io.FileIO, size_bytes: int) -> Glance:
    table = read_table_type(file.fileno())
    layout = read_table(file) if table else None
    signature = read_signature(file.fileno(), size_bytes)
    if signature is None:
        return Glance(table=table, layout=layout)
    return Glance(
        table=table,
        layout=layout,
        fs_type=signature.fs_type,
        fs_label=signature.label or None,
        history=read_history(file.fileno(), signature.fs_type),
    )
