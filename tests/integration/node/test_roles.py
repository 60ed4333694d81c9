# SPDX-License-Identifier: Apache-2.0
"""Every method of every service, called with a certificate of every role on a lab node."""

import pkgutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc
import pytest

import edge.api
from edge.api import machine_pb2
from edge.pki.certificate import KeyPair, issue_client, issue_server
from edge.pki.key import new_key
from edge.pki.role import TOKEN_METHODS, Role
from edge.provision.lab import API_PORT, LabNode
from tests.integration.node.conftest import Bench

MATRIX = Path(__file__).parents[2] / "golden/roles/matrix.txt"
LETTERS = {
    Role.ADMIN: "A",
    Role.OPERATOR: "O",
    Role.READER: "R",
    Role.ETCD_BACKUP: "B",
    Role.IMAGE_VERIFIER: "V",
    Role.META_WRITER: "M",
    Role.IMPERSONATOR: "-",
}
CALL_S = 3.0
MACHINE = "/machine.MachineService"
# A call that is allowed really does it, so these come last and one at a time.
ENDING = {f"{MACHINE}/Reboot", f"{MACHINE}/Shutdown"}
# An empty request would wipe the disk: this one names nothing to wipe.
_SPARING = machine_pb2.ResetRequest(
    system_partitions_to_wipe=[machine_pb2.ResetPartitionSpec(label="STATE", wipe=False)]
)
REQUESTS = {f"{MACHINE}/Reset": _SPARING.SerializeToString()}


def _matrix() -> dict[str, str]:
    """Return upstream's table: method to the letters of the roles that may call it."""
    lines = MATRIX.read_text().splitlines()
    rows = (line.partition(" ") for line in lines if not line.startswith("#"))
    return {method: letters for method, _, letters in rows if method not in TOKEN_METHODS}


def _described() -> Iterator[str]:
    modules = [f"edge.api.{each.name}" for each in pkgutil.iter_modules(edge.api.__path__)]
    for name in modules:
        if name.endswith("_pb2"):
            services = import_module(name).DESCRIPTOR.services_by_name.values()
            yield from (f"/{each.full_name}/{m.name}" for each in services for m in each.methods)


@pytest.fixture(scope="module")
def member(bench: Bench) -> LabNode:
    """Give a node that waits for its configuration."""
    return bench.start("one")


async def _configured(bench: Bench, node: LabNode) -> None:
    if await bench.stage(node) == "maintenance":
        await bench.apply(node, bench.generate(node).controlplane)
    async with bench.administrator(node):
        pass


@asynccontextmanager
async def _channel(
    bench: Bench, node: LabNode, roles: tuple[str, ...] = (), *, pair: KeyPair | None = None
) -> AsyncIterator[Any]:
    pair = pair or issue_client(bench.secrets.os, roles, now=datetime.now(UTC))
    root = bench.secrets.os.certificate
    credentials = grpc.ssl_channel_credentials(root, pair.key, pair.certificate)
    options = [("grpc.use_local_subchannel_pool", 1)]
    target = f"{node.address}:{API_PORT}"
    async with grpc.aio.secure_channel(target, credentials, options) as channel:
        yield channel


async def _call(channel: Any, path: str, **more: Any) -> tuple[grpc.StatusCode, str]:
    """Call and return how it went; a stream that has nothing to say yet is fine, too."""
    while True:
        result = await _try(channel, path, **more)
        # Refused before the request was written: the client library then loses the answer.
        if result != (grpc.StatusCode.INTERNAL, "Internal error from Core"):
            return result


async def _try(channel: Any, path: str, **more: Any) -> tuple[grpc.StatusCode, str]:
    call = channel.stream_stream(path)(iter([REQUESTS.get(path, b"")]), timeout=CALL_S, **more)
    try:
        async for _answer in call:
            call.cancel()
            break
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


def _is_refused(result: tuple[grpc.StatusCode, str]) -> bool:
    return result == (grpc.StatusCode.PERMISSION_DENIED, "not authorized")


@pytest.mark.parametrize("role", Role, ids=str)
async def test_a_role_opens_what_the_table_says(bench: Bench, member: LabNode, role: Role) -> None:
    """All other methods refuse it, in the same words."""
    await _configured(bench, member)
    matrix = _matrix()
    assert matrix.keys() | TOKEN_METHODS == set(_described())
    wrong = []
    async with _channel(bench, member, (role,)) as channel:
        for path, letters in matrix.items():
            is_open = LETTERS[role] in letters
            if path in ENDING and is_open:
                continue
            result = await _call(channel, path)
            if _is_refused(result) is is_open or result[0] is grpc.StatusCode.UNAVAILABLE:
                wrong.append((path, *result))
    assert not wrong


async def test_a_claimed_role_counts_for_nothing(bench: Bench, member: LabNode) -> None:
    """Only another node may say for whom it calls."""
    await _configured(bench, member)
    claims = (("talos-role", str(Role.ADMIN)),)
    for roles in ((), (Role.READER,), ("os:emperor",)):
        async with _channel(bench, member, roles) as channel:
            assert _is_refused(await _call(channel, f"{MACHINE}/Read", metadata=claims)), roles


async def test_a_servers_certificate_opens_nothing(bench: Bench, member: LabNode) -> None:
    """Whoever takes a worker's key and certificate cannot call with them."""
    await _configured(bench, member)
    key = new_key()
    certificate = issue_server(bench.secrets.os, key, common_name="os:admin", now=datetime.now(UTC))
    pair = KeyPair(certificate=certificate, key=key)
    async with _channel(bench, member, pair=pair) as channel:
        assert (await _call(channel, f"{MACHINE}/Version"))[0] is not grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, grpc.StatusCode.UNAUTHENTICATED),
        ("", grpc.StatusCode.UNAUTHENTICATED),
        ("abcdef.0123456789abcdef", grpc.StatusCode.UNAUTHENTICATED),
        ("the right one", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_trustd_goes_by_the_token(
    bench: Bench, member: LabNode, token: str | None, code: grpc.StatusCode
) -> None:
    """Whoever has it is told that nonsense is nonsense, all others nothing."""
    await _configured(bench, member)
    right = bench.secrets.trustd_token if token == "the right one" else token
    metadata = () if right is None else (("token", right),)
    credentials = grpc.ssl_channel_credentials(bench.secrets.os.certificate)
    (path,) = TOKEN_METHODS
    async with grpc.aio.secure_channel(f"{member.address}:50001", credentials) as channel:
        assert (await _call(channel, path, metadata=metadata))[0] is code


async def test_maintenance_makes_everybody_a_reader(bench: Bench) -> None:
    """What readers may do is open, and what the table opens in maintenance only."""
    node = bench.start("fresh")
    wrong = []
    async with bench.maintenance(node) as client:
        for path, letters in _matrix().items():
            is_open = "R" in letters or "r" in letters
            result = await _call(client._channel.grpc, path)
            if _is_refused(result) is is_open:
                wrong.append((path, *result))
    assert not wrong


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN], ids=str)
@pytest.mark.parametrize("path", sorted(ENDING))
async def test_who_may_end_a_machine_does(
    bench: Bench, member: LabNode, path: str, role: Role
) -> None:
    """Restart and power-off work for those to whom the table gives them."""
    await _configured(bench, member)
    async with _channel(bench, member, (role,)) as channel:
        assert (await _call(channel, path))[0] is grpc.StatusCode.OK
    bench.lab.cut_power(member.name)
    bench.lab.start(member.name)
