# SPDX-License-Identifier: Apache-2.0
"""What a client says when (RFC 2131, section 4.4), without sockets and clocks.

Whoever has those calls `step` when it is `due`, hands over every packet, and says when the link
has a carrier again: then a lease is confirmed, because the cable may lead elsewhere now.

States are those of the RFC's figure 5, except that INIT and INIT-REBOOT are states whose first
packet is due at once.
"""

import os
from collections.abc import Callable

from edge.node.network.dhcp import packet as dhcp
from edge.node.network.dhcp.lease import FOREVER, Lease, read_lease, read_times
from edge.node.network.dhcp.packet import Packet

SELECTING, REQUESTING, BOUND = "selecting", "requesting", "bound"
RENEWING, REBINDING, REBOOTING = "renewing", "rebinding", "rebooting"

Send = Callable[[Packet, bytes], None]
"""Sends a packet to the address of a server, or to all of them."""
Tell = Callable[[Lease | None], None]
EVERYBODY = b"\xff" * 4
VENDOR = b"edgectl"

PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Pauses between requests: short at first, since boards and switches start together."""
TRIES = 4
"""How often an offer is taken up, or a lease to be confirmed, before the client thinks again."""
RENEWAL_PAUSE_S = 16.0
"""The shortest pause while there is a lease; otherwise half of what is left, as the RFC wants."""
_PATIENCE = 3
_MAX_SIZE = (1500).to_bytes(2)
# Routes without classes first, as RFC 3442 wants.
_PARAMETERS = bytes(
    (
        *(dhcp.MASK, dhcp.CLASSLESS_ROUTES, dhcp.ROUTER, dhcp.RESOLVER, dhcp.DOMAIN),
        *(dhcp.LEASE_TIME, dhcp.SERVER, dhcp.RENEWAL_TIME, dhcp.REBINDING_TIME),
    )
)


def draw_transaction() -> int:
    """Return a number that nobody guesses."""
    return int.from_bytes(os.urandom(4))


class Dialogue:
    """The client's side of the conversation about one address; begins with `step`."""

    def __init__(
        self,
        link: str,
        hardware: bytes,
        hostname: str,
        now: float,
        *,
        send: Send,
        tell: Tell,
        draw: Callable[[], int] = draw_transaction,
    ) -> None:
        self._link = link
        self._hardware = hardware
        self._hostname = hostname
        self._send = send
        self._tell = tell
        self._draw = draw
        self.state = SELECTING
        self.due = now
        self._transaction = draw()
        self._began = now
        self._sent = now
        self._tries = 0
        self._refusals = 0
        self._asks_all = False
        self._address = dhcp.NOWHERE
        """What is leased or, before, was offered or was leased last."""
        self._server = dhcp.NOWHERE
        self._lease: Lease | None = None
        self._renewal = self._rebinding = self._end = FOREVER

    def step(self, now: float) -> None:
        """Do what is due by `now`."""
        if self._lease and now >= self._end:
            self._lose(now)
        if now < self.due:
            return
        steps = {
            SELECTING: self._discover,
            REQUESTING: self._take_up,
            BOUND: self._renew,
            RENEWING: self._renew,
            REBINDING: self._rebind,
            REBOOTING: self._confirm,
        }
        steps[self.state](now)
        if self._lease:
            self.due = min(self.due, self._end)

    def receive(self, packet: Packet, now: float) -> None:
        """Act on a packet, if it is an answer to what was asked last."""
        is_mine = (packet.transaction, packet.hardware) == (self._transaction, self._hardware)
        if packet.operation != dhcp.REPLY or not is_mine:
            return
        if self.state == SELECTING and packet.kind == dhcp.OFFER:
            self._consider(packet, now)
        elif self.state in (SELECTING, BOUND):
            return
        elif packet.kind == dhcp.ACK:
            self._accept(packet)
        elif packet.kind == dhcp.NAK and self._may_refuse(packet):
            self._yield(now)

    def reconnect(self, now: float) -> None:
        """Ask at once: the link has a carrier again."""
        if self._lease:
            self._enter(REBOOTING, now)
        else:
            self._enter(SELECTING, now)

    def _enter(self, state: str, now: float) -> None:
        """Begin a transaction; its first packet is due at once."""
        self.state = state
        self.due = now
        self._transaction = self._draw()
        self._began = now
        self._tries = 0

    def _discover(self, now: float) -> None:
        # Answers come to an address that is not ours yet. Somebody on the way may not manage
        # that, so some of later packets ask for answers to everybody.
        self._asks_all = self._tries >= _PATIENCE and self._tries % 2 == 1
        options = {dhcp.REQUESTED_ADDRESS: self._address} if any(self._address) else {}
        self._ask(dhcp.DISCOVER, now, options)
        self.due = now + self._pause()

    def _consider(self, packet: Packet, now: float) -> None:
        server = packet.address(dhcp.SERVER)
        if any(server) and read_lease(self._link, packet):
            self._address, self._server = packet.granted, server
            self.state = REQUESTING
            self.due = now
            self._tries = 0
            self.step(now)

    def _take_up(self, now: float) -> None:
        if self._tries >= TRIES:
            self._enter(SELECTING, now)
            self._discover(now)
            return
        options = {dhcp.REQUESTED_ADDRESS: self._address, dhcp.SERVER: self._server}
        self._ask(dhcp.REQUEST, now, options)
        self.due = now + self._pause()

    def _confirm(self, now: float) -> None:
        if self._tries >= TRIES:
            # Nobody knows better, so it is as good as it was (RFC 2131, section 3.2).
            self.state, self.due = BOUND, self._renewal
            return
        self._ask(dhcp.REQUEST, now, {dhcp.REQUESTED_ADDRESS: self._address})
        self.due = now + self._pause()

    def _renew(self, now: float) -> None:
        if self.state == BOUND:
            self._enter(RENEWING, now)
        if now >= self._rebinding:
            self._enter(REBINDING, now)
            self._rebind(now)
            return
        self._ask(dhcp.REQUEST, now, {}, client=self._address, to=self._server)
        self.due = min(now + _renewal_pause(self._rebinding - now), self._rebinding)

    def _rebind(self, now: float) -> None:
        self._ask(dhcp.REQUEST, now, {}, client=self._address)
        self.due = now + _renewal_pause(self._end - now)

    def _accept(self, packet: Packet) -> None:
        server = packet.address(dhcp.SERVER)
        if self.state == REQUESTING and server not in (dhcp.NOWHERE, self._server):
            return
        lease = read_lease(self._link, packet)
        if lease is None:
            return
        renewal, rebinding, end = read_times(packet)
        # It counts from when it was asked for (RFC 2131, section 4.4.1).
        self._renewal, self._rebinding = self._sent + renewal, self._sent + rebinding
        self._end = self._sent + end
        self._address = packet.granted
        self._server = server if any(server) else self._server
        self._lease = lease
        self._refusals = 0
        self.state, self.due = BOUND, self._renewal
        self._tell(lease)

    def _may_refuse(self, packet: Packet) -> bool:
        """Say whether the server is one that was asked."""
        asked_all = self.state in (REBINDING, REBOOTING)
        return asked_all or packet.address(dhcp.SERVER) in (dhcp.NOWHERE, self._server)

    def _yield(self, now: float) -> None:
        """Begin again without the address; with a pause if a server refuses its own offers."""
        was_offered = self.state == REQUESTING
        self._lose(now)
        self._address = dhcp.NOWHERE
        if was_offered:
            self.due = now + PAUSES_S[min(self._refusals, len(PAUSES_S) - 1)]
            self._refusals += 1

    def _lose(self, now: float) -> None:
        had_one = self._lease is not None
        self._lease = None
        self._enter(SELECTING, now)
        if had_one:
            self._tell(None)

    def _pause(self) -> float:
        pause = PAUSES_S[min(self._tries, len(PAUSES_S)) - 1]
        # A little longer on each board, so that those that were switched on together part.
        return pause * (1 + (self._transaction & 0xFF) / 0x800)

    def _ask(
        self,
        kind: int,
        now: float,
        options: dict[int, bytes],
        *,
        client: bytes = dhcp.NOWHERE,
        to: bytes = EVERYBODY,
    ) -> None:
        self._tries += 1
        self._sent = now
        packet = Packet(
            operation=dhcp.ASK,
            transaction=self._transaction,
            hardware=self._hardware,
            seconds=min(int(now - self._began), 0xFFFF),
            broadcast=self._asks_all and not any(client),
            client=client,
            options={dhcp.MESSAGE_TYPE: bytes((kind,)), **options, **self._introduction()},
        )
        self._send(packet, to)

    def _introduction(self) -> dict[int, bytes]:
        hostname = self._hostname.encode("ascii", "ignore")
        return {
            dhcp.CLIENT: b"\1" + self._hardware,
            dhcp.MAX_SIZE: _MAX_SIZE,
            dhcp.VENDOR: VENDOR,
            **({dhcp.HOST_NAME: hostname} if hostname else {}),
            dhcp.PARAMETERS: _PARAMETERS,
        }


def _renewal_pause(left: float) -> float:
    return max(left / 2, RENEWAL_PAUSE_S)
