# SPDX-License-Identifier: Apache-2.0
"""Records as TXT: within the limits of DNS-SD, whole on the way round, harmless when hostile."""

import base64
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.record import (
    MAX_ADDRESSES,
    NodeRecord,
    NodeState,
    clean,
    decode,
    encode,
    instance_name,
    usable_addresses,
)

ID = "1a2b3c4d-0000-4000-8000-000000000000"

tokens = st.text(string.ascii_letters + string.digits + ".-+~", max_size=16)
hosts = st.from_regex(r"[a-z][a-z0-9-]{0,40}[a-z0-9]", fullmatch=True)
digests = st.binary(min_size=32, max_size=32).map(lambda data: base64.b64encode(data).decode())
records = st.builds(
    NodeRecord,
    name=hosts,
    port=st.integers(1, 65535),
    interface=st.just("eth0"),
    addresses=st.just(usable_addresses(["192.0.2.7", "fe80::1"], "eth0")),
    id=st.uuids().map(str),
    state=st.sampled_from(NodeState),
    version=tokens,
    arch=tokens,
    board=tokens,
    fingerprint=st.just("") | digests,
    card=st.just("") | st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    cluster=tokens,
)
anything = st.text(max_size=400)
hostile = st.builds(
    NodeRecord,
    name=anything,
    id=anything,
    version=anything,
    arch=anything,
    board=anything,
    fingerprint=anything,
    card=anything,
    cluster=anything,
)
txt_values = st.none() | st.binary(max_size=255)
txts = st.dictionaries(
    st.sampled_from([b"txtvers", b"id", b"st", b"ver", b"arch", b"board", b"fp", b"card", b"cl"]),
    txt_values | st.just(b"1") | st.just(ID.encode()),
)


def read(txt: dict[str, str], instance: str, **changes: object) -> NodeRecord | None:
    """Decode `txt` as if heard from an ordinary node."""
    raw: dict[bytes, bytes | None] = {key.encode(): value.encode() for key, value in txt.items()}
    port = changes.get("port", 50000)
    assert isinstance(port, int)
    return decode(
        raw,
        instance=instance,
        addresses=["192.0.2.7", "fe80::1"],
        port=port,
        interface="eth0",
    )


@given(records)
def test_record_survives_the_network(record: NodeRecord) -> None:
    """A record read from what it was announced as is the same record."""
    heard = read(encode(record), instance_name(record), port=record.port)
    assert heard is not None
    # A bare "edge" is shown with the part that makes it unique.
    named = heard.name == record.name or heard.name.startswith(f"{record.name}-")
    assert named or record.name.startswith("edge")
    assert (heard.id, heard.state, heard.fingerprint) == (
        record.id,
        record.state,
        record.fingerprint,
    )
    assert encode(heard) == encode(record)


@given(records | hostile)
def test_txt_keeps_within_its_limits(record: NodeRecord) -> None:
    """Keys have at most 9 characters, items 255 bytes, the record 400; the label 63."""
    items = [f"{key}={value}".encode() for key, value in encode(record).items()]
    assert all(len(key) <= 9 for key in encode(record))
    assert all(len(item) <= 255 for item in items)
    assert sum(len(item) + 1 for item in items) < 400
    assert 0 < len(instance_name(record).encode()) <= 63


@given(txts, anything, st.lists(st.text(max_size=40), max_size=20), st.integers(-1, 70000))
def test_hostile_txt_is_harmless(
    txt: dict[bytes, bytes | None], instance: str, addresses: list[str], port: int
) -> None:
    """Whatever was announced, the record is refused, or short and without control characters."""
    record = decode(txt, instance=instance, addresses=addresses, port=port, interface="eth0")
    if record is None:
        return
    shown = [record.name, record.id, record.version, record.arch, record.board, record.cluster]
    for text in shown:
        assert len(text.encode()) <= 64
        assert not any(unicodedata.category(char).startswith("C") for char in text)


@given(anything, st.integers(0, 100))
def test_cleaning_is_final(text: str, limit: int) -> None:
    """Cleaned text is within its limit and cleaning it again changes nothing."""
    once = clean(text, limit)
    assert len(once.encode()) <= limit
    assert clean(once, limit) == once


