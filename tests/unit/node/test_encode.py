# SPDX-License-Identifier: Apache-2.0
"""Resources on the wire: both forms of a specification say the same."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge.api import config_pb2, meta_pb2
from edge.api.definitions import block_pb2, network_pb2, runtime_pb2
from edge.node.resource import kind
from edge.node.resource.definition import Kind
from edge.node.resource.encode import encode_spec, to_wire
from edge.node.resource.kind import KINDS
from edge.node.resource.meta import publish_definitions
from edge.node.resource.store import Store
from tests.fakes.conformance import disagreements
from tests.unit.node.specimen import SPECS

# Kinds whose text is not the message key by key.
TEXTS = (kind.MACHINE_CONFIG, kind.MACHINE_TYPE, kind.STATIC_POD, kind.STATIC_POD_STATUS)


def test_every_kind_has_a_specimen() -> None:
    """A new kind comes with one, and so with the tests below."""
    assert {each.type for each in SPECS} == set(KINDS)


@pytest.mark.parametrize("known", SPECS, ids=lambda known: known.singular)
def test_both_forms_are_sent(known: Kind) -> None:
    """Metadata, text and message of a resource survive the wire."""
    store = Store(lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    wire = to_wire(store.put(known, "some", SPECS[known], owner="test"))
    assert yaml.safe_load(wire.spec.yaml_spec) == SPECS[known]
    assert (wire.metadata.type, wire.metadata.namespace) == (known.type, known.namespace)
    assert (wire.metadata.version, wire.metadata.phase) == ("1", "running")
    assert wire.metadata.created.ToJsonString() == "2026-01-02T03:04:05Z"
    assert wire.spec.proto_spec or not any(SPECS[known].values())
    known.message.FromString(wire.spec.proto_spec)


@pytest.mark.parametrize(
    "known", [each for each in SPECS if each not in TEXTS], ids=lambda known: known.singular
)
def test_every_key_of_the_text_has_a_field(known: Kind) -> None:
    """Nothing is lost on the way from YAML to protobuf for want of a field of that name."""
    _check_keys(known.message.DESCRIPTOR, SPECS[known])


@pytest.mark.parametrize(
    "known", [each for each in SPECS if each not in TEXTS], ids=lambda known: known.singular
)
def test_what_says_something_in_the_text_says_it_in_the_message(known: Kind) -> None:
    """No value that is not the default becomes the default."""
    message = encode_spec(known, SPECS[known])
    by_name = {field.json_name: field for field in message.DESCRIPTOR.fields}
    defaults = {0, "", "global", "waiting", "unknown"}
    # Of these enumerations the word is number zero.
    zeroes = {
        *(("VolumeStatus", "type"), ("NodeAddress", "sortAlgorithm")),
        ("OperatorSpec", "operator"),
    }
    for key, value in SPECS[known].items():
        is_default = not isinstance(value, dict | list) and value in defaults
        if is_default or (known.singular, key) in zeroes:
            continue
        assert getattr(message, by_name[key].name), key


@pytest.mark.parametrize("known", SPECS, ids=lambda known: known.singular)
def test_both_forms_agree_by_the_rules_of_the_catalogue(known: Kind) -> None:
    """Whoever decodes the one form reads what the other says."""
    made = encode_spec(known, SPECS[known]).SerializeToString()
    assert disagreements(known.message.FromString(made), SPECS[known]) == []


def test_a_link_is_what_upstream_decodes() -> None:
    """Numbers of enumerations are the kernel's, a hardware address is six bytes."""
    wire = encode_spec(kind.LINK_STATUS, SPECS[kind.LINK_STATUS]).SerializeToString()
    link = network_pb2.LinkStatusSpec.FromString(wire)
    assert link.hardware_addr == bytes.fromhex("dca632001122")
    assert link.operational_state == 3
    assert link.type == 1


