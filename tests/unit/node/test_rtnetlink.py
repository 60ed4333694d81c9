# SPDX-License-Identifier: Apache-2.0
"""Messages of rtnetlink, and a channel whose kernel is the other end of a socket pair."""

import asyncio
import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.node.network import spec
from edge.node.network.rtnetlink import channel
from edge.node.network.rtnetlink import message as rtnl
from edge.node.network.rtnetlink.channel import Channel

MULTI = 0x2
ATTRIBUTES = st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=100))
HEADERS = st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1))


@given(ATTRIBUTES)
def test_attributes_come_back(attributes: rtnl.Attributes) -> None:
    """What is written is read, whatever its length."""
    data = b"".join(rtnl.write_attribute(kind, value) for kind, value in attributes.items())
    assert rtnl.read_attributes(data) == attributes


@given(st.lists(st.tuples(HEADERS, st.binary(max_size=60))))
def test_messages_come_back(messages: list[tuple[tuple[int, int, int], bytes]]) -> None:
    """A datagram has several; each begins at a multiple of four bytes."""
    data = b""
    for header, body in messages:
        written = rtnl.write_message(*header, body)
        data += written + bytes(-len(written) % 4)
    assert list(rtnl.read_messages(data)) == [(*header, body) for header, body in messages]


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd(data: bytes) -> None:
    """What is cut off or lies about its length ends the reading."""
    list(rtnl.read_messages(data))
    found = rtnl.read_attributes(data)
    for kind in found:
        rtnl.number(found, kind)
        rtnl.text(found, kind)
        rtnl.nested(found, kind)


@given(st.binary(min_size=12, max_size=200))
def test_no_address_or_route_is_too_odd(data: bytes) -> None:
    """Families and lengths that do not fit make none."""
    spec.address_spec(data, {})
    spec.standing_address(rtnl.ADDRESS.pack(2, 24, 0x80, 0, 1) + data[12:], {1: "eth0"})
    spec.route_spec(data, {})
    spec.standing_route(rtnl.ROUTE.pack(2, 8, 0, 0, 254, 4, 0, 1, 0) + data[12:], {1: "eth0"})


def test_a_link_is_told_as_it_is() -> None:
    """Its kind is nested; what is missing has a value of its own."""
    info = rtnl.write_attribute(rtnl.INFO_KIND, b"veth\0")
    body = rtnl.LINK.pack(0, 1, 7, 0x10043, 0) + b"".join(
        (
            rtnl.write_attribute(rtnl.LINK_NAME, b"eth7\0"),
            rtnl.write_attribute(rtnl.LINK_ADDRESS, bytes.fromhex("02005e000102")),
            rtnl.write_number(rtnl.LINK_MTU, 1400),
            rtnl.write_attribute(rtnl.LINK_QDISC, b"fq\0"),
            rtnl.write_attribute(rtnl.LINK_STATE, b"\3"),
            rtnl.write_attribute(rtnl.LINK_CARRIER, b"\1"),
            rtnl.write_attribute(rtnl.LINK_INFO | 0x8000, info),
        )
    )
    name, told = spec.link_spec(body)
    assert name == "eth7"
    assert told == {
        "index": 7,
        "type": "ether",
        "linkIndex": 0,
        "flags": 0x10043,
        "hardwareAddr": "02:00:5e:00:01:02",
        "mtu": 1400,
        "queueDisc": "fq",
        "operationalState": "lowerLayerDown",
        "kind": "veth",
        "busPath": "",
        "pciID": "",
        "driver": "",
        "linkState": True,
    }
    bare = spec.link_spec(rtnl.LINK.pack(0, 9, 1, 0, 0))[1]
    assert (bare["type"], bare["hardwareAddr"], bare["kind"]) == ("none", "00:00:00:00:00:00", "")
    assert (bare["operationalState"], bare["linkState"]) == ("unknown", False)


def test_routes_of_other_tables_are_left_out() -> None:
    """Tables above 255 are named by an attribute; one of the header alone counts as well."""
    main = rtnl.ROUTE.pack(socket.AF_INET, 0, 0, 0, 254, 4, 0, spec.UNICAST, 0)
    other = rtnl.ROUTE.pack(socket.AF_INET, 0, 0, 0, 252, 4, 0, spec.UNICAST, 0)
    assert spec.route_spec(main, {})
    assert spec.route_spec(other + rtnl.write_number(rtnl.ROUTE_TABLE, 254), {})
    assert not spec.route_spec(other, {})
    assert not spec.route_spec(main + rtnl.write_number(rtnl.ROUTE_TABLE, 1000), {})


