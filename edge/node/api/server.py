# SPDX-License-Identifier: Apache-2.0
"""The listening server: ports and TLS; what is behind them is loaded for the first call.

In maintenance mode TLS proves only the server; afterwards both sides. Certificates are handed
out by a fetcher, so a renewed one takes effect for new connections without a restart.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc

from edge.errors import NodeError
from edge.node.api.transport import Credentials, bind, dynamic_credentials

if TYPE_CHECKING:
    from edge.node.api.gate import Gate

API_PORT = 50000
MAINTENANCE_PORT = 50001
MESSAGE_LIMIT = 32 * 1024 * 1024
METADATA_LIMIT = 256 * 1024
STOP_GRACE_S = 2.0
MOST_STREAMS = 1024
"""Calls at a time on one connection; more of them wait at the client."""
MOST_CALLS = 16384
"""Calls at a time on all connections, and as many that wait; more of them are refused."""

_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    # Answers are measured before they are sent, with a message that says what is wrong.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_concurrent_streams", MOST_STREAMS),
    # Fewer by default, and of them some are refused at random, in a burst of many clients.
    ("grpc.server.max_pending_requests", MOST_CALLS),
    ("grpc.server.max_pending_requests_hard_limit", MOST_CALLS),
    # What every connection costs, which a board with little memory has for thousands.
    ("grpc.tsi.max_frame_size", 4096),
    ("grpc.enable_channelz", 0),
    # The names of many nodes are metadata, too.
    ("grpc.max_metadata_size", METADATA_LIMIT),
    ("grpc.absolute_max_metadata_size", METADATA_LIMIT),
    # Whoever connects and says nothing, and whoever went away without hanging up.
    ("grpc.server_handshake_timeout_ms", 20_000),
    ("grpc.max_connection_idle_ms", 1_800_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
]


class ApiServer:
    """One running server; `new_gate` makes what is behind it, when first needed."""

    def __init__(
        self,
        new_gate: "Callable[[], Gate]",
        fetch: Callable[[], Credentials],
        *,
        maintenance: bool,
    ) -> None:
        self.maintenance = maintenance
        self._fetch = fetch
        self._calls = _Calls(new_gate)
        self._server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=MOST_CALLS)
        self._server.add_generic_rpc_handlers((self._calls,))

    async def start(self, address: str, ports: tuple[int, ...]) -> None:
        """Bind and serve.

        Raises:
            NodeError: when a port is taken; nothing is bound then.
            TrustError: when clients are to be verified and there is no authority to do it by.
        """
        try:
            for port in ports:
                # Each port is told once which certificate is new, so each has its own.
                verified = not self.maintenance
                credentials = dynamic_credentials(self._fetch, verify_clients=verified)
                bind(self._server, address, port, credentials)
        except NodeError:
            await self._server.stop(None)
            raise
        await self._server.start()

    async def stop(self) -> None:
        """Let calls have their answers, let streams end for a moment, and close.

        The answers come first because some clients drop a call when told that the server goes:
        whoever applied a configuration, or asked for a restart, would not know that it worked.
        """
        if self._calls.gate:
            await self._calls.gate.settled(STOP_GRACE_S)
        await self._server.stop(STOP_GRACE_S)
        # It may have been made for a call that came in the meantime.
        if self._calls.gate:
            await self._calls.gate.close()


class _Calls(grpc.GenericRpcHandler):
    """Hands calls to the gate, and has it made for the first of them.

    Loading it takes a board longer than coming up without it. Whoever calls before it is there
    waits, as does everybody else on this node: that is less than they would have waited before.
    """

    def __init__(self, new_gate: "Callable[[], Gate]") -> None:
        self._new_gate = new_gate
        self.gate: Gate | None = None

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return the handler of a method."""
        if self.gate is None:
            self.gate = self._new_gate()
        return self.gate.guard.service(handler_call_details)
