# SPDX-License-Identifier: Apache-2.0
"""The words by which people call resources, as upstream's users know them."""

import re

import pytest

from edge.node.resource.definition import Kind
from edge.node.resource.kind import KINDS, NAMESPACES

WORDS = {
    "addresses": "AddressStatuses.net",
    "address": "AddressStatuses.net",
    "nodeaddress": "NodeAddresses.net",
    "nodeaddresses": "NodeAddresses.net",
    "links": "LinkStatuses.net",
    "link": "LinkStatuses.net",
    "routes": "RouteStatuses.net",
    "route": "RouteStatuses.net",
    "hostname": "HostnameStatuses.net",
    "resolvers": "ResolverStatuses.net",
    "timeservers": "TimeServerStatuses.net",
    "netstatus": "NetworkStatuses.net",
    "disks": "Disks.block",
    "disk": "Disks.block",
    "discoveredvolumes": "DiscoveredVolumes.block",
    "dv": "DiscoveredVolumes.block",
    "systemdisk": "SystemDisks.block",
    "sd": "SystemDisks.block",
    "volumestatus": "VolumeStatuses.block",
    "vs": "VolumeStatuses.block",
    "mountstatus": "MountStatuses.block",
    "machineconfig": "MachineConfigs.config",
    "mc": "MachineConfigs.config",
    "mcs": "MachineConfigs.config",
    "machinetype": "MachineTypes.config",
    "machinestatus": "MachineStatuses.runtime",
    "services": "Services.v1alpha1",
    "svc": "Services.v1alpha1",
    "systeminformation": "SystemInformations.hardware",
    "timestatus": "TimeStatuses.v1alpha1",
    "cmdline": "KernelCmdlines.runtime",
    "meta": "MetaKeys.runtime",
    "version": "Versions.runtime",
    "bootid": "BootIDs.runtime",
    "diagnostics": "Diagnostics.runtime",
    "watchdogtimerstatus": "WatchdogTimerStatuses.runtime",
    "info": "Infos.cluster",
    "members": "Members.cluster",
    "affiliates": "Affiliates.cluster",
    "identities": "Identities.cluster",
    "discoveryconfig": "DiscoveryConfigs.cluster",
    "nodename": "Nodenames.kubernetes",
    "staticpods": "StaticPods.kubernetes",
    "staticpodstatus": "StaticPodStatuses.kubernetes",
    "podstatus": "StaticPodStatuses.kubernetes",
    "kubeletspec": "KubeletSpecs.kubernetes",
    "etcdmembers": "EtcdMembers.etcd",
    "extensions": "ExtensionStatuses.runtime",
    "sysctls": "KernelParamStatuses.runtime",
    "modules": "KernelModuleStatuses.runtime",
    "ram": "MemoryModules.hardware",
    "cpucores": "CPUCores.hardware",
    "pcidevices": "PCIDevices.hardware",
    "cpustat": "CPUStats.perf",
    "memorystat": "MemoryStats.perf",
    "adjtimestatus": "AdjtimeStatuses.v1alpha1",
    "blockdevices": "BlockDevices.block",
    "bd": "BlockDevices.block",
    "swaps": "SwapStatuses.block",
    "mounts": "MountStatuses.runtime",
    "osrootsecrets": "OSRootSecrets.secrets",
    "linkspecs": "LinkSpecs.net",
    "addressspecs": "AddressSpecs.net",
    "ethtool": "EthernetStatuses.net",
    "statichosts": "StaticHosts.net",
    "platformmetadata": "PlatformMetadatas",
    "securitystate": "SecurityStates",
    "linkstatuses.net": "LinkStatuses.net",
    "linkstatuses.net.talos": "LinkStatuses.net",
    "linkstatuses.net.talos.dev": "LinkStatuses.net",
}


@pytest.mark.parametrize(("word", "type_"), WORDS.items())
def test_words_select_what_upstream_means(word: str, type_: str) -> None:
    """One word, one kind."""
    found = [each.type for each in KINDS.values() if word in (each.id, *each.all_names())]
    assert found == [f"{type_}.talos.dev"]


@pytest.mark.parametrize(
    ("word", "kinds"),
    [
        ("ms", {"MachineStatus", "MountStatus", "MemoryStat"}),
        ("ls", {"LinkSpec", "LinkStatus"}),
        ("cpus", {"Processor", "CPUStat"}),
        ("mountstatuses", {"MountStatus"}),
    ],
)
def test_kinds_share_words_as_upstream_has_it(word: str, kinds: set[str]) -> None:
    """The client then asks for the full name."""
    assert {each.singular for each in KINDS.values() if word in each.all_names()} == kinds


@pytest.mark.parametrize(
    ("singular", "names"),
    [
        ("MachineConfig", ("machineconfig", "mc", "mcs")),
        ("LinkStatus", ("linkstatus", "ls")),
        ("Service", ("service",)),
        ("BootID", ("bootid", "bid", "bids")),
    ],
)
def test_initials_are_the_capitals(singular: str, names: tuple[str, ...]) -> None:
    """At least two, with an s behind them unless there is one."""
    template = KINDS["Versions.runtime.talos.dev"]
    made = Kind(
        type=f"{singular}s.net.talos.dev",
        singular=singular,
        namespace="network",
        message_name=template.message_name,
    )
    assert made.short_names() == names


@pytest.mark.parametrize("known", KINDS.values(), ids=lambda known: known.singular)
def test_a_kind_is_well_formed(known: Kind) -> None:
    """Its names are lower case, its namespace is known, its columns are JSON paths."""
    assert re.fullmatch(r"[A-Za-z]+(\.[a-z0-9]+)?\.talos\.dev", known.type)
    assert known.namespace in NAMESPACES
    assert all(name == name.lower() for name in known.all_names())
    assert all(path.startswith("{") and path.endswith("}") for _, path in known.columns)


def test_keys_and_configuration_are_sensitive() -> None:
    """Who only reads does not see them."""
    sensitive = {each.singular for each in KINDS.values() if each.sensitive}
    assert sensitive == {
        *("MachineConfig", "CertSAN", "OSRootSecret", "DiscoveryConfig"),
        *("KubeletSpec", "LinkSpec", "OperatorSpec"),
    }
