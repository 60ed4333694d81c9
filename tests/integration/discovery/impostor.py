# SPDX-License-Identifier: Apache-2.0
"""A program that announces one node the way an attacker would: escape sequences, false addresses.

Arguments: the address to send from. Prints "ready" and stays until its standard input ends.
"""

import asyncio
import sys

from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from discovery.record import SERVICE_TYPE

TXT = {
    b"txtvers": b"1",
    b"id": b"0badc0de-evil",
    b"st": b"\x1b[31mrunning",
    b"ver": b"\xff\xfe\x1b]0;owned\x07" + b"9" * 200,
    b"board": "\u202egnp.exe".encode(),
    b"fp": b"A" * 200,
    b"card": b"' OR 1=1 --",
    b"unknown": b"x" * 200,
}


async def pretend(address: str) -> None:
    """Announce the impostor."""
    zeroconf = AsyncZeroconf(interfaces=[address])
    info = ServiceInfo(
        SERVICE_TYPE,
        f"\u009b2J\u202eevil.{SERVICE_TYPE}",
        port=50000,
        properties=TXT,
        server="evil.local.",
        parsed_addresses=[address, "127.0.0.1", "224.0.0.1", "10.77.0.66"],
    )
    await (await zeroconf.async_register_service(info, cooperating_responders=True, strict=False))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await zeroconf.async_close()


if __name__ == "__main__":
    asyncio.run(pretend(sys.argv[1]))
