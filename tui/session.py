# SPDX-License-Identifier: Apache-2.0
"""One connection to one node, trusted as far as what it shows allows.

A node in maintenance is pinned to the key of the first handshake, which says whether it is a card
of ours; a configured one has to prove itself by the cluster's authority, and we to it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from socket import gaierror

from edge.client.channel import split_endpoint
from edge.client.client import NodeClient, connect
from edge.client.fault import UnreachableError
from edge.client.model import NodeVersion
from edge.client.tls import look
from edge.client.trust import Mutual, Pinned, Presented, check_pin
from edge.errors import EdgeError, NodeError, TrustError
from tui.keyring import Keyring
from tui.services import Identity, Target

REACH_TIMEOUT_S = 3.0
MACHINE_CONFIG = ("MachineConfigs.config.talos.dev", "config", "v1alpha1")

Identify = Callable[[str], Awaitable[Identity]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open connection, who is at its other end, and what that node runs."""

    client: NodeClient
    endpoint: str
    identity: Identity
    maintenance: bool
    version: NodeVersion

    async def configuration(self) -> str:
        """Return the active machine configuration."""
        type_, namespace, name = MACHINE_CONFIG
        return str((await self.client.resource(type_, namespace, name)).spec)


@asynccontextmanager
async def open_session(
    target: Target, keyring: Keyring, identify: Identify, pins: Sequence[str] = ()
) -> AsyncIterator[Session]:
    """Connect to `target`; with `pins`, only if its key has one of these fingerprints.

    Raises:
        NodeError: when nobody answers.
        TrustError: when somebody else does, or the node does not know us.
    """
    endpoint = await _reach(target.endpoints)
    presented = await _look(endpoint)
    _check_key(presented, endpoint, pins)
    _check_key(presented, endpoint, filter(None, (target.fingerprint,)))
    maintenance = presented is not None and presented.is_maintenance
    identity = await identify(presented.fingerprint) if presented else Identity()
    async with AsyncExitStack() as stack:
        if maintenance:
            pin = Pinned(fingerprints=(identity.fingerprint,))
            client = await stack.enter_async_context(connect(endpoint, pin))
            version = await client.version()
        else:
            identities = await asyncio.to_thread(keyring.identities)
            client, version = await _introduce(stack, endpoint, identities, alive=bool(presented))
        yield Session(
            client=client,
            endpoint=endpoint,
            identity=identity,
            maintenance=maintenance,
            version=version,
        )


async def _reach(endpoints: Sequence[str]) -> str:
    """Return the first endpoint that takes a connection; no thread ever waits for a dead node."""
    fault: EdgeError | None = None
    for endpoint in endpoints:
        host, port = split_endpoint(endpoint)
        try:
            async with asyncio.timeout(REACH_TIMEOUT_S):
                _, writer = await asyncio.open_connection(host, port)
        except TimeoutError:
            fault = fault or NodeError(f"{endpoint} did not answer in {REACH_TIMEOUT_S:.0f} s")
        except OSError as error:
            fault = fault or NodeError(f"{endpoint} cannot be reached: {_reason(error)}")
        else:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            return endpoint
    raise fault or NodeError("the node has no address")


def _reason(error: OSError) -> str:
    # asyncio words a refusal as "Connect call failed (address)"; the number says it better.
    if isinstance(error, gaierror) or not error.errno:
        return (error.strerror or str(error)).lower()
    return os.strerror(error.errno).lower()


async def _look(endpoint: str) -> Presented | None:
    try:
        return await look(*split_endpoint(endpoint), where=endpoint)
    except UnreachableError:
        # It went in between, as a node does for a moment that has just been configured.
        raise
    except NodeError:
        # Before TLS 1.3 a configured server shows strangers nothing.
        return None


def _check_key(presented: Presented | None, endpoint: str, expected: Iterable[str]) -> None:
    fingerprints = tuple(expected)
    if not fingerprints:
        return
    if presented is None:
        raise TrustError(f"{endpoint} does not show its key, so it cannot be compared")
    check_pin(presented, Pinned(fingerprints=fingerprints), endpoint)


async def _introduce(
    stack: AsyncExitStack, endpoint: str, identities: Sequence[Mutual], *, alive: bool
) -> tuple[NodeClient, NodeVersion]:
    """Connect with the first identity that the node accepts; `alive` is one that spoke TLS."""
    fault: EdgeError = TrustError(
        f"{endpoint} is configured, and there is no client configuration to talk to it",
        hint="edgectl tui --talosconfig FILE",
    )
    for identity in identities:
        attempt = AsyncExitStack()
        try:
            client = await attempt.enter_async_context(connect(endpoint, identity))
            version = await client.version()
        except EdgeError as error:
            await attempt.aclose()
            # Whoever just finished a handshake and now ends one does so for lack of trust.
            fault = TrustError(error.message) if alive else error
        else:
            stack.push_async_exit(attempt)
            return client, version
    raise fault
