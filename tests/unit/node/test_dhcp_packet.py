# SPDX-License-Identifier: Apache-2.0
"""DHCP packets, what they grant, and the datagrams that carry them."""

import ipaddress
from collections.abc import Mapping
from ipaddress import ip_address
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.node.network.announce import write_announcement
from edge.node.network.dhcp import packet as dhcp
from edge.node.network.dhcp.datagram import read_datagram, write_datagram
from edge.node.network.dhcp.lease import FOREVER, Lease, read_lease, read_times
from edge.node.network.dhcp.packet import Packet, read_packet, write_packet

HARDWARE = bytes.fromhex("02005e000102")
ADDRESSES = st.binary(min_size=4, max_size=4)
CODES = st.integers(1, 254).filter(lambda code: code != dhcp.OVERLOAD)
PACKETS = st.builds(
    Packet,
    operation=st.sampled_from([dhcp.ASK, dhcp.REPLY]),
    transaction=st.integers(0, 2**32 - 1),
    hardware=st.binary(max_size=16),
    seconds=st.integers(0, 0xFFFF),
    broadcast=st.booleans(),
    client=ADDRESSES,
    granted=ADDRESSES,
    options=st.dictionaries(CODES, st.binary(max_size=600), max_size=12),
)


def raw(*addresses: str) -> bytes:
    return b"".join(ip_address(each).packed for each in addresses)


def offer(
    address: str = "10.9.0.50",
    mask: str = "255.255.255.0",
    options: Mapping[int, bytes] = MappingProxyType({}),
) -> Packet:
    """Return an offer with more options than its mask."""
    base = {dhcp.MESSAGE_TYPE: bytes((dhcp.OFFER,))} | ({dhcp.MASK: raw(mask)} if mask else {})
    return Packet(
        operation=dhcp.REPLY,
        transaction=1,
        hardware=HARDWARE,
        granted=raw(address),
        options={**base, **options},
    )


@given(PACKETS)
def test_packets_come_back(packet: Packet) -> None:
    """What is written is read, long options included."""
    assert read_packet(write_packet(packet)) == packet


@given(PACKETS, st.data())
def test_spoilt_packets_never_crash(packet: Packet, data: st.DataObject) -> None:
    """Wherever it is cut off or changed, there is a packet or none, and a lease or none."""
    spoilt = bytearray(write_packet(packet))
    for _ in range(data.draw(st.integers(0, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    read = read_packet(bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))]))
    if read:
        read_lease("eth0", read)
        read_times(read)


@given(st.binary(max_size=700))
def test_odd_bytes_never_crash(data: bytes) -> None:
    """Neither as a datagram nor as a packet."""
    read_datagram(data)
    read_datagram(b"\x45" + data, checked=False)
    read_packet(data)
    read_packet(write_packet(offer())[:240] + data)


@given(st.dictionaries(st.sampled_from([1, 3, 6, 15, 51, 58, 59, 121]), st.binary(max_size=40)))
def test_odd_options_never_crash(options: dict[int, bytes]) -> None:
    """A lease that is read can be used: its times have an order, its routes are networks."""
    packet = offer(mask="", options=options)
    if lease := read_lease("eth0", packet):
        for network, _ in lease.routes:
            ipaddress.ip_network(network)
        assert "\n" not in lease.domain
    renewal, rebinding, end = read_times(packet)
    assert 0 < renewal <= rebinding <= end


@given(ADDRESSES, st.binary(max_size=600))
def test_datagrams_come_back(source: bytes, payload: bytes) -> None:
    """A client's own datagram is one to a server; turned round it is one to a client."""
    sent = write_datagram(source, payload)
    assert read_datagram(sent) is None
    turned = sent[:20] + sent[22:24] + sent[20:22] + sent[24:]
    assert read_datagram(turned) == payload
    padded = turned + b"padding of Ethernet"
    assert read_datagram(padded) == payload


def test_checksums_count_unless_nobody_summed_yet() -> None:
    """A wrong one of UDP is fine within one machine, a wrong one of IP never."""
    sent = write_datagram(raw("10.9.0.50"), b"payload.")
    turned = bytearray(sent[:20] + sent[22:24] + sent[20:22] + sent[24:])
    turned[-1] ^= 1
    assert read_datagram(bytes(turned)) is None
    assert read_datagram(bytes(turned), checked=False)
    turned[8] ^= 1
    assert read_datagram(bytes(turned), checked=False) is None


def test_options_overflow_into_the_fields_of_bootp() -> None:
    """First into the file's name, then into the server's; pieces of an option are joined."""
    written = bytearray(write_packet(offer(options={dhcp.OVERLOAD: b"\3", dhcp.DOMAIN: b"a"})))
    written[108:112] = bytes((dhcp.DOMAIN, 1)) + b"b\xff"
    written[44:48] = bytes((dhcp.DOMAIN, 1)) + b"c\xff"
    read = read_packet(bytes(written))
    assert read
    assert read.options[dhcp.DOMAIN] == b"abc"


