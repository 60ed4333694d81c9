# SPDX-License-Identifier: Apache-2.0
"""Resources on the wire: the same specification once as protobuf and once as YAML text.

The textual shape is the source; the protobuf form is derived field by field through the
`json_name` of the message. Addresses, prefixes, times, hardware addresses and keys are text in
YAML and bytes or messages in protobuf.
"""

import base64
import ipaddress
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from edge.api import common_pb2, config_pb2, meta_pb2, resource_pb2
from edge.api.definitions import k8s_pb2
from edge.node.resource.definition import Kind
from edge.node.resource.kind import KINDS, META_KINDS
from edge.node.resource.resource import Resource
from edge.units import parse_duration

_ALL = KINDS | META_KINDS


def to_wire(resource: Resource) -> resource_pb2.Resource:
    """Return the wire form of a resource, with both forms of its specification.

    It is made once for every version and shared: nobody may change it.
    """
    made = resource.memo.get("wire")
    if made is None:
        made = resource.memo["wire"] = resource_pb2.Resource(
            metadata=_metadata(resource),
            spec=resource_pb2.Spec(
                proto_spec=encode_spec(_ALL[resource.type], resource.spec).SerializeToString(),
                yaml_spec=_yaml(resource.spec),
            ),
        )
    wire: resource_pb2.Resource = made
    return wire


def _metadata(resource: Resource) -> resource_pb2.Metadata:
    message = resource_pb2.Metadata(
        namespace=resource.namespace,
        type=resource.type,
        id=resource.id,
        version=str(resource.version),
        owner=resource.owner,
        phase="tearingDown" if resource.tearing_down else "running",
        labels=dict(resource.labels),
        annotations=dict(resource.annotations),
    )
    message.created.FromDatetime(resource.created)
    message.updated.FromDatetime(resource.updated)
    return message


def _yaml(spec: Any) -> str:
    # Not before somebody asks: a board has something better to do while it starts.
    import yaml

    if isinstance(spec, str) and "\n" in spec:
        # A whole document inside a document: clients print it the way it is written here.
        return yaml.safe_dump(spec, default_style="|", allow_unicode=True)
    return yaml.safe_dump(spec, sort_keys=False, default_flow_style=False)


def encode_spec(kind: Kind, spec: Any) -> Message:
    """Return the protobuf form of a specification of this kind."""
    if make := _WHOLE.get(kind.message):
        return make(spec)
    message: Message = kind.message()
    _fill(message, spec)
    return message


def _machine_config(spec: Any) -> Message:
    return config_pb2.MachineConfigSpec(yaml_marshalled=str(spec).encode())


def _machine_type(spec: Any) -> Message:
    name = {"controlplane": "CONTROL_PLANE", "worker": "WORKER"}.get(str(spec), "UNKNOWN")
    return config_pb2.MachineTypeSpec(machine_type=name)


def _static_pod(spec: Any) -> Message:
    return k8s_pb2.StaticPodSpec(pod=_struct(spec))


def _static_pod_status(spec: Any) -> Message:
    return k8s_pb2.StaticPodStatusSpec(pod_status=_struct(spec))


def _struct(values: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update(dict(values))
    return struct


def _definition(spec: Any) -> Message:
    return meta_pb2.ResourceDefinitionSpec(
        resource_type=spec["type"],
        display_type=spec["displayType"],
        default_namespace=spec["defaultNamespace"],
        aliases=spec["aliases"],
        all_aliases=spec["allAliases"],
        print_columns=[
            meta_pb2.ResourceDefinitionSpec.PrintColumn(
                name=column["name"], json_path=column["jsonPath"]
            )
            for column in spec["printColumns"]
        ],
        sensitivity=meta_pb2.ResourceDefinitionSpec.SENSITIVE
        if spec["sensitivity"]
        else meta_pb2.ResourceDefinitionSpec.NON_SENSITIVE,
    )


# Kinds whose textual form is not the message field by field.
_WHOLE = {
    config_pb2.MachineConfigSpec: _machine_config,
    config_pb2.MachineTypeSpec: _machine_type,
    k8s_pb2.StaticPodSpec: _static_pod,
    k8s_pb2.StaticPodStatusSpec: _static_pod_status,
    meta_pb2.ResourceDefinitionSpec: _definition,
}


def _fill(message: Message, spec: dict[str, Any]) -> None:
    for descriptor in message.DESCRIPTOR.fields:
        value = spec.get(descriptor.json_name)
        if value is None or (value == "" and descriptor.message_type):
            # An address that is not there is an empty text, and no message.
            continue
        if _is_map(descriptor):
            getattr(message, descriptor.name).update(value)
        elif descriptor.is_repeated:
            _extend(getattr(message, descriptor.name), descriptor, value)
        elif descriptor.message_type:
            _set_message(getattr(message, descriptor.name), value)
        else:
            setattr(message, descriptor.name, _scalar(descriptor, value))


def _is_map(descriptor: Any) -> bool:
    entry = descriptor.message_type
    return bool(entry and entry.GetOptions().map_entry)


def _extend(target: Any, descriptor: Any, values: Iterable[Any]) -> None:
    for value in values:
        if descriptor.message_type:
            _set_message(target.add(), value)
        else:
            target.append(_scalar(descriptor, value))


def _set_message(message: Message, value: Any) -> None:
    message.SetInParent()
    if isinstance(message, Struct):
        message.update(value)
    elif isinstance(message, common_pb2.NetIP):
        message.ip = ipaddress.ip_address(value).packed
    elif isinstance(message, common_pb2.NetIPPrefix):
        prefix = ipaddress.ip_interface(value)
        message.ip, message.prefix_length = prefix.ip.packed, prefix.network.prefixlen
    elif message.DESCRIPTOR.full_name == "google.protobuf.Duration":
        message.FromNanoseconds(_nanoseconds(value))  # type: ignore[attr-defined]
    elif message.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
        message.FromDatetime(datetime.fromisoformat(value))  # type: ignore[attr-defined]
    else:
        _fill(message, value)


def _nanoseconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    return sign * round(parse_duration(text.removeprefix("-")) * 1e9)


def _scalar(descriptor: Any, value: Any) -> Any:
    if descriptor.enum_type:
        return _enum_number(descriptor, str(value))
    if descriptor.type == FieldDescriptor.TYPE_BYTES:
        # Hardware addresses are text of their own kind, keys and certificates base64.
        return bytes.fromhex(value.replace(":", "")) if ":" in value else base64.b64decode(value)
    if descriptor.type == FieldDescriptor.TYPE_UINT32 and isinstance(value, str):
        return _FLAGS.get(value, 0)
    return value


# Flag words and small constants whose textual form is not an enumeration: kernel values.
_FLAGS = {"permanent": 0x80, "v1": 0, "v2": 1}
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_NAME = re.compile(r"[^A-Z0-9]+")


def _enum_number(descriptor: Any, text: str) -> int:
    kind = descriptor.enum_type
    # OperationalState has the values OPERATIONAL_STATE_UP and so on.
    prefix = _WORD_START.sub("_", kind.name).upper()
    value = kind.values_by_name.get(f"{prefix}_{_NOT_NAME.sub('_', text.upper())}")
    return int(value.number) if value else 0
