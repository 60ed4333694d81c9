# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - fields are spelled as documents spell them
"""Kinds that configure Kubernetes."""

from typing import Annotated, Literal

from edge.config.document import Document, NamedDocument
from edge.config.model import (
    Arguments,
    IPFilter,
    Model,
    Object,
    Port,
    Replace,
    Secret,
    SecretText,
    SizedPrefix,
    Text,
    TextMap,
    Texts,
    UInt32,
    Url,
)


class IssuingCA(Model):
    """An authority as plain PEM."""

    cert: Text | None = None
    key: SecretText | None = None


class Resources(Model):
    """What a pod asks for and may have."""

    requests: Object | None = None
    limits: Object | None = None


class AuthorityConfig(Document):
    """An authority in use, and those still trusted."""

    issuingCA: IssuingCA | None = None
    acceptedCAs: Texts | None = None


class KubeAPIServerCAConfig(AuthorityConfig):
    """The Kubernetes authority."""


class KubeAggregatorCAConfig(AuthorityConfig):
    """The authority of aggregated API servers."""


class KubeAPIServerConfig(Document):
    """The API server."""

    image: Text | None = None
    extraArgs: Arguments | None = None
    env: Annotated[TextMap | None, Secret()] = None
    resources: Resources | None = None
    apiPort: Port | None = None
    certExtraSANs: Texts | None = None
    startupProbes: bool | None = None


class KubeAdmissionControlConfig(NamedDocument):
    """An admission plugin."""

    configuration: Object | None = None


class KubeAuditPolicyConfig(Document):
    """What the API server writes to its audit log."""

    configuration: Annotated[Object | None, Replace()] = None


class KubeAuthenticationConfig(Document):
    """How the API server authenticates callers."""

    configuration: Annotated[Object | None, Replace()] = None


class KubeAuthorizerConfig(NamedDocument):
    """One step of authorization."""

    type: Literal["Node", "RBAC", "Webhook"] | None = None
    webhook: Object | None = None


class KubeClusterConfig(Document):
    """Name and endpoint of the cluster."""

    clusterName: Text | None = None
    endpoint: Url | None = None


class KubeControllerManagerConfig(Document):
    """The controller manager."""

    enabled: bool | None = None
    image: Text | None = None
    extraArgs: Arguments | None = None
    env: Annotated[TextMap | None, Secret()] = None
    resources: Resources | None = None


class KubeCoreDNSConfig(Document):
    """The cluster's name server."""

    enabled: bool | None = None
    image: Text | None = None


class KubeCredentialProviderConfig(Document):
    """Where the kubelet finds registry credentials."""

    configuration: Annotated[Object | None, Replace()] = None


class KubeEtcdEncryptionConfig(Document):
    """How Kubernetes secrets are encrypted at rest."""

    config: Annotated[Object | None, Secret()] = None


class KubeExternalManifestConfig(NamedDocument):
    """Kubernetes objects behind a URL."""

    headers: Annotated[TextMap | None, Secret()] = None
    url: Url | None = None


class KubeFlannelCNIConfig(Document):
    """The default pod network."""

    backendType: Text | None = None
    backendPort: Port | None = None
    backendMTU: UInt32 | None = None
    backendExtraConfig: Object | None = None
    resources: Resources | None = None
    extraArgs: Texts | None = None
    kubeNetworkPoliciesEnabled: bool | None = None


class KubeInlineManifestConfig(NamedDocument):
    """Kubernetes objects to create."""

    manifest: SecretText | None = None


class KubeNetworkConfig(Document):
    """The networks of pods and services."""

    dnsDomain: Text | None = None
    podSubnets: Annotated[list[SizedPrefix] | None, Replace()] = None
    serviceSubnets: Annotated[list[SizedPrefix] | None, Replace()] = None
    nodeCIDRMaskSizeIPv4: UInt32 | None = None
    nodeCIDRMaskSizeIPv6: UInt32 | None = None


class NodeIP(Model):
    """Which of a machine's addresses the kubelet uses."""

    validSubnets: list[IPFilter] | None = None


class KubeNodeConfig(Document):
    """The machine as a Kubernetes node."""

    skipNodeRegistration: bool | None = None
    registerWithFQDN: bool | None = None
    nodeIP: NodeIP | None = None
    labels: TextMap | None = None
    annotations: TextMap | None = None
    taints: TextMap | None = None


class KubePrismConfig(Document):
    """The load balancer in front of the API servers, on each node."""

    port: Port | None = None
    tlsServerName: Text | None = None


class KubeProxyConfig(Document):
    """The service proxy."""

    enabled: bool | None = None
    image: Text | None = None
    mode: Text | None = None
    config: Object | None = None
    extraArgs: Arguments | None = None
    resources: Resources | None = None


class KubeSchedulerConfig(Document):
    """The scheduler."""

    enabled: bool | None = None
    image: Text | None = None
    config: Object | None = None
    extraArgs: Arguments | None = None
    env: Annotated[TextMap | None, Secret()] = None
    resources: Resources | None = None


class Issuer(Model):
    """Who signs service-account tokens."""

    privateKey: SecretText | None = None
    issuerURL: Url | None = None


class AcceptedIssuers(Model):
    """Whose service-account tokens are accepted."""

    publicKeys: Texts | None = None
    issuers: Texts | None = None
    audiences: Texts | None = None


class KubeServiceAccountConfig(Document):
    """Service-account tokens."""

    issuer: Issuer | None = None
    accepted: AcceptedIssuers | None = None


class KubeStaticPodConfig(NamedDocument):
    """A pod that the kubelet runs without an API server."""

    pod: Annotated[Object | None, Replace()] = None


class KubeTalosAPIAccessConfig(Document):
    """Use of the machine API from inside Kubernetes."""

    allowedRoles: Texts | None = None
    allowedKubernetesNamespaces: Texts | None = None


class KubeletConfig(Document):
    """The kubelet."""

    image: Text | None = None
    config: Object | None = None
    extraArgs: Arguments | None = None
    clusterDNS: Texts | None = None
    defaultRuntimeSeccompProfileEnabled: bool | None = None
