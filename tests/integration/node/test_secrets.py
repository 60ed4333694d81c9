# SPDX-License-Identifier: Apache-2.0
"""No secret of a node's configuration is in anything that it prints, or serves to a reader."""

import asyncio
import base64
import os
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import grpc
import pytest

from edge.api import common_pb2, machine_pb2, resource_pb2, security_pb2
from edge.client.client import connect
from edge.client.model import ApplyMode
from edge.client.trust import Mutual
from edge.config.mask import MASK
from edge.config.patch import parse_patch, patch_config
from edge.config.redact import redact
from edge.config.stream import parse_stream
from edge.config.talosconfig import Context, TalosConfig, save_talosconfig
from edge.errors import EdgeError
from edge.meta import keys
from edge.meta.partition import MetaPartition
from edge.node.disk import open_disk
from edge.pki.certificate import issue_client
from edge.pki.role import TOKEN_METHODS, Role, allowed
from edge.provision.lab import API_PORT, LabNode
from tests.integration.node.conftest import Bench
from tests.integration.node.test_roles import ENDING, REQUESTS, _matrix

ROOT = Path(__file__).parents[3]
MOST_MESSAGES, SILENCE_S = 5000, 1.0
MORE = """
machine:
  env: {API_TOKEN: env-secret-cSdKq8}
  registries:
    config:
      registry.example.org:
        auth: {username: bob, password: registry-secret-Jx72Lm}
  files:
    - {content: "a=planted-content", path: /var/planted, op: create}
  install: {grubUseUKICmdline: false, extraKernelArgs: ["a=tcp://h?jointoken=planted-argument"]}
  logging:
    destinations: [{endpoint: "tcp://bob:planted-endpoint@127.0.0.1:9", format: json_lines}]
  systemDiskEncryption:
    state: {keys: [{slot: 0, kms: {endpoint: "https://bob:planted-kms@127.0.0.1"}}]}
  kubelet: {extraArgs: {some-token: planted-extra-argument}}
cluster:
  inlineManifests: [{name: x, contents: "a: planted-manifest"}]
  externalCloudProvider: {enabled: true, manifests: ["https://h/?token=planted-url"]}
---
apiVersion: v1alpha1
kind: SideroLinkConfig
apiUrl: grpc://127.0.0.1:9?jointoken=planted-link
---
apiVersion: v1alpha1
kind: KmsgLogConfig
name: x
url: tcp://bob:planted-kernel-log@127.0.0.1:9
---
apiVersion: v1alpha1
kind: ExtensionServiceConfig
name: x
configFiles: [{content: "a: planted-extension", mountPath: /x}]
"""
PLANTED = re.findall(r"planted-[a-z-]{3,}", MORE)
"""Named here, so that what redaction does not know is looked for, too."""


@pytest.fixture(scope="module")
def text(bench: Bench) -> str:
    """Return a configuration with more secrets in it than a generated one has."""
    node = bench.start("keeper")
    return patch_config(bench.generate(node).controlplane, [parse_patch(MORE)])


@pytest.fixture
async def node(bench: Bench, text: str) -> LabNode:
    """Give a node with that configuration, which was applied wrongly, tried and applied."""
    node = bench.start("keeper")
    if await bench.stage(node) == "maintenance":
        await bench.apply(node, text)
    async with bench.administrator(node):
        return node


def _secrets(bench: Bench, node: LabNode, text: str) -> dict[str, bytes]:
    """Return what nobody may see, by name, in every form that it could be seen in."""
    found: dict[str, str] = {}

    def note(secret: str) -> str:
        found[f"secret {len(found)}"] = secret
        return MASK

    for raw in parse_stream(text, source="the configuration"):
        redact(raw.value, mask=note)
    bundle = bench.secrets
    found |= {
        "token": bundle.trustd_token,
        "bootstrap token": bundle.bootstrap_token,
        "cluster secret": bundle.cluster_secret,
        "secretbox": bundle.secretbox_secret,
        "environment": "env-secret-cSdKq8",
        "registry": "registry-secret-Jx72Lm",
        **{each: each for each in PLANTED},
        "authority": base64.b64encode(bundle.os.key).decode(),
        "kubernetes": base64.b64encode(bundle.k8s.key).decode(),
        "etcd": base64.b64encode(bundle.etcd.key).decode(),
        "aggregator": base64.b64encode(bundle.aggregator.key).decode(),
        "service account": base64.b64encode(bundle.service_account_key).decode(),
        "node key": base64.b64encode(_node_key(node)).decode(),
        "enrolment": base64.b64encode(bench.secret(node) or b"").decode(),
    }
    assert len(found) > 20
    return {
        f"{name}, {form}": value
        for name, secret in found.items()
        for form, value in _forms(secret)
        if len(value) >= 8
    }


