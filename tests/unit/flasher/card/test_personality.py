# SPDX-License-Identifier: Apache-2.0
"""What makes one card different from the next."""

from datetime import UTC, datetime

import pytest

from edge.errors import ImageError
from edge.meta import keys
from edge.meta.adv import STORE_BYTES, parse_store, render_store
from edge.meta.enrolment import Enrolment
from edge.pki.key import fingerprint
from flasher.card.personality import find_meta, new_personality, render_meta
from flasher.table import Partition, Table

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_no_two_cards_are_alike() -> None:
    """Key, fingerprint, id and secret are new each time."""
    one, two = new_personality(NOW), new_personality(NOW)
    assert one.fingerprint != two.fingerprint
    assert one.enrolment is not None
    assert two.enrolment is not None
    assert one.enrolment.id != two.enrolment.id
    assert one.enrolment.secret != two.enrolment.secret


def test_meta_holds_key_and_enrolment_beside_what_was_there() -> None:
    """Values that the image brings, and those asked for, stay."""
    who = new_personality(NOW)
    store = render_meta(render_store({keys.METAL_NETWORK: b"n"}), who, {keys.UUID_OVERRIDE: b"u"})
    values = parse_store(store)
    assert len(store) == STORE_BYTES
    assert fingerprint(values[keys.NODE_KEY]) == who.fingerprint
    assert Enrolment.from_json(values[keys.ENROLMENT]) == who.enrolment
    assert (values[keys.METAL_NETWORK], values[keys.UUID_OVERRIDE]) == (b"n", b"u")


def test_meta_without_enrolment_has_the_key_alone() -> None:
    """Not even an enrolment that the image brought is left."""
    brought = new_personality(NOW).enrolment
    assert brought is not None
    who = new_personality(NOW, enrol=False)
    store = render_meta(render_store({keys.ENROLMENT: brought.to_json()}), who, {})
    assert who.enrolment is None
    assert set(parse_store(store)) == {keys.NODE_KEY}


def test_small_meta_is_refused() -> None:
    """A partition that cannot hold both copies is a fault of the image."""
    with pytest.raises(ImageError, match="META has 1024 bytes"):
        render_meta(bytes(1024), new_personality(NOW), {})


def test_key_is_not_in_a_repr() -> None:
    """Secrets do not get into logs by way of a dataclass."""
    assert "PRIVATE" not in repr(new_personality(NOW))


@pytest.mark.parametrize(
    ("kind", "type_", "label", "found"),
    [
        ("gpt", "0fc63daf-8483-4772-8e79-3d69d8477de4", "META", True),
        ("gpt", "0fc63daf-8483-4772-8e79-3d69d8477de4", "rootfs", False),
        ("mbr", "da", "", True),
        ("mbr", "83", "", False),
    ],
)
def test_meta_is_found_by_label_or_place(kind: str, type_: str, label: str, found: bool) -> None:
    """Images of others have no META, and are written as they are."""
    part = Partition(number=3, start_bytes=1 << 20, size_bytes=1 << 20, type=type_, label=label)
    table = Table(
        kind="gpt" if kind == "gpt" else "mbr",
        disk_id="ed6ec1d5",
        size_bytes=8 << 20,
        partitions=(part,),
    )
    assert (find_meta(table) is not None) is found
