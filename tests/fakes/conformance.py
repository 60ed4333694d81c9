# SPDX-License-Identifier: Apache-2.0
"""Compares the two forms of a specification by the rules of the catalogue, not by our encoder."""

import base64
import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from edge.api import common_pb2, config_pb2
from edge.api.definitions import k8s_pb2

_FLAGS = {"": 0, "permanent": 0x80, "v1": 0, "v2": 1}
_UNITS = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "µs": 10**3, "ns": 1}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|µs|ns|m|s)")


def disagreements(message: Message, spec: Any) -> list[str]:
    """Return where the decoded protobuf form and the YAML form say different things."""
    if isinstance(message, config_pb2.MachineConfigSpec):
        return _unless(message.yaml_marshalled.decode() == spec, "the text")
    if isinstance(message, config_pb2.MachineTypeSpec):
        return _unless({2: "controlplane", 3: "worker"}.get(message.machine_type) == spec, "type")
    if isinstance(message, k8s_pb2.StaticPodSpec | k8s_pb2.StaticPodStatusSpec):
        pods = [value for _, value in message.ListFields()]
        return _unless(MessageToDict(pods[0]) == spec, "the pod")
    return list(_compare(message, spec, ""))


def _compare(message: Message, spec: Mapping[str, Any], path: str) -> Iterable[str]:
    fields = {field.json_name: field for field in message.DESCRIPTOR.fields}
    for key in spec.keys() - fields.keys():
        yield f"{path}{key}: only in YAML"
    for field, _ in message.ListFields():
        if field.json_name not in spec:
            yield f"{path}{field.json_name}: only in protobuf"
    for key in spec.keys() & fields.keys():
        got = getattr(message, fields[key].name)
        yield from _field(fields[key], message, got, spec[key], f"{path}{key}")


def _field(field: Any, parent: Message, got: Any, spec: Any, path: str) -> Iterable[str]:
    if field.message_type and field.message_type.GetOptions().map_entry:
        yield from _unless(dict(got) == spec, path)
    elif field.is_repeated:
        yield from _unless(len(got) == len(spec), f"{path}: length")
        for number, (one, wanted) in enumerate(zip(got, spec, strict=False)):
            yield from _value(field, one, wanted, f"{path}[{number}]")
    elif field.message_type and spec == "":
        yield from _unless(not parent.HasField(field.name), path)
    else:
        yield from _value(field, got, spec, path)


def _value(field: Any, got: Any, spec: Any, path: str) -> Iterable[str]:
    known = _message(got, spec)
    if known is not None:
        return _unless(known, f"{path}: {got} is not {spec!r}")
    if isinstance(got, Message):
        return _compare(got, spec, f"{path}.")
    if field.enum_type:
        name = field.enum_type.values_by_number[got].name
        return _unless(_plain(name).endswith(_plain(spec)), f"{path}: {name} is not {spec!r}")
    return _unless(_scalar(got, spec), f"{path}: {got!r} is not {spec!r}")


def _message(got: Any, spec: Any) -> bool | None:
    """Compare what is text in YAML and a message in protobuf; nothing for other messages."""
    if isinstance(got, common_pb2.NetIP):
        return bool(str(_address(got.ip)) == spec)
    if isinstance(got, common_pb2.NetIPPrefix):
        return bool(f"{_address(got.ip)}/{got.prefix_length}" == spec)
    if isinstance(got, Duration):
        return got.ToNanoseconds() == _nanoseconds(spec)
    if isinstance(got, Struct):
        return bool(MessageToDict(got) == spec)
    return None


def _scalar(got: Any, spec: Any) -> bool:
    if isinstance(got, bytes):
        if re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2})*", spec):
            return bytes.fromhex(spec.replace(":", "")) == got
        return base64.b64decode(spec) == got
    if isinstance(got, int) and isinstance(spec, str):
        return _FLAGS[spec] == got
    return bool(got == spec) and type(got) in (type(spec), float)


def _nanoseconds(text: str) -> int:
    parts = _DURATION.findall(text)
    sign = -1 if text.startswith("-") else 1
    return sign * round(sum(float(number) * _UNITS[unit] for number, unit in parts))


def _address(data: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(data)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _unless(same: bool, what: str) -> list[str]:
    return [] if same else [what]
