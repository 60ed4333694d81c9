# SPDX-License-Identifier: Apache-2.0
"""The kinds of resources this node publishes, and the names people may call them by.

Types, namespaces, aliases and printed columns are those of the upstream catalogue, so that a
stock client finds what its user typed. One line here plus one message under
`edge/api/definitions` makes a kind.
"""

import re
from dataclasses import dataclass

from google.protobuf.message import Message

from edge.api import config_pb2
from edge.api.definitions import (
    block_pb2,
    cluster_pb2,
    hardware_pb2,
    network_pb2,
    runtime_pb2,
    secrets_pb2,
    time_pb2,
    v1alpha1_pb2,
)

MessageClass = type[Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One resource type: where it lives, how it prints, and its specification message."""

    type: str
    singular: str
    namespace: str
    message: MessageClass
    aliases: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    sensitive: bool = False

    @property
    def id(self) -> str:
        """Return the identity of the definition: the type in lower case."""
        return self.type.lower()

    def short_names(self) -> tuple[str, ...]:
        """Return the custom aliases, the singular, and the initials of its capitals."""
        initials = "".join(re.findall(r"[A-Z]", self.singular)).lower()
        automatic = [self.singular.lower()]
        if len(initials) >= 2:
            automatic += [initials] if initials.endswith("s") else [initials, f"{initials}s"]
        return tuple(dict.fromkeys((*self.aliases, *automatic)))

    def all_names(self) -> tuple[str, ...]:
        """Return every word that selects this kind: the plural, longer suffixes, short names."""
        plural, *suffixes = self.id.split(".")
        names = [plural]
        for count in range(1, len(suffixes)):
            names.append(".".join([plural, *suffixes[:count]]))
        return tuple(dict.fromkeys((*names, *self.short_names())))


MACHINE_CONFIG = Kind(
    type="MachineConfigs.config.talos.dev",
    singular="MachineConfig",
    namespace="config",
    message=config_pb2.MachineConfigSpec,
    aliases=("machineconfig", "mc", "mcs"),
    sensitive=True,
)
MACHINE_TYPE = Kind(
    type="MachineTypes.config.talos.dev",
    singular="MachineType",
    namespace="config",
    message=config_pb2.MachineTypeSpec,
    columns=(("Type", "{@}"),),
)
MACHINE_STATUS = Kind(
    type="MachineStatuses.runtime.talos.dev",
    singular="MachineStatus",
    namespace="runtime",
    message=runtime_pb2.MachineStatusSpec,
    columns=(("Stage", "{.stage}"), ("Ready", "{.status.ready}")),
)
META_KEY = Kind(
    type="MetaKeys.runtime.talos.dev",
    singular="MetaKey",
    namespace="runtime",
    message=runtime_pb2.MetaKeySpec,
    aliases=("meta",),
    columns=(("Value", "{.value}"),),
)
VERSION = Kind(
    type="Versions.runtime.talos.dev",
    singular="Version",
    namespace="runtime",
    message=runtime_pb2.VersionSpec,
    columns=(("Name", "{.name}"), ("Version", "{.version}")),
)
BOOT_ID = Kind(
    type="BootIDs.runtime.talos.dev",
    singular="BootID",
    namespace="runtime",
    message=runtime_pb2.BootIDSpec,
    columns=(("Boot ID", "{.bootID}"),),
)
KERNEL_CMDLINE = Kind(
    type="KernelCmdlines.runtime.talos.dev",
    singular="KernelCmdline",
    namespace="runtime",
    message=runtime_pb2.KernelCmdlineSpec,
    aliases=("cmdline",),
    columns=(("Cmdline", "{.cmdline}"),),
)
DIAGNOSTIC = Kind(
    type="Diagnostics.runtime.talos.dev",
    singular="Diagnostic",
    namespace="runtime",
    message=runtime_pb2.DiagnosticSpec,
    columns=(("Message", "{.message}"),),
)
WATCHDOG_STATUS = Kind(
    type="WatchdogTimerStatuses.runtime.talos.dev",
    singular="WatchdogTimerStatus",
    namespace="runtime",
    message=runtime_pb2.WatchdogTimerStatusSpec,
    columns=(("Device", "{.device}"), ("Timeout", "{.timeout}")),
)
SERVICE = Kind(
    type="Services.v1alpha1.talos.dev",
    singular="Service",
    namespace="runtime",
    message=v1alpha1_pb2.ServiceSpec,
    aliases=("svc",),
    columns=(
        ("Running", "{.running}"),
        ("Healthy", "{.healthy}"),
        ("Health Unknown", "{.unknown}"),
    ),
)
TIME_STATUS = Kind(
    type="TimeStatuses.v1alpha1.talos.dev",
    singular="TimeStatus",
    namespace="runtime",
    message=time_pb2.StatusSpec,
    columns=(("Synced", "{.synced}"),),
)
ADDRESS_STATUS = Kind(
    type="AddressStatuses.net.talos.dev",
    singular="AddressStatus",
    namespace="network",
    message=network_pb2.AddressStatusSpec,
    aliases=("address", "addresses"),
    columns=(("Address", "{.address}"), ("Link", "{.linkName}")),
)
LINK_STATUS = Kind(
    type="LinkStatuses.net.talos.dev",
    singular="LinkStatus",
    namespace="network",
    message=network_pb2.LinkStatusSpec,
    aliases=("link", "links"),
    columns=(
        ("Alias", "{.alias}"),
        ("Type", "{.type}"),
        ("Kind", "{.kind}"),
        ("Hw Addr", "{.hardwareAddr}"),
        ("Oper State", "{.operationalState}"),
        ("Link State", "{.linkState}"),
    ),
)
ROUTE_STATUS = Kind(
    type="RouteStatuses.net.talos.dev",
    singular="RouteStatus",
    namespace="network",
    message=network_pb2.RouteStatusSpec,
    aliases=("route", "routes"),
    columns=(
        ("Destination", "{.dst}"),
        ("Gateway", "{.gateway}"),
        ("Link", "{.outLinkName}"),
        ("Metric", "{.priority}"),
    ),
)
HOSTNAME_STATUS = Kind(
    type="HostnameStatuses.net.talos.dev",
    singular="HostnameStatus",
    namespace="network",
    message=network_pb2.HostnameStatusSpec,
    aliases=("hostname",),
    columns=(("Hostname", "{.hostname}"), ("Domainname", "{.domainname}")),
)
RESOLVER_STATUS = Kind(
    type="ResolverStatuses.net.talos.dev",
    singular="ResolverStatus",
    namespace="network",
    message=network_pb2.ResolverStatusSpec,
    aliases=("resolvers",),
    columns=(("Resolvers", "{.dnsServers}"), ("Search Domains", "{.searchDomains}")),
)
TIME_SERVER_STATUS = Kind(
    type="TimeServerStatuses.net.talos.dev",
    singular="TimeServerStatus",
    namespace="network",
    message=network_pb2.TimeServerStatusSpec,
    aliases=("timeserver", "timeservers"),
    columns=(("Timeservers", "{.timeServers}"), ("UseNTS", "{.useNTS}")),
)
NODE_ADDRESS = Kind(
    type="NodeAddresses.net.talos.dev",
    singular="NodeAddress",
    namespace="network",
    message=network_pb2.NodeAddressSpec,
    columns=(("Addresses", "{.addresses}"), ("SortAlgorithm", "{.sortAlgorithm}")),
)
NETWORK_STATUS = Kind(
    type="NetworkStatuses.net.talos.dev",
    singular="NetworkStatus",
    namespace="network",
    message=network_pb2.StatusSpec,
    aliases=("netstatus", "netstatuses"),
    columns=(
        ("Address", "{.addressReady}"),
        ("Connectivity", "{.connectivityReady}"),
        ("Hostname", "{.hostnameReady}"),
        ("Etc", "{.etcFilesReady}"),
    ),
)
DISK = Kind(
    type="Disks.block.talos.dev",
    singular="Disk",
    namespace="runtime",
    message=block_pb2.DiskSpec,
    columns=(
        ("Size", "{.pretty_size}"),
        ("Read Only", "{.readonly}"),
        ("Transport", "{.transport}"),
        ("Rotational", "{.rotational}"),
        ("WWID", "{.wwid}"),
        ("Model", "{.model}"),
        ("Serial", "{.serial}"),
    ),
)
DISCOVERED_VOLUME = Kind(
    type="DiscoveredVolumes.block.talos.dev",
    singular="DiscoveredVolume",
    namespace="runtime",
    message=block_pb2.DiscoveredVolumeSpec,
    columns=(
        ("Type", "{.type}"),
        ("Size", "{.pretty_size}"),
        ("Discovered", "{.name}"),
        ("Label", "{.label}"),
        ("PartitionLabel", "{.partition_label}"),
    ),
)
SYSTEM_DISK = Kind(
    type="SystemDisks.block.talos.dev",
    singular="SystemDisk",
    namespace="runtime",
    message=block_pb2.SystemDiskSpec,
    columns=(("Disk", "{.diskID}"),),
)
VOLUME_STATUS = Kind(
    type="VolumeStatuses.block.talos.dev",
    singular="VolumeStatus",
    namespace="runtime",
    message=block_pb2.VolumeStatusSpec,
    columns=(
        ("Type", "{.type}"),
        ("Phase", "{.phase}"),
        ("Location", "{.location}"),
        ("Size", "{.prettySize}"),
    ),
)
MOUNT_STATUS = Kind(
    type="MountStatuses.block.talos.dev",
    singular="MountStatus",
    namespace="runtime",
    message=block_pb2.MountStatusSpec,
    columns=(
        ("Source", "{.source}"),
        ("Target", "{.target}"),
        ("Filesystem", "{.filesystem}"),
        ("Volume", "{.spec.volumeID}"),
    ),
)
SYSTEM_INFORMATION = Kind(
    type="SystemInformations.hardware.talos.dev",
    singular="SystemInformation",
    namespace="hardware",
    message=hardware_pb2.SystemInformationSpec,
    columns=(
        ("Manufacturer", "{.manufacturer}"),
        ("ProductName", "{.productName}"),
        ("Version", "{.version}"),
        ("SerialNumber", "{.serialnumber}"),
        ("UUID", "{.uuid}"),
    ),
)
CLUSTER_INFO = Kind(
    type="Infos.cluster.talos.dev",
    singular="Info",
    namespace="cluster",
    message=cluster_pb2.InfoSpec,
    columns=(("Cluster ID", "{.clusterId}"), ("Cluster Name", "{.clusterName}")),
)
CERT_SANS = Kind(
    type="CertSANs.secrets.talos.dev",
    singular="CertSAN",
    namespace="secrets",
    message=secrets_pb2.CertSANSpec,
    sensitive=True,
)


NAMESPACES = {
    "meta": "definitions of the resource API",
    "config": "machine configuration",
    "cluster": "cluster membership",
    "hardware": "hardware as the firmware describes it",
    "network": "network status",
    "runtime": "machine, services, disks and volumes",
    "secrets": "key material",
}


KINDS: dict[str, Kind] = {
    kind.type: kind for kind in list(globals().values()) if isinstance(kind, Kind)
}