class Kernel:
    """The other end of a channel; answers each question with the next of its scripts."""

    def __init__(self, *scripts: list[tuple[int, int, int, bytes]]) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ours.setblocking(False)
        self.theirs.setblocking(False)
        self.asked: list[rtnl.Message] = []
        self._scripts = list(scripts)

    def answer(self) -> None:
        """Read a question; say its script, where sequence numbers are relative to it."""
        (question,) = rtnl.read_messages(self.theirs.recv(1 << 16))
        self.asked.append(question)
        for kind, flags, late, body in self._scripts.pop(0):
            self.theirs.send(rtnl.write_message(kind, flags, question[2] - late, body))


@contextmanager
def channel_to(kernel: Kernel, *, timeout_s: float = 5.0) -> Iterator[Channel]:
    """Give a channel to a kernel that answers."""
    loop = asyncio.get_running_loop()
    loop.add_reader(kernel.theirs, kernel.answer)
    made = Channel(lambda: kernel.ours, timeout_s=timeout_s)
    made.open()
    try:
        yield made
    finally:
        made.close()
        loop.remove_reader(kernel.theirs)
        kernel.theirs.close()


def error(code: int) -> bytes:
    return struct.pack("=i", -code)


async def test_a_list_ends_where_the_kernel_says_so() -> None:
    """Answers to a question that was given up before are not among it."""
    kernel = Kernel(
        [
            (rtnl.NEW_LINK, MULTI, 1, b"old."),
            (rtnl.NEW_LINK, MULTI, 0, b"one."),
            (rtnl.NEW_LINK, MULTI, 0, b"two."),
            (rtnl.DONE, MULTI, 0, error(0)),
        ]
    )
    with channel_to(kernel) as made:
        assert await made.dump(rtnl.GET_LINK, b"ask.") == [b"one.", b"two."]
    ((kind, flags, _, body),) = kernel.asked
    assert (kind, flags, body) == (rtnl.GET_LINK, rtnl.REQUEST | rtnl.DUMP, b"ask.")


async def test_a_list_that_changed_meanwhile_is_asked_for_again() -> None:
    """Until it is consistent, or the network never rests."""
    torn = [(rtnl.NEW_LINK, rtnl.INTERRUPTED, 0, b"torn"), (rtnl.DONE, 0, 0, error(0))]
    whole = [(rtnl.NEW_LINK, 0, 0, b"good"), (rtnl.DONE, 0, 0, b"")]
    with channel_to(Kernel(torn, torn, whole)) as made:
        assert await made.dump(rtnl.GET_LINK, b"") == [b"good"]
    with (
        channel_to(Kernel(*[torn] * channel.DUMPS)) as made,
        pytest.raises(OSError, match="changes faster") as caught,
    ):
        await made.dump(rtnl.GET_LINK, b"")
    assert caught.value.errno == errno.EBUSY


async def test_requests_wait_for_their_answer() -> None:
    """A refusal is the system's error; the channel goes on after it."""
    refused = [(rtnl.ERROR, 0, 0, error(errno.ENETUNREACH))]
    done = [(rtnl.ERROR, 0, 0, error(0))]
    with channel_to(Kernel(refused, done)) as made:
        asked = made.request(rtnl.NEW_ROUTE, rtnl.REPLACE_OR_CREATE, b"")
        with pytest.raises(OSError, match="Network is unreachable") as caught:
            await asked
        await made.request(rtnl.NEW_ROUTE, 0, b"")
    assert caught.value.errno == errno.ENETUNREACH


async def test_the_end_of_a_list_may_be_an_error() -> None:
    """The kernel finds out late that it cannot tell."""
    with (
        channel_to(Kernel([(rtnl.DONE, 0, 0, error(errno.ENOENT))])) as made,
        pytest.raises(FileNotFoundError),
    ):
        await made.dump(rtnl.GET_ROUTE, b"")


async def test_a_silent_kernel_is_an_error() -> None:
    """Nothing waits for ever."""
    with (
        channel_to(Kernel([]), timeout_s=0.05) as made,
        pytest.raises(TimeoutError, match="does not answer"),
    ):
        await made.request(rtnl.NEW_LINK, 0, b"")
