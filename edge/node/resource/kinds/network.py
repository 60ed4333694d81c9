# SPDX-License-Identifier: Apache-2.0
"""The network: what is wanted of it, and what is."""

from edge.node.resource.definition import Kind

ADDRESS_STATUS = Kind(
    type="AddressStatuses.net.talos.dev",
    singular="AddressStatus",
    namespace="network",
    message_name="definitions.network_pb2.AddressStatusSpec",
    aliases=("address", "addresses"),
    columns=(("Address", "{.address}"), ("Link", "{.linkName}")),
)
LINK_STATUS = Kind(
    type="LinkStatuses.net.talos.dev",
    singular="LinkStatus",
    namespace="network",
    message_name="definitions.network_pb2.LinkStatusSpec",
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
    message_name="definitions.network_pb2.RouteStatusSpec",
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
    message_name="definitions.network_pb2.HostnameStatusSpec",
    aliases=("hostname",),
    columns=(("Hostname", "{.hostname}"), ("Domainname", "{.domainname}")),
)
RESOLVER_STATUS = Kind(
    type="ResolverStatuses.net.talos.dev",
    singular="ResolverStatus",
    namespace="network",
    message_name="definitions.network_pb2.ResolverStatusSpec",
    aliases=("resolvers",),
    columns=(("Resolvers", "{.dnsServers}"), ("Search Domains", "{.searchDomains}")),
)
TIME_SERVER_STATUS = Kind(
    type="TimeServerStatuses.net.talos.dev",
    singular="TimeServerStatus",
    namespace="network",
    message_name="definitions.network_pb2.TimeServerStatusSpec",
    aliases=("timeserver", "timeservers"),
    columns=(("Timeservers", "{.timeServers}"), ("UseNTS", "{.useNTS}")),
)
NODE_ADDRESS = Kind(
    type="NodeAddresses.net.talos.dev",
    singular="NodeAddress",
    namespace="network",
    message_name="definitions.network_pb2.NodeAddressSpec",
    columns=(("Addresses", "{.addresses}"), ("SortAlgorithm", "{.sortAlgorithm}")),
)
NETWORK_STATUS = Kind(
    type="NetworkStatuses.net.talos.dev",
    singular="NetworkStatus",
    namespace="network",
    message_name="definitions.network_pb2.StatusSpec",
    aliases=("netstatus", "netstatuses"),
    columns=(
        ("Address", "{.addressReady}"),
        ("Connectivity", "{.connectivityReady}"),
        ("Hostname", "{.hostnameReady}"),
        ("Etc", "{.etcFilesReady}"),
    ),
)
ADDRESS_SPEC = Kind(
    type="AddressSpecs.net.talos.dev",
    singular="AddressSpec",
    namespace="network",
    message_name="definitions.network_pb2.AddressSpecSpec",
)
HARDWARE_ADDRESS = Kind(
    type="HardwareAddresses.net.talos.dev",
    singular="HardwareAddress",
    namespace="network",
    message_name="definitions.network_pb2.HardwareAddrSpec",
)
HOSTNAME_SPEC = Kind(
    type="HostnameSpecs.net.talos.dev",
    singular="HostnameSpec",
    namespace="network",
    message_name="definitions.network_pb2.HostnameSpecSpec",
)
LINK_SPEC = Kind(
    type="LinkSpecs.net.talos.dev",
    singular="LinkSpec",
    namespace="network",
    message_name="definitions.network_pb2.LinkSpecSpec",
    sensitive=True,
)
OPERATOR_SPEC = Kind(
    type="OperatorSpecs.net.talos.dev",
    singular="OperatorSpec",
    namespace="network",
    message_name="definitions.network_pb2.OperatorSpecSpec",
    sensitive=True,
)
RESOLVER_SPEC = Kind(
    type="ResolverSpecs.net.talos.dev",
    singular="ResolverSpec",
    namespace="network",
    message_name="definitions.network_pb2.ResolverSpecSpec",
    columns=(
        ("Layer", "{.layer}"),
        ("Resolvers", "{.dnsServers}"),
        ("Search Domains", "{.searchDomains}"),
    ),
)
ROUTE_SPEC = Kind(
    type="RouteSpecs.net.talos.dev",
    singular="RouteSpec",
    namespace="network",
    message_name="definitions.network_pb2.RouteSpecSpec",
)
STATIC_HOST = Kind(
    type="StaticHosts.net.talos.dev",
    singular="StaticHost",
    namespace="network",
    message_name="definitions.network_pb2.StaticHostSpec",
    columns=(("Addresses", "{.addresses}"),),
)
TIME_SERVER_SPEC = Kind(
    type="TimeServerSpecs.net.talos.dev",
    singular="TimeServerSpec",
    namespace="network",
    message_name="definitions.network_pb2.TimeServerSpecSpec",
    columns=(
        ("Timeservers", "{.timeServers}"),
        ("UseNTS", "{.useNTS}"),
    ),
)
ETHERNET_STATUS = Kind(
    type="EthernetStatuses.net.talos.dev",
    singular="EthernetStatus",
    namespace="network",
    message_name="definitions.network_pb2.EthernetStatusSpec",
    aliases=("ethtool",),
    columns=(("Link", "{.linkState}"), ("Speed", "{.speedMbit}")),
)