def _forms(secret: str) -> Iterator[tuple[str, bytes]]:
    yield "as it is", secret.encode()
    try:
        plain = base64.b64decode(secret, validate=True)
    except ValueError:
        return
    yield "decoded", plain
    yield "in hex", plain.hex().encode()
    if plain.startswith(b"-----BEGIN"):
        # The longest line of a PEM stands for all of it.
        yield "a line of it", max(plain.splitlines()[1:-1], key=len)


def _node_key(node: LabNode) -> bytes:
    disk = open_disk(node.folder / "disk.img")
    assert disk
    meta = next(each for each in disk.table.partitions if each.label == "META")
    return MetaPartition(node.folder / "disk.img", meta.start_bytes).read()[keys.NODE_KEY]


def _assert_clean(secrets: dict[str, bytes], seen: Iterable[tuple[str, bytes]]) -> int:
    """Fail if a secret is in what was seen; return how much was looked at."""
    total, leaks = 0, []
    for where, data in seen:
        total += len(data)
        leaks += [f"{name} in {where}" for name, secret in secrets.items() if secret in data]
    assert not leaks
    return total


def _channel(bench: Bench, node: LabNode, role: Role) -> Any:
    pair = issue_client(bench.secrets.os, [role], now=datetime.now(UTC))
    root = bench.secrets.os.certificate
    credentials = grpc.ssl_channel_credentials(root, pair.key, pair.certificate)
    return grpc.aio.secure_channel(f"{node.address}:{API_PORT}", credentials)


async def _ask(channel: Any, path: str, request: bytes = b"") -> bytes:
    """Return everything that a call answers, its error included, until it falls silent."""
    call = channel.stream_stream(path)(iter([request]), timeout=10)
    parts: list[bytes] = []
    try:
        for _ in range(MOST_MESSAGES):
            async with asyncio.timeout(SILENCE_S):
                answer = await call.read()
            if answer is grpc.aio.EOF:
                parts.append((await call.details() or "").encode())
                break
            parts.append(answer)
    except TimeoutError:
        call.cancel()
    except grpc.aio.AioRpcError as error:
        parts.append((error.details() or "").encode())
    return b"\n".join(parts)


async def _everything(channel: Any, role: Role) -> list[tuple[str, bytes]]:
    """Return what every method answers that `role` may call, and every log and resource."""
    seen = []
    for path in _matrix().keys() - ENDING - TOKEN_METHODS:
        if allowed(path, {role}) and role is Role.READER:
            seen.append((path, await _ask(channel, path, REQUESTS.get(path, b""))))
    seen += [(f"log {name}", await _log(channel, name)) for name in await _logs(channel)]
    for type_, namespace in await _kinds(channel):
        request = resource_pb2.ListRequest(namespace=namespace, type=type_)
        found = await _ask(channel, "/cosi.resource.State/List", request.SerializeToString())
        seen.append((f"resources {type_}", found))
    events = machine_pb2.EventsRequest(tail_events=-1)
    machine = "/machine.MachineService"
    seen.append(("events", await _ask(channel, f"{machine}/Events", events.SerializeToString())))
    listing = machine_pb2.ListRequest(root="/", recurse=True).SerializeToString()
    seen.append(("files", await _ask(channel, f"{machine}/List", listing)))
    return seen


async def _logs(channel: Any) -> list[str]:
    answer = await _ask(channel, "/machine.MachineService/LogsContainers")
    message = machine_pb2.LogsContainersResponse.FromString(answer.rstrip(b"\n"))
    return [name for each in message.messages for name in each.ids]


async def _log(channel: Any, name: str) -> bytes:
    request = machine_pb2.LogsRequest(
        id=name, namespace="system", driver=common_pb2.CONTAINERD, tail_lines=-1
    )
    return await _ask(channel, "/machine.MachineService/Logs", request.SerializeToString())


async def _kinds(channel: Any) -> list[tuple[str, str]]:
    request = resource_pb2.ListRequest(namespace="meta", type="ResourceDefinitions.meta.cosi.dev")
    call = channel.unary_stream(
        "/cosi.resource.State/List",
        request_serializer=resource_pb2.ListRequest.SerializeToString,
        response_deserializer=resource_pb2.ListResponse.FromString,
    )(request)
    found = []
    async for each in call:
        name = each.resource.metadata.id
        spec = each.resource.spec.yaml_spec
        fields = dict(line.split(": ", 1) for line in spec.splitlines() if ": " in line)
        found.append((fields.get("type", name), fields.get("defaultNamespace", "")))
    assert len(found) > 20
    return found


async def test_a_reader_sees_no_secret(bench: Bench, node: LabNode, text: str) -> None:
    """In no answer, error, log, event, resource or name of a file, whatever happened before."""
    await _have_things_go_wrong(bench, node, text)
    async with _channel(bench, node, Role.READER) as channel:
        seen = await _everything(channel, Role.READER)
    looked_at = _assert_clean(_secrets(bench, node, text), seen)
    assert looked_at > 20_000


