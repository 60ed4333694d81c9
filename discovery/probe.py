# SPDX-License-Identifier: Apache-2.0
"""Try every address of a network for the node API, where multicast does not pass.

Only the TLS greeting is exchanged; what comes back is the certificate, for the caller to judge.
"""

import asyncio
import contextlib
import ipaddress
import ssl
from dataclasses import dataclass
from typing import Final

from discovery.record import API_PORT
from edge.errors import ConfigError

MAX_HOSTS: Final = 1 << 16
CONCURRENCY: Final = 128

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Somebody who speaks TLS at `address`; `certificate` is DER."""

    address: str
    port: int
    certificate: bytes


async def probe(network: Network, *, port: int = API_PORT, timeout_s: float = 2.0) -> list[Answer]:
    """Return who answers on `port` in `network`, in address order; at most `timeout_s` each.

    Raises:
        ConfigError: when `network` has too many addresses to try.
    """
    if network.num_addresses > MAX_HOSTS:
        raise ConfigError(
            f"{network} has {network.num_addresses} addresses, more than can be tried",
            hint=f"name a network of at most {MAX_HOSTS} addresses, such as a /24",
        )
    context = _context()
    waiting = iter(network.hosts())
    answers: list[Answer] = []

    async def work() -> None:
        for address in waiting:
            certificate = await _greet(str(address), port, context, timeout_s)
            if certificate:
                answers.append(Answer(address=str(address), port=port, certificate=certificate))

    await asyncio.gather(*(work() for _ in range(min(CONCURRENCY, network.num_addresses))))
    return sorted(answers, key=lambda answer: ipaddress.ip_address(answer.address).packed)


def _context() -> ssl.SSLContext:
    # Nothing is trusted here: the certificate is what we came for.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


async def _greet(
    address: str, port: int, context: ssl.SSLContext, timeout_s: float
) -> bytes | None:
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(address, port, ssl=context)
    except (OSError, TimeoutError):
        return None
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(timeout_s):
            await writer.wait_closed()
    return certificate