def test_terminal_commands_are_stripped() -> None:
    """Escape sequences and direction overrides lose what makes them act."""
    assert clean("a\x1b[2Jb\x07c\u202ed\te", 99) == "a[2Jbcd e"


@pytest.mark.parametrize(
    ("claimed", "interface", "usable"),
    [
        (["127.0.0.1", "::1"], "eth0", []),
        (["127.0.0.9"], "lo", ["127.0.0.9"]),
        (["192.0.2.1"], "lo", []),
        (["224.0.0.251", "0.0.0.0", "255.255.255.255", "::", "ff02::fb"], "eth0", []),
        (
            ["fe80::1", "2001:db8::1", "192.0.2.1"],
            "eth0",
            ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"],
        ),
        (["fe80::1%7"], "eth0", ["fe80::1%eth0"]),
        (["nonsense", ""], "eth0", []),
    ],
)
def test_claimed_addresses(claimed: list[str], interface: str, usable: list[str]) -> None:
    """Only addresses that can lead to another machine on that link are kept, best first."""
    assert [str(address) for address in usable_addresses(claimed, interface)] == usable


def test_addresses_are_bounded() -> None:
    """A node that claims a hundred addresses is tried at a few."""
    claimed = [f"192.0.2.{number}" for number in range(100)]
    assert len(usable_addresses(claimed, "eth0")) == MAX_ADDRESSES


@pytest.mark.parametrize(
    ("name", "instance", "shown"),
    [
        ("cam-01", "cam-01-1a2b3c4d", "cam-01"),
        ("edge-1a2b3c4d", "edge-1a2b3c4d", "edge-1a2b3c4d"),
        ("edge", "edge-1a2b3c4d", "edge-1a2b3c4d"),
        ("", "edge-1a2b3c4d", "edge-1a2b3c4d"),
        ("Küche.Süd", "k-che-s-d-1a2b3c4d", "k-che-s-d"),
    ],
)
def test_instance_names(name: str, instance: str, shown: str) -> None:
    """The label on the network is the host name and the start of the id, and is read back."""
    record = NodeRecord(name=name, id=ID)
    assert instance_name(record) == instance
    heard = read(encode(record), instance)
    assert heard is not None
    assert heard.name == shown


@pytest.mark.parametrize(
    "change", [{"txtvers": "2"}, {"id": ""}, {"id": "../../etc"}, {"id": "x" * 41}]
)
def test_foreign_records_are_refused(change: dict[str, str]) -> None:
    """A record of another version, or without a plain id, is not one of ours."""
    txt = encode(NodeRecord(name="cam", id=ID)) | change
    assert read(txt, "cam-1a2b3c4d") is None


def test_unknown_state_is_kept_as_unknown() -> None:
    """A state from a newer version does not hide the node."""
    heard = read(encode(NodeRecord(name="cam", id=ID)) | {"st": "upgrading"}, "cam-1a2b3c4d")
    assert heard is not None
    assert heard.state is NodeState.UNKNOWN


def test_fingerprint_is_the_form_that_cards_keep() -> None:
    """The network's base64url becomes the base64 that card records and commands use."""
    fingerprint = base64.b64encode(b"\xfb\xff" * 16).decode()
    txt = encode(NodeRecord(name="cam", id=ID, fingerprint=fingerprint))
    assert len(txt["fp"]) == 43
    assert not set("+/=") & set(txt["fp"])
    heard = read(txt, "cam-1a2b3c4d")
    assert heard is not None
    assert heard.fingerprint == fingerprint


def test_endpoint_of_each_family() -> None:
    """IPv6 addresses are bracketed before their port."""
    for address, endpoint in (
        ("192.0.2.1", "192.0.2.1:50000"),
        ("2001:db8::1", "[2001:db8::1]:50000"),
    ):
        record = NodeRecord(name="cam", id=ID, addresses=usable_addresses([address], "eth0"))
        assert record.endpoint == endpoint
