# SPDX-License-Identifier: Apache-2.0
"""Resources on the wire: the same specification once as protobuf and once as YAML text.

The textual shape is the source; the protobuf form is derived field by field through the
`json_name` of the message. Addresses, prefixes, times and hardware addresses are text in YAML
and bytes or messages in protobuf.
"""

import ipaddress
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import yaml
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from edge.api import common_pb2, config_pb2, meta_pb2, resource_pb2
from edge.node.resource.kind import KINDS, Kind
from edge.node.resource.resource import Resource
from edge.units import parse_duration

DEFINITION_TYPE = "ResourceDefinitions.meta.cosi.dev"
NAMESPACE_TYPE = "Namespaces.meta.cosi.dev"


def to_wire(resource: Resource) -> resource_pb2.Resource:
    """Return the wire form of a resource, with both forms of its specification."""
    return resource_pb2.Resource(
        metadata=_metadata(resource),
        spec=resource_pb2.Spec(proto_spec=_proto(resource), yaml_spec=_yaml(resource.spec)),
    )


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
    if isinstance(spec, str) and "\n" in spec:
        # A whole document inside a document: clients print it the way it is written here.
        return yaml.safe_dump(spec, default_style="|", allow_unicode=True)
    return yaml.safe_dump(spec, sort_keys=False, default_flow_style=False)


def _proto(resource: Resource) -> bytes:
    if resource.type == DEFINITION_TYPE:
        return _definition(resource.spec).SerializeToString()
    if resource.type == NAMESPACE_TYPE:
        return meta_pb2.NamespaceSpec(description=resource.spec["description"]).SerializeToString()
    return encode_spec(KINDS[resource.type], resource.spec).SerializeToString()


def encode_spec(kind: Kind, spec: Any) -> Message:
    """Return the protobuf form of a specification of this kind."""
    if kind.message is config_pb2.MachineConfigSpec:
        return config_pb2.MachineConfigSpec(yaml_marshalled=str(spec).encode())
    if kind.message is config_pb2.MachineTypeSpec:
        name = {"controlplane": "CONTROL_PLANE", "worker": "WORKER"}.get(str(spec), "UNKNOWN")
        return config_pb2.MachineTypeSpec(machine_type=name)
    message: Message = kind.message()
    _fill(message, spec)
    return message


def _definition(spec: dict[str, Any]) -> meta_pb2.ResourceDefinitionSpec:
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


def _fill(message: Message, spec: dict[str, Any]) -> None:
    for descriptor in message.DESCRIPTOR.fields:
        value = spec.get(descriptor.json_name)
        if value is None or (value == "" and descriptor.message_type):
            # An address that is not there is an empty text, and no message.
            continue
        if descriptor.is_repeated:
            _extend(getattr(message, descriptor.name), descriptor, value)
        elif descriptor.message_type:
            _set_message(getattr(message, descriptor.name), value)
        else:
            setattr(message, descriptor.name, _scalar(descriptor, value))


def _extend(target: Any, descriptor: Any, values: Iterable[Any]) -> None:
    for value in values:
        if descriptor.message_type:
            _set_message(target.add(), value)
        else:
            target.append(_scalar(descriptor, value))


def _set_message(message: Message, value: Any) -> None:
    message.SetInParent()
    if isinstance(message, common_pb2.NetIP):
        message.ip = ipaddress.ip_address(value).packed
    elif isinstance(message, common_pb2.NetIPPrefix):
        prefix = ipaddress.ip_interface(value)
        message.ip, message.prefix_length = prefix.ip.packed, prefix.network.prefixlen
    elif message.DESCRIPTOR.full_name == "google.protobuf.Duration":
        message.FromNanoseconds(round(parse_duration(value) * 1e9))  # type: ignore[attr-defined]
    elif message.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
        message.FromDatetime(datetime.fromisoformat(value))  # type: ignore[attr-defined]
    else:
        _fill(message, value)


def _scalar(descriptor: Any, value: Any) -> Any:
    if descriptor.enum_type:
        return _enum_number(descriptor, str(value))
    if descriptor.type == FieldDescriptor.TYPE_BYTES:
        return bytes.fromhex(value.replace(":", ""))
    if descriptor.type == FieldDescriptor.TYPE_UINT32 and isinstance(value, str):
        return _FLAGS.get(value, 0)
    return value


# Flag words and small constants whose textual form is not an enumeration: kernel values.
_FLAGS = {"permanent": 0x80, "v1": 0, "v2": 1}


def _enum_number(descriptor: Any, text: str) -> int:
    kind = descriptor.enum_type
    # OperationalState has the values OPERATIONAL_STATE_UP and so on.
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.name).upper()
    value = kind.values_by_name.get(f"{prefix}_{text.upper().replace(' ', '_')}")
    return int(value.number) if value else 0
