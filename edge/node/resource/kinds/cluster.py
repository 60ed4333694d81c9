# SPDX-License-Identifier: Apache-2.0
"""The cluster, and who belongs to it."""

from edge.node.resource.definition import Kind

CLUSTER_INFO = Kind(
    type="Infos.cluster.talos.dev",
    singular="Info",
    namespace="cluster",
    message_name="definitions.cluster_pb2.InfoSpec",
    columns=(("Cluster ID", "{.clusterId}"), ("Cluster Name", "{.clusterName}")),
)
AFFILIATE = Kind(
    type="Affiliates.cluster.talos.dev",
    singular="Affiliate",
    namespace="cluster",
    message_name="definitions.cluster_pb2.AffiliateSpec",
    columns=(
        ("Hostname", "{.hostname}"),
        ("Machine Type", "{.machineType}"),
        ("Addresses", "{.addresses}"),
    ),
)
DISCOVERY_CONFIG = Kind(
    type="DiscoveryConfigs.cluster.talos.dev",
    singular="DiscoveryConfig",
    namespace="config",
    message_name="definitions.cluster_pb2.ConfigSpec",
    sensitive=True,
)
IDENTITY = Kind(
    type="Identities.cluster.talos.dev",
    singular="Identity",
    namespace="cluster",
    message_name="definitions.cluster_pb2.IdentitySpec",
    columns=(("ID", "{.nodeId}"),),
)
MEMBER = Kind(
    type="Members.cluster.talos.dev",
    singular="Member",
    namespace="cluster",
    message_name="definitions.cluster_pb2.MemberSpec",
    columns=(
        ("Hostname", "{.hostname}"),
        ("Machine Type", "{.machineType}"),
        ("OS", "{.operatingSystem}"),
        ("Addresses", "{.addresses}"),
    ),
)
