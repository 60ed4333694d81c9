# SPDX-License-Identifier: Apache-2.0
"""Makes a card one of a kind: a node key and an enrolment that only its META knows.

Without an enrolment the node takes its first configuration from whoever asks first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edge.errors import ImageError
from edge.meta import keys
from edge.meta.adv import STORE_BYTES, parse_store, render_store
from edge.meta.enrolment import Enrolment, new_enrolment
from edge.pki.key import fingerprint, new_key
from flasher.card.spec import GivenEnrolment
from flasher.table import Partition, Table
from flasher.table.mbr import NON_FILESYSTEM

META_LABEL = "META"
_OF_ONE_CARD = frozenset({keys.NODE_KEY, keys.ENROLMENT, keys.MACHINE_CONFIG})
_META_NUMBER = 3  # where a table has no labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Personality:
    """What distinguishes one card from all others flashed with the same image."""

    key: bytes = field(repr=False)
    """The node's private key, PEM. It goes to the card and is kept nowhere else."""
    fingerprint: str
    enrolment: Enrolment | None


def new_personality(
    now: datetime, *, enrol: bool = True, given: GivenEnrolment | None = None
) -> Personality:
    """Make a key, and an enrolment unless told otherwise, for a card that is flashed at `now`."""
    key = new_key()
    enrolment = _enrolment(now, given) if enrol else None
    return Personality(key=key, fingerprint=fingerprint(key), enrolment=enrolment)


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
    # An image that was read off a card may bring that card's secrets.
    brought = {key: value for key, value in parse_store(store).items() if key not in _OF_ONE_CARD}
    values = brought | dict(extra)
    values[keys.NODE_KEY] = personality.key
    if personality.enrolment:
        values[keys.ENROLMENT] = personality.enrolment.to_json()
    return render_store(values)


def _enrolment(now: datetime, given: GivenEnrolment | None) -> Enrolment:
    if given is None:
        return new_enrolment(now=now)
    return Enrolment(id=given.id, secret=given.secret, flashed=now.replace(microsecond=0))
