# SPDX-License-Identifier: Apache-2.0
"""The node's key and the certificate that it signs itself, made by the signing process or here.

machined loads the library for it when nobody waits any more; then that process goes. One that
fails costs time and nothing else.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from edge.errors import TrustError
from edge.node.log import logger
from edge.node.signing import SigningProcess, answer

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_log = logger("machined")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeKey:
    """A private key (PEM) and the SHA-256 of its public half (DER SubjectPublicKeyInfo)."""

    pem: bytes = field(repr=False)
    digest: bytes


class Signer:
    """Makes and reads the node's key, and signs with it, by `process` as long as there is one."""

    def __init__(self, process: SigningProcess | None = None) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def take_key(self, pem: bytes | None) -> NodeKey:
        """Return the key `pem`, or a new one (ECDSA P-256, PKCS#8) when there is none.

        Raises:
            TrustError: when `pem` is not a key.
        """
        known = pem.decode("ascii", "replace") if pem else ""
        made = await self._do({"order": "key", "key": known})
        return NodeKey(pem=made["key"].encode(), digest=bytes.fromhex(made["digest"]))

    async def self_sign(
        self,
        pem: bytes,
        *,
        common_name: str,
        dns_names: Iterable[str],
        addresses: "Iterable[IPv4Address | IPv6Address]",
        now: datetime,
        lifetime: timedelta,
    ) -> bytes:
        """Return a server certificate (PEM) that the key `pem` signs for itself."""
        made = await self._do(
            {
                "order": "certificate",
                "key": pem.decode(),
                "common_name": common_name,
                "dns_names": list(dns_names),
                "addresses": [str(each) for each in addresses],
                "now": now.timestamp(),
                "lifetime": lifetime.total_seconds(),
            }
        )
        return bytes(made["certificate"], "ascii")

    async def end(self) -> None:
        """Let the process go; orders are carried out here from now on."""
        async with self._turn:
            await self._end()

    async def _do(self, order: dict[str, Any]) -> dict[str, Any]:
        async with self._turn:
            if self._process:
                try:
                    return _checked(await asyncio.to_thread(self._process.ask, order))
                except (OSError, ValueError) as error:
                    _log.warning("the signing process failed, going on without it: %s", error)
                    await self._end()
                except asyncio.CancelledError:
                    # The answer would be taken for that to the next order.
                    self._process.end()
                    self._process = None
                    raise
            return _checked(await asyncio.to_thread(answer, order))

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process:
            await asyncio.to_thread(process.end)


def _checked(made: dict[str, Any]) -> dict[str, Any]:
    if "fault" in made:
        raise TrustError(made["fault"])
    return made
