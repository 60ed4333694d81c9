# SPDX-License-Identifier: Apache-2.0
"""One zeroconf instance bound to one link, so that links never speak for each other."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Collection, Sequence

from zeroconf import Error
from zeroconf.asyncio import AsyncZeroconf

from edge.errors import NodeError

START_TIMEOUT_S = 5.0

# From <linux/in.h> and <linux/in6.h>; the socket module does not name them.
_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29


async def open_link(name: str, sources: Sequence[str | int]) -> AsyncZeroconf:
    """Open multicast DNS on the link `name`, sending from `sources` (addresses, IPv6 indexes).

    Raises:
        NodeError: when the link cannot carry it now, or port 5353 is held by somebody else.
    """
    if not sources:
        raise NodeError(f"link {name}: no address to use multicast DNS from")
    try:
        zeroconf = AsyncZeroconf(interfaces=list(sources))
        await asyncio.wait_for(zeroconf.zeroconf.async_wait_for_start(), START_TIMEOUT_S)
    except (OSError, RuntimeError, TimeoutError, Error) as error:
        raise NodeError(f"link {name}: multicast DNS does not start: {error}") from error
    if not zeroconf.zeroconf.engine.senders:
        await close_link(zeroconf)
        raise NodeError(f"link {name}: multicast DNS cannot send from {_listed(sources)}")
    hear_only_own_link(zeroconf)
    return zeroconf


async def close_link(zeroconf: AsyncZeroconf) -> None:
    """Say goodbye and close the sockets, even when the link is gone."""
    with contextlib.suppress(OSError, Error, TimeoutError):
        await asyncio.wait_for(zeroconf.async_close(), START_TIMEOUT_S)


def hear_only_own_link(zeroconf: AsyncZeroconf) -> None:
    """Stop the kernel from handing over what groups joined elsewhere on this machine receive.

    Linux delivers multicast to every socket of the port by default, so without this a node
    would answer one link's questions with another link's addresses.
    """
    if sys.platform != "linux":
        return
    for reader in zeroconf.zeroconf.engine.readers:
        reader.sock.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        if reader.sock.family == socket.AF_INET6:
            reader.sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)


def _listed(sources: Collection[str | int]) -> str:
    return ", ".join(str(source) for source in sources)
