# SPDX-License-Identifier: Apache-2.0
"""A client's dialogue with servers that are played here, at times that are told."""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.node.network.dhcp import dialogue as states
from edge.node.network.dhcp import packet as dhcp
from edge.node.network.dhcp.dialogue import EVERYBODY, Dialogue
from edge.node.network.dhcp.lease import FOREVER, Lease
from edge.node.network.dhcp.packet import Packet

HARDWARE = bytes.fromhex("02005e000102")
ADDRESS = ip_address("10.9.0.50").packed
OTHER = ip_address("10.7.0.50").packed
SERVER = ip_address("10.9.0.1").packed
STRANGER = ip_address("10.9.0.66").packed
LEASE_S = 800
TYPES = {dhcp.DISCOVER: "discover", dhcp.REQUEST: "request"}


class Client:
    """A dialogue with what it sent and told; `now` is the time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sent: list[tuple[Packet, bytes]] = []
        self.told: list[Lease | None] = []
        self._drawn = 0
        self.dialogue = Dialogue(
            *("eth0", HARDWARE, "n1", self.now),
            send=lambda packet, to: self.sent.append((packet, to)),
            tell=self.told.append,
            draw=self._draw,
        )

    def _draw(self) -> int:
        # The last byte stretches pauses.
        self._drawn += 0x100
        return self._drawn

    @property
    def last(self) -> Packet:
        """The packet sent last."""
        return self.sent[-1][0]

    def until(self, time: float) -> list[tuple[float, str]]:
        """Let time pass; return when which types of messages were sent."""
        told: list[tuple[float, str]] = []
        before = len(self.sent)
        while self.dialogue.due <= time:
            assert len(told) < 1000, "it asks without a pause"
            self.now = max(self.now, self.dialogue.due)
            self.dialogue.step(self.now)
            told += [(self.now, TYPES[packet.kind]) for packet, _ in self.sent[before:]]
            before = len(self.sent)
        self.now = time
        return told

    def hear(self, kind: int, *, server: bytes = SERVER, **changes: Any) -> None:
        """Get an answer to the last packet, and do what is due then."""
        options = {
            dhcp.MESSAGE_TYPE: bytes((kind,)),
            dhcp.MASK: b"\xff\xff\xff\0",
            dhcp.SERVER: server,
            dhcp.LEASE_TIME: LEASE_S.to_bytes(4),
        }
        packet = Packet(
            operation=dhcp.REPLY,
            transaction=self.last.transaction,
            hardware=HARDWARE,
            granted=ADDRESS,
            options=options,
        )
        self.dialogue.receive(replace(packet, **changes), self.now)
        self.dialogue.step(self.now)

    def bind(self) -> None:
        """Get a lease now."""
        self.until(self.now)
        self.hear(dhcp.OFFER)
        self.hear(dhcp.ACK)
        assert self.dialogue.state == states.BOUND


@pytest.fixture
def client() -> Client:
    return Client()


def test_a_lease_takes_two_questions(client: Client) -> None:
    """The first one says who asks for what; the second one takes up an offer."""
    assert client.until(1000) == [(1000, "discover")]
    first = client.last
    assert first.options[dhcp.HOST_NAME] == b"n1"
    assert first.options[dhcp.VENDOR] == b"edgectl"
    assert first.options[dhcp.CLIENT] == b"\1" + HARDWARE
    wanted = first.options[dhcp.PARAMETERS]
    assert wanted.index(dhcp.CLASSLESS_ROUTES) < wanted.index(dhcp.ROUTER)
    assert (first.broadcast, first.client, client.sent[-1][1]) == (False, dhcp.NOWHERE, EVERYBODY)
    client.hear(dhcp.OFFER)
    assert client.last.address(dhcp.REQUESTED_ADDRESS) == ADDRESS
    assert client.last.address(dhcp.SERVER) == SERVER
    assert client.last.transaction == first.transaction
    assert client.told == []
    client.hear(dhcp.ACK)
    (lease,) = client.told
    assert lease
    assert str(lease.address) == "10.9.0.50/24"
    assert client.dialogue.due == 1000 + LEASE_S / 2


def test_pauses_grow_while_nobody_answers(client: Client) -> None:
    """Sixteen seconds are the longest; `secs` says since when; some ask for answers to all."""
    sent = client.until(1063)
    assert [at - 1000 for at, _ in sent] == [0, 1, 3, 7, 15, 31, 47, 63]
    assert {kind for _, kind in sent} == {"discover"}
    assert client.last.seconds == 63
    flags = [packet.broadcast for packet, _ in client.sent]
    assert flags == [False, False, False, True, False, True, False, True]
    assert len({packet.transaction for packet, _ in client.sent}) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"transaction": 7},
        {"hardware": b"\2" * 6},
        {"operation": dhcp.ASK},
        {"granted": dhcp.NOWHERE},
        {"options": {dhcp.MESSAGE_TYPE: bytes((dhcp.OFFER,)), dhcp.MASK: b"\xff\0\0\0"}},
        {"options": {}},
    ],
)
def test_answers_for_others_are_none(client: Client, changes: dict[str, Any]) -> None:
    """Nor are those that offer nothing."""
    client.until(1000)
    client.hear(dhcp.OFFER, **changes)
    assert client.dialogue.state == states.SELECTING


def test_only_the_chosen_server_may_answer(client: Client) -> None:
    """Another one neither grants nor refuses what it did not offer."""
    client.until(1000)
    client.hear(dhcp.OFFER)
    client.hear(dhcp.ACK, server=STRANGER)
    client.hear(dhcp.NAK, server=STRANGER)
    client.hear(dhcp.OFFER, server=STRANGER)
    assert client.dialogue.state == states.REQUESTING
    assert client.told == []


def test_a_server_that_offers_but_never_grants_is_left(client: Client) -> None:
    """After four requests all servers are asked again."""
    client.until(1000)
    client.hear(dhcp.OFFER)
    sent = client.until(1020)
    assert [(at - 1000, kind) for at, kind in sent] == [
        *((1, "request"), (3, "request"), (7, "request")),
        *((15, "discover"), (16, "discover"), (18, "discover")),
    ]


def test_refused_offers_do_not_make_a_storm(client: Client) -> None:
    """The pause grows with every refusal; a grant ends that."""
    starts = []
    for _ in range(5):
        client.until(client.dialogue.due)
        starts.append(client.now - 1000)
        client.hear(dhcp.OFFER)
        client.hear(dhcp.NAK)
    assert starts == [0, 1, 3, 7, 15]
    assert client.told == []


def test_renewal_asks_the_server_and_then_everybody(client: Client) -> None:
    """Half of what is left passes between questions; at the end the lease is lost."""
    client.bind()
    sent = client.until(1000 + LEASE_S)
    assert [at - 1000 for at, _ in sent] == [
        *(400, 550, 625, 662.5, 681.25, 697.25),
        *(700, 750, 775, 791, 800),
    ]
    to = [each[1] for each in client.sent[2:]]
    assert to == [SERVER] * 6 + [EVERYBODY] * 5
    asked = client.sent[2][0]
    assert asked.client == ADDRESS
    assert dhcp.REQUESTED_ADDRESS not in asked.options
    assert dhcp.SERVER not in asked.options
    assert client.told[1:] == [None]
    assert client.last.kind == dhcp.DISCOVER
    assert client.last.address(dhcp.REQUESTED_ADDRESS) == ADDRESS


def test_a_renewed_lease_counts_from_its_question(client: Client) -> None:
    """Whoever grants it, the one that was asked or, later, another one."""
    client.bind()
    client.until(1400)
    client.hear(dhcp.ACK)
    assert client.dialogue.due == 1800
    client.until(1400 + 700)
    assert client.dialogue.state == states.REBINDING
    client.hear(dhcp.ACK, server=STRANGER)
    assert client.dialogue.due == 2100 + LEASE_S / 2
    client.until(client.dialogue.due)
    assert client.sent[-1][1] == STRANGER
    assert None not in client.told


def test_a_refused_renewal_begins_again_at_once(client: Client) -> None:
    """The network is another one, and so will be the address."""
    client.bind()
    client.until(1400)
    client.hear(dhcp.NAK)
    assert client.told[1:] == [None]
    assert client.last.kind == dhcp.DISCOVER
    assert dhcp.REQUESTED_ADDRESS not in client.last.options
    client.hear(dhcp.OFFER, granted=OTHER)
    client.hear(dhcp.ACK, granted=OTHER)
    assert client.told[-1]
    assert str(client.told[-1].address) == "10.7.0.50/24"


def test_a_lease_for_ever_is_not_renewed(client: Client) -> None:
    """Nothing is due any more."""
    client.until(1000)
    client.hear(dhcp.OFFER)
    options = client.last.options | {
        **{dhcp.MESSAGE_TYPE: bytes((dhcp.ACK,)), dhcp.LEASE_TIME: b"\xff" * 4},
        dhcp.SERVER: SERVER,
    }
    client.hear(dhcp.ACK, options=options)
    assert client.dialogue.due == FOREVER
    client.dialogue.reconnect(client.now)
    client.until(1100)
    assert client.dialogue.due == FOREVER


def test_a_carrier_starts_the_questions_anew(client: Client) -> None:
    """Switches take seconds to start; nothing is waited for then."""
    client.until(1010)
    client.dialogue.reconnect(1010)
    sent = client.until(1012)
    assert [at - 1010 for at, _ in sent] == [0, 1]


def test_a_carrier_has_the_lease_confirmed(client: Client) -> None:
    """The server that hears it says whether this is still its network."""
    client.bind()
    client.dialogue.reconnect(1100)
    client.until(1100)
    assert client.last.address(dhcp.REQUESTED_ADDRESS) == ADDRESS
    assert (client.last.client, dhcp.SERVER in client.last.options) == (dhcp.NOWHERE, False)
    client.hear(dhcp.ACK)
    assert client.dialogue.due == 1100 + LEASE_S / 2
    client.dialogue.reconnect(1200)
    client.until(1200)
    client.hear(dhcp.NAK, server=STRANGER)
    assert client.told[2:] == [None]
    assert client.last.kind == dhcp.DISCOVER


def test_a_lease_that_nobody_confirms_stays_as_good_as_it_was(client: Client) -> None:
    """A server may just be away; the lease ends when it would have ended."""
    client.bind()
    client.dialogue.reconnect(1100)
    sent = client.until(1399)
    assert [at - 1100 for at, _ in sent] == [0, 1, 3, 7]
    assert (client.dialogue.state, client.dialogue.due) == (states.BOUND, 1400)
    client.dialogue.reconnect(1795)
    client.until(1801)
    assert client.told[1:] == [None]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("wait"), st.floats(0, 900)),
            st.tuples(st.just("hear"), st.sampled_from([0, 1, 2, 3, 5, 6])),
            st.tuples(st.just("carrier"), st.just(0)),
        ),
        max_size=40,
    )
)
def test_no_order_of_events_stops_the_questions(events: list[tuple[str, float]]) -> None:
    """Something is always due; grants and losses take turns; nothing is sent without a pause."""
    client = Client()
    for what, value in events:
        if what == "wait":
            sent = client.until(client.now + value)
            assert len(sent) <= 12 + value
        elif what == "hear" and client.sent:
            client.hear(int(value))
        elif what == "carrier":
            client.dialogue.reconnect(client.now)
    assert client.dialogue.due < client.now + LEASE_S
    lost = [at for at, lease in enumerate(client.told) if lease is None]
    assert all(at and client.told[at - 1] is not None for at in lost)
