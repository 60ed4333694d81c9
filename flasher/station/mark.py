# SPDX-License-Identifier: Apache-2.0
"""By what a station knows a card again that it made.

The enrolment in a card's META is its own and proof enough. Without one, its first MiB must be
what was written here, and its maker's number (CID), or failing that its reader's, the same:
neither is enough alone, because the same image gives many cards the same first MiB, readers hide
the CID, and cheap cards share one.
"""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, cast

from edge.errors import EdgeError
from edge.meta import keys
from edge.meta.adv import STORE_BYTES, parse_store
from edge.meta.enrolment import Enrolment
from edge.units import MIB
from flasher.card.personality import find_meta
from flasher.station.port import Sighting
from flasher.table import read_table

_HEAD_BYTES = MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is known of a card; empty texts for what is not."""

    enrolment: str = ""
    cid: str = ""
    serial: str = ""
    head: str = ""
    """SHA-256 of the first MiB."""

    def is_of(self, made: "Mark") -> bool:
        """Return whether this is the card that had `made` when it was done."""
        if made.enrolment:
            return self.enrolment == made.enrolment
        same_head = bool(made.head) and self.head == made.head
        same_number = (self.cid, self.serial) == (made.cid, made.serial)
        return same_head and same_number and bool(self.cid or self.serial)


def read_mark(card: Sighting) -> Mark:
    """Return by what `card` could be known; unreadable cards have little."""
    number = card.serial or card.port  # where nothing has a number, the place tells cards apart
    plain = Mark(cid=card.cid, serial=number)
    try:
        fd = os.open(card.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return plain
    with os.fdopen(fd, "rb", buffering=0) as file, suppress(OSError):
        head = os.pread(fd, _HEAD_BYTES, 0)
        return Mark(
            enrolment=_enrolment(cast(BinaryIO, file)),
            cid=card.cid,
            serial=number,
            head=hashlib.sha256(head).hexdigest() if any(head) else "",
        )
    return plain


def _enrolment(file: BinaryIO) -> str:
    """Return the id of the enrolment on a card, or nothing when it has none that can be read."""
    try:
        table = read_table(file)
        meta = find_meta(table) if table else None
        if meta is None:
            return ""
        store = os.pread(file.fileno(), min(meta.size_bytes, STORE_BYTES), meta.start_bytes)
        found = parse_store(store).get(keys.ENROLMENT)
        return Enrolment.from_json(found).id if found else ""
    except EdgeError:
        return ""