async def test_the_console_shows_no_secret(bench: Bench, node: LabNode, text: str) -> None:
    """Nor does the command line of its processes, which every user of the machine can read."""
    await _have_things_go_wrong(bench, node, text)
    assert node.pid
    lines = Path("/proc", str(node.pid), "cmdline").read_bytes()  # noqa: ASYNC240
    seen = [("console", node.console.read_bytes()), ("command line", lines)]
    assert _assert_clean(_secrets(bench, node, text), seen) > 100


async def test_logs_and_events_show_administrators_none_either(
    bench: Bench, node: LabNode, text: str
) -> None:
    """Logs are sent to other places, and pasted into other people's chats."""
    await _have_things_go_wrong(bench, node, text)
    async with _channel(bench, node, Role.ADMIN) as channel:
        seen = [(f"log {name}", await _log(channel, name)) for name in await _logs(channel)]
        request = machine_pb2.EventsRequest(tail_events=-1).SerializeToString()
        seen.append(("events", await _ask(channel, "/machine.MachineService/Events", request)))
    _assert_clean(_secrets(bench, node, text), seen)


async def test_differences_and_errors_are_masked(bench: Bench, node: LabNode, text: str) -> None:
    """What an administrator is told about a configuration quotes none of its secrets."""
    seen = await _have_things_go_wrong(bench, node, text)
    assert len(seen) == 5
    _assert_clean(_secrets(bench, node, text), seen)


async def _have_things_go_wrong(bench: Bench, node: LabNode, text: str) -> list[tuple[str, bytes]]:
    """Apply, try and refuse configurations, and misuse the token; return what was said."""
    changed = text.replace("env-secret-cSdKq8", "env-secret-new1xx")
    wrong = text.replace("token: ", "token: {broken: true} #", 1)
    unknown = text.replace("token: ", "tokenn: ", 1)
    said = []
    async with connect(node.address, bench.mutual(node)) as client:
        applied = await client.apply(changed, dry_run=True)
        said.append(("difference", applied.details.encode()))
        applied = await client.apply(text, mode=ApplyMode.NO_REBOOT)
        said.append(("applied", "\n".join((applied.details, *applied.warnings)).encode()))
        for name, bad in (("wrong", wrong), ("unknown", unknown)):
            try:
                await client.apply(bad)
            except EdgeError as error:
                faults = getattr(error, "faults", ())
                said.append((name, "\n".join((error.message, *faults)).encode()))
    said.append(("trustd", await _refused_by_trustd(bench, node)))
    return said


async def _refused_by_trustd(bench: Bench, node: LabNode) -> bytes:
    credentials = grpc.ssl_channel_credentials(bench.secrets.os.certificate)
    async with grpc.aio.secure_channel(f"{node.address}:50001", credentials) as channel:
        call: Any = channel.unary_unary(
            "/securityapi.SecurityService/Certificate",
            request_serializer=security_pb2.CertificateRequest.SerializeToString,
        )
        request = security_pb2.CertificateRequest(csr=b"nonsense")
        metadata = (("token", bench.secrets.trustd_token),)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(request, metadata=metadata, timeout=10)
        return (caught.value.details() or "").encode()


async def test_the_search_would_find_them(bench: Bench, node: LabNode, text: str) -> None:
    """In the configuration itself, which an administrator may read, all of them are seen."""
    secrets = _secrets(bench, node, text)
    request = resource_pb2.GetRequest(
        namespace="config", type="MachineConfigs.config.talos.dev", id="v1alpha1"
    ).SerializeToString()
    async with _channel(bench, node, Role.ADMIN) as channel:
        answer = await _ask(channel, "/cosi.resource.State/Get", request)
    hidden = [name for name, secret in secrets.items() if "as it is" in name]
    found = [name for name in hidden if secrets[name] in answer]
    assert set(hidden) - set(found) <= {"node key, as it is", "enrolment, as it is"}
    async with _channel(bench, node, Role.READER) as channel:
        refused = await _ask(channel, "/cosi.resource.State/Get", request)
    assert _assert_clean(secrets, [("refusal", refused)]) > 0


async def test_a_support_bundle_has_no_secret(
    bench: Bench, node: LabNode, text: str, tmp_path: Path
) -> None:
    """It is made to be sent to strangers."""
    trust: Mutual = bench.mutual(node)
    context = Context(nodes=(node.address,), ca=trust.ca, crt=trust.crt, key=trust.key)
    file, bundle = tmp_path / "talosconfig", tmp_path / "support.zip"
    save_talosconfig(TalosConfig(current="bench", contexts={"bench": context}), file)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edge", "support", "-O", str(bundle), "-n", node.address),
        cwd=ROOT,
        env={**os.environ, "TALOSCONFIG": str(file)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out
    with zipfile.ZipFile(BytesIO(bundle.read_bytes())) as archive:
        seen = [(name, archive.read(name)) for name in archive.namelist()]
    assert _assert_clean(_secrets(bench, node, text), [("narration", out), *seen]) > 1000
