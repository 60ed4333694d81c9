# SPDX-License-Identifier: Apache-2.0
"""The node's key and its own certificate, by the signing process and without it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from edge.errors import TrustError
from edge.node.signer import Signer
from edge.node.signing import SigningProcess
from edge.pki.certificate import inspect
from edge.pki.key import new_key, spki_digest

# machined forks before it has threads; a test may have some.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
NOW = datetime(2026, 5, 4, tzinfo=UTC)
PROGRAM = """
import json, sys
from edge.node.signing import SigningProcess
process = SigningProcess()
for line in sys.stdin:
    print(json.dumps(process.ask(json.loads(line))), flush=True)
"""


@pytest.fixture(params=["process", "here"])
async def signer(request: pytest.FixtureRequest) -> AsyncIterator[Signer]:
    made = Signer(SigningProcess() if request.param == "process" else None)
    yield made
    await made.end()


async def _sign(signer: Signer, key: bytes) -> bytes:
    return await signer.self_sign(
        key,
        common_name="node",
        dns_names=["a", "b"],
        addresses=[ip_address("10.0.0.1"), ip_address("fe80::1%eth0")],
        now=NOW,
        lifetime=timedelta(days=2),
    )


async def test_a_new_key_and_its_digest(signer: Signer) -> None:
    """Every one is another; the digest is that of the public half."""
    one, two = await signer.take_key(None), await signer.take_key(None)
    assert one.pem != two.pem
    assert one.digest == spki_digest(one.pem)


async def test_a_known_key_stays(signer: Signer) -> None:
    """It is read, for its digest, and given back."""
    pem = new_key()
    taken = await signer.take_key(pem)
    assert (taken.pem, taken.digest) == (pem, spki_digest(pem))


async def test_what_is_no_key_is_said(signer: Signer) -> None:
    """And the next order is carried out."""
    with pytest.raises(TrustError, match="not a private key"):
        await signer.take_key(b"-----BEGIN PRIVATE KEY-----\nno\n-----END PRIVATE KEY-----\n")
    assert (await signer.take_key(None)).pem


async def test_a_certificate_says_what_was_ordered(signer: Signer) -> None:
    """Names, addresses without their links, and dates."""
    key = new_key()
    said = inspect(await _sign(signer, key))
    assert said.common_name == "node"
    assert said.dns_names == ("a", "b")
    assert said.addresses == (ip_address("10.0.0.1"), ip_address("fe80::1"))
    assert said.not_after == NOW + timedelta(days=2)
    assert said.spki_digest == spki_digest(key)


async def test_a_signer_outlives_its_process() -> None:
    """What the process was asked for is made here then, once it is dead or gone."""
    process = SigningProcess()
    signer = Signer(process)
    os.kill(process.pid, signal.SIGKILL)
    async with asyncio.timeout(60):
        assert (await signer.take_key(None)).pem
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    assert (await signer.take_key(None)).pem


async def test_orders_of_many_do_not_mix() -> None:
    """Each gets its own answer."""
    signer = Signer(SigningProcess())
    keys = [new_key() for _ in range(8)]
    taken = await asyncio.gather(*(signer.take_key(each) for each in keys))
    assert [each.pem for each in taken] == keys
    await signer.end()


async def test_the_process_ends_with_whoever_began_it() -> None:
    """However that ended."""
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert owner.stdin
    assert owner.stdout
    async with asyncio.timeout(60):
        owner.stdin.write(b'{"order": "key", "key": ""}\n')
        assert "digest" in json.loads(await owner.stdout.readline())
        owner.kill()
        await owner.wait()
        # It holds the other end of the owner's output, which ends with the last that has it.
        assert await owner.stdout.read() == b""
