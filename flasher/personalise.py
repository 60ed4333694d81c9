# SPDX-License-Identifier: Apache-2.0
"""Makes a card one of a kind: a node key and an enrolment that only its META knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edge.errors import ImageError
from edge.meta import keys
from edge.meta.adv import STORE_BYTES, parse_store, render_store
from edge.meta.enrolment import Enrolment, new_enrolment
from edge.pki.key import fingerprint, new_key
from flasher.table import Partition, Table
from flasher.table.mbr import NON_FILESYSTEM

META_LABEL = "META"
_META_NUMBER = 3  # where a table has no labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Personality:
    """What distinguishes one card from all others flashed with the same image."""

    key: bytes = field(repr=False)
    """The node's private key, PEM. It goes to the card and is kept nowhere else."""
    fingerprint: str
    enrolment: Enrolment


def new_personality(now: datetime) -> Personality:
    """Make a key and an enrolment for a card that is flashed at `now`."""
    key = new_key()
    return Personality(key=key, fingerprint=fingerprint(key), enrolment=new_enrolment(now=now))


def find_meta(table: Table) -> Partition | None:
    """Return the partition that holds META, or None when the image is not one of ours."""
    if table.kind == "gpt":
        return table.by_label(META_LABEL)
    third = table.by_number(_META_NUMBER)
    return third if third and third.type == NON_FILESYSTEM else None


def render_meta(store: bytes, personality: Personality, extra: Mapping[int, bytes]) -> bytes:
    """Return the META store of an image with `personality` and `extra` values added.

    Raises:
        ImageError: when the image's own store is damaged or too small.
    """
    if len(store) < STORE_BYTES:
        raise ImageError(f"the image's META has {len(store)} bytes; {STORE_BYTES} are needed")
    values = parse_store(store) | dict(extra)
    values[keys.NODE_KEY] = personality.key
    values[keys.ENROLMENT] = personality.enrolment.to_json()
    return render_store(values)
