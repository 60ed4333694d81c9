# SPDX-License-Identifier: Apache-2.0
"""Resources on the wire: both forms of a specification say the same."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st

from edge.api import config_pb2, meta_pb2
from edge.api.definitions import block_pb2, network_pb2, runtime_pb2
from edge.node.api.state import _definitions, _namespaces
from edge.node.resource import kind
from edge.node.resource.encode import encode_spec, to_wire
from edge.node.resource.kind import KINDS, Kind
from edge.node.resource.store import Store

SPECS: dict[Kind, Any] = {
    kind.MACHINE_CONFIG: "version: v1alpha1\n---\nkind: HostnameConfig\n",
    kind.MACHINE_TYPE: "controlplane",
    kind.MACHINE_STATUS: {
        "stage": "shutting down",
        "status": {"ready": False, "unmetConditions": [{"name": "network", "reason": "none"}]},
    },
    kind.META_KEY: {"value": "text"},
    kind.VERSION: {"version": "v0.1.0", "name": "edgectl"},
    kind.BOOT_ID: {"bootID": "11111111-2222-3333-4444-555555555555"},
    kind.KERNEL_CMDLINE: {"cmdline": "console=ttyAMA0"},
    kind.DIAGNOSTIC: {"message": "STATE is unreadable", "details": ["a", "b"]},
    kind.WATCHDOG_STATUS: {"device": "/dev/watchdog0", "timeout": "1m0s", "feedInterval": "20s"},
    kind.SERVICE: {"running": True, "healthy": True, "unknown": False},
    kind.TIME_STATUS: {"synced": True, "epoch": 3, "syncDisabled": False},
    kind.ADDRESS_STATUS: {
        "address": "192.168.1.7/24",
        "local": "192.168.1.7",
        "broadcast": "192.168.1.255",
        "linkIndex": 2,
        "linkName": "eth0",
        "family": "inet4",
        "scope": "global",
        "flags": "permanent",
        "priority": 0,
    },
    kind.LINK_STATUS: {
        "index": 2,
        "type": "ether",
        "linkIndex": 0,
        "flags": 69699,
        "hardwareAddr": "dc:a6:32:00:11:22",
        "mtu": 1500,
        "queueDisc": "mq",
        "operationalState": "lowerLayerDown",
        "kind": "",
        "busPath": "fd580000.ethernet",
        "pciID": "",
        "driver": "bcmgenet",
        "linkState": True,
    },
    kind.ROUTE_STATUS: {
        "family": "inet6",
        "dst": "fd00::/64",
        "gateway": "fe80::1",
        "outLinkIndex": 2,
        "outLinkName": "eth0",
        "table": "main",
        "priority": 1024,
        "scope": "global",
        "type": "unicast",
        "protocol": "static",
    },
    kind.HOSTNAME_STATUS: {"hostname": "node", "domainname": "example.org"},
    kind.RESOLVER_STATUS: {"dnsServers": ["10.0.0.1", "fd00::1"], "searchDomains": ["lan"]},
    kind.TIME_SERVER_STATUS: {"timeServers": ["pool.ntp.org"]},
    kind.NODE_ADDRESS: {"addresses": ["10.0.0.2/24"], "sortAlgorithm": "v1"},
    kind.NETWORK_STATUS: {
        "addressReady": True,
        "connectivityReady": True,
        "hostnameReady": True,
        "etcFilesReady": True,
    },
    kind.DISK: {
        "dev_path": "/dev/mmcblk0",
        "size": 31_914_983_424,
        "pretty_size": "32 GB",
        "io_size": 512,
        "sector_size": 512,
        "readonly": False,
        "cdrom": False,
        "model": "SD32G",
        "serial": "0x1",
        "transport": "mmc",
        "rotational": False,
    },
    kind.DISCOVERED_VOLUME: {
        "dev_path": "/dev/mmcblk0p3",
        "type": "partition",
        "parent": "mmcblk0",
        "size": 1048576,
        "pretty_size": "1.0 MB",
        "offset": 1048576,
        "partition_uuid": "u",
        "partition_type": "t",
        "partition_label": "META",
        "partition_index": 3,
    },
    kind.SYSTEM_DISK: {"diskID": "mmcblk0", "devPath": "/dev/mmcblk0"},
    kind.VOLUME_STATUS: {
        "phase": "ready",
        "type": "partition",
        "location": "/dev/mmcblk0p5",
        "partitionIndex": 5,
        "size": 104857600,
        "prettySize": "105 MB",
        "filesystem": "ext4",
    },
    kind.MOUNT_STATUS: {
        "spec": {"volumeID": "STATE"},
        "source": "/dev/mmcblk0p5",
        "target": "/system/state",
        "filesystem": "ext4",
        "readOnly": False,
    },
    kind.SYSTEM_INFORMATION: {
        "manufacturer": "",
        "productName": "Raspberry Pi 4",
        "version": "",
        "serialnumber": "10000000abcdef01",
        "uuid": "11111111-2222-3333-4444-555555555555",
        "skuNumber": "",
    },
    kind.CLUSTER_INFO: {"clusterId": "id", "clusterName": "demo"},
    kind.CERT_SANS: {"ips": ["10.0.0.2", "::1"], "dnsNames": ["node"], "fqdn": "node"},
}
TEXTS = (kind.MACHINE_CONFIG, kind.MACHINE_TYPE)


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
    zeroes = {("VolumeStatus", "type"), ("NodeAddress", "sortAlgorithm")}
    for key, value in SPECS[known].items():
        is_default = not isinstance(value, dict | list) and value in defaults
        if is_default or (known.singular, key) in zeroes:
            continue
        assert getattr(message, by_name[key].name), key


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
    specs = [
        meta_pb2.ResourceDefinitionSpec.FromString(to_wire(each).spec.proto_spec)
        for each in _definitions()
    ]
    link = next(spec for spec in specs if spec.display_type == "LinkStatus")
    assert link.resource_type == "LinkStatuses.net.talos.dev"
    assert link.default_namespace == "network"
    assert "links" in link.all_aliases
    assert [column.name for column in link.print_columns][-1] == "Link State"
    assert all(to_wire(each).spec.proto_spec for each in _namespaces())


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
        if field.type == FieldDescriptor.TYPE_MESSAGE and isinstance(value, dict):
            _check_keys(field.message_type, value)
