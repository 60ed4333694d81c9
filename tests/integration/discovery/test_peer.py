# SPDX-License-Identifier: Apache-2.0
"""Members of a cluster hear of each other by multicast DNS."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

from discovery.advertise import Advertiser
from discovery.record import NodeRecord
from edge.node.control.peer import MulticastPeers
from edge.node.membership import is_member, prove
from edge.pki.key import fingerprint, new_key


async def test_members_hear_of_each_other_by_multicast() -> None:
    """With the proof that they know the cluster's secret; who goes is heard of, too."""
    secret = "a secret"
    record = NodeRecord(
        name="member", id="peer-1", fingerprint=fingerprint(new_key()), machine_type="worker"
    )
    record = replace(record, membership=prove(secret, record))
    advertiser = Advertiser(record)
    peers = MulticastPeers().hear(lambda: record, lambda each: is_member(secret, each))
    async with asyncio.timeout(30), aclosing(peers) as sightings:
        await advertiser.set_interfaces({"lo": ["127.42.254.9"]})
        seen = False
        async for found in sightings:
            heard = found.get((record.id, record.fingerprint))
            if heard and not seen:
                assert is_member(secret, heard)
                assert str(heard.address) == "127.42.254.9"
                seen = True
                await advertiser.close()
            if seen and heard is None:
                return
    raise AssertionError("it was not heard to go")
