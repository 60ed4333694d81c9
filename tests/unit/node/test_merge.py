# SPDX-License-Identifier: Apache-2.0
"""Answers of many nodes put together on the wire: byte by byte, and by what they decode to."""

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from edge.api import common_pb2, machine_pb2
from edge.errors import NodeError
from edge.node.api.failure import DETAILS_KEY, Failure
from edge.node.api.merge import failed, failed_part, label, label_part

NAMES = st.text(st.characters(codec="utf-8"), max_size=200)
GONE = Failure(grpc.StatusCode.UNAVAILABLE, "connection refused")


@st.composite
def _memories(draw: st.DrawFn) -> machine_pb2.Memory:
    numbers = st.integers(0, 2**64 - 1)
    info = machine_pb2.MemInfo(memtotal=draw(numbers), memfree=draw(numbers))
    return machine_pb2.Memory(meminfo=info if draw(st.booleans()) else None)


@st.composite
def _answers(draw: st.DrawFn) -> Message:
    """Draw an answer of any of some types."""
    hosts = st.builds(machine_pb2.Hostname, hostname=NAMES)
    data = st.builds(common_pb2.Data, bytes=st.binary(max_size=70_000))
    return draw(
        st.one_of(
            st.builds(machine_pb2.HostnameResponse, messages=st.lists(hosts, max_size=3)),
            st.builds(machine_pb2.MemoryResponse, messages=st.lists(_memories(), max_size=3)),
            st.builds(common_pb2.DataResponse, messages=st.lists(data, max_size=2)),
        )
    )


def test_a_label_goes_into_the_message_and_its_length_follows() -> None:
    """As the wire has it: 0x0a, the length of the message and of what was appended, both."""
    answer = machine_pb2.HostnameResponse(messages=[machine_pb2.Hostname(hostname="abc")])
    raw = answer.SerializeToString()
    assert raw == b"\x0a\x05" + b"\x12\x03abc"
    assert label(raw, "n1") == b"\x0a\x0b" + b"\x12\x03abc" + b"\x0a\x04\x0a\x02n1"


def test_a_length_may_need_one_more_byte() -> None:
    """From 127 to 128 bytes the length itself grows."""
    raw = b"\x0a\x7f" + b"\x12\x7d" + b"x" * 125
    labelled = label(raw, "n")
    assert labelled == b"\x0a\x84\x01" + raw[2:] + b"\x0a\x03\x0a\x01n"
    (message,) = machine_pb2.HostnameResponse.FromString(labelled).messages
    assert (message.hostname, message.metadata.hostname) == ("x" * 125, "n")


@given(st.lists(st.tuples(_answers(), NAMES), min_size=1, max_size=5))
def test_merged_bytes_decode_to_the_union(parts: list[tuple[Message, str]]) -> None:
    """Nothing is lost, nothing is added but the names, and the order stays."""
    kind = type(parts[0][0])
    parts = [(answer, name) for answer, name in parts if isinstance(answer, kind)]
    merged = kind.FromString(b"".join(label(a.SerializeToString(), name) for a, name in parts))
    expected = kind()
    for answer, name in parts:
        named = kind.FromString(answer.SerializeToString())
        # A node without anything to say is there nevertheless.
        for message in named.messages or [named.messages.add()]:  # type: ignore[attr-defined]
            message.metadata.hostname = name
        expected.MergeFrom(named)
    assert merged == expected


@given(st.binary(max_size=1000), NAMES)
def test_a_part_of_a_stream_keeps_its_bytes(data: bytes, name: str) -> None:
    """The name is appended, and whoever decodes finds both."""
    raw = common_pb2.Data(bytes=data).SerializeToString()
    part = label_part(raw, name)
    assert part.startswith(raw)
    decoded = common_pb2.Data.FromString(part)
    assert (decoded.bytes, decoded.metadata.hostname) == (data, name)


def test_the_last_name_counts() -> None:
    """A node that labels its own answer is called as the caller calls it."""
    own = machine_pb2.Hostname(metadata=common_pb2.Metadata(hostname="inner"), hostname="h")
    raw = machine_pb2.HostnameResponse(messages=[own]).SerializeToString()
    (message,) = machine_pb2.HostnameResponse.FromString(label(raw, "outer")).messages
    assert (message.metadata.hostname, message.hostname) == ("outer", "h")


def test_other_fields_stay_as_they_are() -> None:
    """A field that no version of ours knows is passed on, whatever its form."""
    strange = b"\x10\x96\x01" + b"\x1d\x01\x02\x03\x04" + b"\x21" + b"\x00" * 8 + b"\x2a\x02hi"
    labelled = label(b"\x0a\x00" + strange, "n")
    assert labelled == b"\x0a\x05\x0a\x03\x0a\x01n" + strange


@pytest.mark.parametrize(
    "raw",
    [b"\x0a", b"\x0a\x05abc", b"\x0b", b"\x00\x01", b"\x80" * 11, b"\x1d\x01", b"\x0a\xff\xff"],
)
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    """A lying length would shift everything behind it."""
    with pytest.raises(NodeError, match="no message"):
        label(raw, "n")


@given(st.binary(max_size=64))
def test_any_bytes_are_labelled_or_refused(raw: bytes) -> None:
    """Nothing else can happen, whatever a node answers."""
    try:
        label(raw, "n")
    except NodeError:
        return


@pytest.mark.parametrize(
    ("code", "spelling"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Unavailable"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "DeadlineExceeded"),
        (grpc.StatusCode.CANCELLED, "Canceled"),
        (grpc.StatusCode.NOT_FOUND, "NotFound"),
    ],
)
def test_a_failure_reads_as_other_clients_write_it(code: grpc.StatusCode, spelling: str) -> None:
    """They show the text as it is, and some look for the code in it."""
    metadata = common_pb2.Empty.FromString(failed_part("n", Failure(code, "why"))).metadata
    assert (metadata.hostname, metadata.status.code) == ("n", code.value[0])
    assert metadata.error == f"rpc error: code = {spelling} desc = why"


def test_a_failure_stands_in_any_answer() -> None:
    """Of whatever type the other nodes' answers are."""
    for kind in (machine_pb2.VersionResponse, machine_pb2.MemoryResponse, common_pb2.DataResponse):
        (message,) = kind.FromString(failed("n", GONE)).messages
        assert message.metadata.status.message == "connection refused"


def test_details_of_a_status_come_along() -> None:
    """As the other node sent them; what cannot be read is left out."""
    full = common_pb2.RpcStatus(code=5, message="gone")
    full.details.add(type_url="x/y", value=b"z")
    trailer = ((DETAILS_KEY, full.SerializeToString()),)
    assert Failure(grpc.StatusCode.NOT_FOUND, "gone", trailer).status() == full
    broken = Failure(grpc.StatusCode.NOT_FOUND, "gone", ((DETAILS_KEY, b"\xff"),))
    assert broken.status() == common_pb2.RpcStatus(code=5, message="gone")
