# SPDX-License-Identifier: Apache-2.0
"""A program that announces nodes with the real `Advertiser` until its standard input ends.

Arguments: the seconds a record is valid, the link's name, then one address a node, whose last
byte numbers it. Lines on standard input: "state N STATE" changes node N, "leave N" says its
goodbye, "die" ends the program without one. Prints "ready" when everything is announced and
"done" after each line.
"""

import asyncio
import base64
import hashlib
import os
import sys
from dataclasses import replace
from ipaddress import ip_address

from discovery.advertise import Advertiser
from discovery.record import NodeRecord, NodeState


def node_record(number: int) -> NodeRecord:
    """Return the record of node `number`, every field filled."""
    digest = hashlib.sha256(str(number).encode()).digest()
    return NodeRecord(
        name=f"cam-{number:02}",
        id=f"{number:08x}-0000-4000-8000-000000000000",
        state=NodeState.MAINTENANCE,
        version="0.1.0",
        arch="arm64",
        board="rpi4",
        fingerprint=base64.b64encode(digest).decode(),
        card=f"{number:016x}",
        cluster="homelab",
    )


def number_of(address: str) -> int:
    """Return the number of the node at `address`."""
    return ip_address(address).packed[-1]


async def announce(ttl_s: int, link: str, addresses: list[str]) -> None:
    """Announce a node for each address and follow the commands."""
    numbers = [number_of(address) for address in addresses]
    nodes = {number: Advertiser(node_record(number), ttl_s=ttl_s) for number in numbers}
    for first in range(0, len(addresses), 16):
        group = addresses[first : first + 16]
        await asyncio.gather(
            *(nodes[number_of(one)].set_interfaces({link: [one]}) for one in group)
        )
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        match line.split():
            case ["state", number, state]:
                node = nodes[int(number)]
                await node.update(replace(node.record, state=NodeState(state)))
            case ["leave", number]:
                await nodes[int(number)].close()
            case ["die"]:
                os._exit(0)
        print("done", flush=True)
    await asyncio.gather(*(node.close() for node in nodes.values()))


if __name__ == "__main__":
    asyncio.run(announce(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