def test_an_address_is_what_upstream_decodes() -> None:
    """Prefixes are packed addresses with a length, flags a number."""
    wire = encode_spec(kind.ADDRESS_STATUS, SPECS[kind.ADDRESS_STATUS]).SerializeToString()
    address = network_pb2.AddressStatusSpec.FromString(wire)
    assert address.address.ip == bytes([192, 168, 1, 7])
    assert address.address.prefix_length == 24
    assert (address.family, address.flags) == (2, 0x80)


def test_an_empty_address_stays_unset() -> None:
    """A route without a gateway and without a destination is no fault."""
    spec = SPECS[kind.ROUTE_STATUS] | {"gateway": "", "dst": ""}
    route = encode_spec(kind.ROUTE_STATUS, spec)
    assert not route.HasField("gateway")
    assert not route.HasField("dst")


def test_a_stage_and_a_duration() -> None:
    """Two words become one name, Go's way of writing time becomes seconds."""
    status = encode_spec(kind.MACHINE_STATUS, SPECS[kind.MACHINE_STATUS])
    assert isinstance(status, runtime_pb2.MachineStatusSpec)
    assert status.stage == 6
    assert status.status.unmet_conditions[0].name == "network"
    watchdog = encode_spec(kind.WATCHDOG_STATUS, SPECS[kind.WATCHDOG_STATUS])
    assert isinstance(watchdog, runtime_pb2.WatchdogTimerStatusSpec)
    assert watchdog.timeout.seconds == 60


@pytest.mark.parametrize(
    ("text", "number"), [("none", 0), ("vfat", 2), ("ext4", 3), ("swap", 5), ("nonsense", 0)]
)
def test_enumerations_are_matched_whole(text: str, number: int) -> None:
    """A word that is only the end of another name does not match it."""
    spec = SPECS[kind.VOLUME_STATUS] | {"filesystem": text}
    message = encode_spec(kind.VOLUME_STATUS, spec)
    assert isinstance(message, block_pb2.VolumeStatusSpec)
    assert message.filesystem == number


def test_the_machine_configuration_is_one_text() -> None:
    """With its annotation the text form is a YAML string of the whole stream."""
    store = Store()
    text = SPECS[kind.MACHINE_CONFIG]
    note = {"talos.dev/yaml-spec": "1"}
    wire = to_wire(store.put(kind.MACHINE_CONFIG, "v1alpha1", text, owner="test", annotations=note))
    assert dict(wire.metadata.annotations) == note
    assert yaml.safe_load(wire.spec.yaml_spec) == text
    message = config_pb2.MachineConfigSpec.FromString(wire.spec.proto_spec)
    assert message.yaml_marshalled.decode() == text


def test_definitions_are_decodable() -> None:
    """Clients decode definitions from protobuf before anything else."""
    store = Store()
    publish_definitions(store)
    specs = [
        meta_pb2.ResourceDefinitionSpec.FromString(to_wire(each).spec.proto_spec)
        for each in store.of_kind(kind.RESOURCE_DEFINITION)
    ]
    link = next(spec for spec in specs if spec.display_type == "LinkStatus")
    assert link.resource_type == "LinkStatuses.net.talos.dev"
    assert link.default_namespace == "network"
    assert "links" in link.all_aliases
    assert [column.name for column in link.print_columns][-1] == "Link State"
    assert all(to_wire(each).spec.proto_spec for each in store.of_kind(kind.NAMESPACE))


@given(st.ip_addresses(), st.booleans())
def test_any_address_survives(address: Any, whole: bool) -> None:
    """Both families, as bare address and as prefix."""
    spec = {"ips": [str(address)]} if whole else {"addresses": [f"{address}/8"]}
    known = kind.CERT_SANS if whole else kind.NODE_ADDRESS
    message: Any = encode_spec(known, spec)
    packed = message.ips[0].ip if whole else message.addresses[0].ip
    assert packed == address.packed


def _check_keys(descriptor: Any, spec: Any) -> None:
    names = {field.json_name: field for field in descriptor.fields}
    assert set(spec) <= set(names)
    for key, value in spec.items():
        field = names[key]
        is_message = isinstance(value, dict) and not field.is_repeated
        if is_message and not field.message_type.full_name.startswith("google."):
            _check_keys(field.message_type, value)