def test_a_lease_has_all_that_is_granted() -> None:
    """Address, the first gateway, resolvers and domain."""
    options = {
        dhcp.ROUTER: raw("0.0.0.0", "10.9.0.1", "10.9.0.2"),
        dhcp.RESOLVER: raw("10.9.0.3", "224.0.0.1", "10.9.0.4"),
        dhcp.DOMAIN: b"site.example\0",
    }
    assert read_lease("eth0", offer(options=options)) == Lease(
        link="eth0",
        address=ipaddress.IPv4Interface("10.9.0.50/24"),
        gateway="10.9.0.1",
        resolvers=("10.9.0.3", "10.9.0.4"),
        domain="site.example",
    )


@pytest.mark.parametrize(
    ("address", "mask"),
    [
        ("0.0.0.0", "255.255.255.0"),
        ("127.0.0.1", "255.0.0.0"),
        ("224.0.0.1", "255.255.255.0"),
        ("255.255.255.255", "255.255.255.0"),
        ("10.9.0.50", "255.0.255.0"),
        ("10.9.0.50", "0.0.0.0"),
        ("10.9.0.0", "255.255.255.0"),
        ("10.9.0.255", "255.255.255.0"),
    ],
)
def test_nonsense_is_no_lease(address: str, mask: str) -> None:
    """No host has such an address, no network such a mask."""
    assert read_lease("eth0", offer(address, mask)) is None


@pytest.mark.parametrize(
    ("address", "length"),
    [("10.9.1.50", 8), ("172.16.3.4", 16), ("192.168.3.4", 24)],
)
def test_without_a_mask_the_class_counts(address: str, length: int) -> None:
    """As it did before there were masks, and does in other clients."""
    lease = read_lease("eth0", offer(address, ""))
    assert lease
    assert lease.address.network.prefixlen == length


def test_single_addresses_are_leases() -> None:
    """Clouds grant /32, and links between two /31."""
    for mask, length in (("255.255.255.255", 32), ("255.255.255.254", 31)):
        lease = read_lease("eth0", offer("10.9.0.50", mask))
        assert lease
        assert lease.address.network.prefixlen == length


def test_classless_routes_replace_routers() -> None:
    """The default one is the gateway; another one may lead to the link itself (RFC 3442)."""
    routes = b"\x20" + raw("10.9.0.1", "0.0.0.0") + b"\x00" + raw("10.9.0.1")
    routes += b"\x13\x0a\x08\xff" + raw("10.9.0.2")
    lease = read_lease(
        "eth0", offer(options={dhcp.ROUTER: raw("10.9.0.9"), dhcp.CLASSLESS_ROUTES: routes})
    )
    assert lease
    assert lease.gateway == "10.9.0.1"
    assert lease.routes == (("10.9.0.1/32", ""), ("10.8.224.0/19", "10.9.0.2"))
    without = read_lease(
        "eth0", offer(options={dhcp.CLASSLESS_ROUTES: b"\x08\x0b" + raw("10.9.0.2")})
    )
    assert without
    assert (without.gateway, without.routes) == ("", (("11.0.0.0/8", "10.9.0.2"),))


def test_a_domain_of_several_lines_is_none() -> None:
    """It goes into the file of the resolvers."""
    lease = read_lease("eth0", offer(options={dhcp.DOMAIN: b"example\nnameserver 10.6.6.6"}))
    assert lease
    assert lease.domain == ""


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ({}, (1800, 3150, 3600)),
        ({51: 800}, (400, 700, 800)),
        ({51: 800, 58: 100, 59: 200}, (100, 200, 800)),
        ({51: 800, 58: 700, 59: 200}, (400, 700, 800)),
        ({51: 800, 59: 900}, (400, 700, 800)),
        ({51: 0}, (5, 8.75, 10)),
        ({51: 0xFFFFFFFF}, (FOREVER, FOREVER, FOREVER)),
    ],
)
def test_times_have_an_order(options: dict[int, int], times: tuple[float, float, float]) -> None:
    """What a server leaves out or confuses is a share of the lease."""
    packed = {code: value.to_bytes(4) for code, value in options.items()}
    assert read_times(offer(options=packed)) == times


def test_an_announcement_asks_for_its_own_address() -> None:
    """From and about the same address, which updates the neighbours' tables."""
    packet = write_announcement(HARDWARE, ipaddress.IPv4Address("10.9.0.50"))
    assert packet.hex() == "0001080006040001" + "02005e000102" + "0a090032" + "0" * 12 + "0a090032"
