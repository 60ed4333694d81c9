# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - fields are spelled as documents spell them
"""`cluster` of the root document."""

from typing import Annotated

from edge.config.machine import Switch, Toggle
from edge.config.model import (
    Arguments,
    CertAndKey,
    CertOnly,
    Duration,
    IPFilter,
    IPPrefix,
    KeyOnly,
    MergeBy,
    Model,
    Object,
    Port,
    Replace,
    Secret,
    SecretText,
    Text,
    TextMap,
    Texts,
    Url,
)


class ControlPlane(Model):
    """How the control plane is reached."""

    endpoint: Url | None = None
    localAPIServerPort: Port | None = None


class Flannel(Model):
    """The default pod network."""

    extraArgs: Texts | None = None
    kubeNetworkPoliciesEnabled: bool | None = None


class Cni(Model):
    """Which pod network is installed."""

    name: Text | None = None
    urls: list[Url] | None = None
    flannel: Flannel | None = None


class ClusterNetwork(Model):
    """The networks of pods and services."""

    cni: Cni | None = None
    dnsDomain: Text | None = None
    podSubnets: Annotated[list[IPPrefix] | None, Replace()] = None
    serviceSubnets: Annotated[list[IPPrefix] | None, Replace()] = None


class Volume(Model):
    """A host directory inside a control-plane pod."""

    hostPath: Text | None = None
    mountPath: Text | None = None
    readonly: bool | None = None


class Resources(Model):
    """Requests and limits of a control-plane pod."""

    requests: Object | None = None
    limits: Object | None = None


class AdmissionPlugin(Model):
    """An admission plugin and its configuration."""

    name: Text | None = None
    configuration: Object | None = None


class Authorizer(Model):
    """One step of authorization."""

    type: Text | None = None
    name: Text | None = None
    webhook: Object | None = None


class APIServer(Model):
    """The Kubernetes API server."""

    image: Text | None = None
    extraArgs: Arguments | None = None
    extraVolumes: list[Volume] | None = None
    env: Annotated[TextMap | None, Secret()] = None
    certSANs: Texts | None = None
    disablePodSecurityPolicy: bool | None = None
    admissionControl: Annotated[list[AdmissionPlugin] | None, MergeBy(("name",))] = None
    auditPolicy: Annotated[Object | None, Replace()] = None
    resources: Resources | None = None
    authorizationConfig: list[Authorizer] | None = None


class ControllerManager(Model):
    """The Kubernetes controller manager."""

    image: Text | None = None
    extraArgs: Arguments | None = None
    extraVolumes: list[Volume] | None = None
    env: Annotated[TextMap | None, Secret()] = None
    resources: Resources | None = None


class Scheduler(ControllerManager):
    """The Kubernetes scheduler."""

    config: Object | None = None


class Proxy(Model):
    """The Kubernetes service proxy."""

    disabled: bool | None = None
    image: Text | None = None
    mode: Text | None = None
    extraArgs: Arguments | None = None


class ServiceRegistry(Model):
    """Discovery through a service."""

    disabled: bool | None = None
    endpoint: Url | None = None


class DiscoveryRegistries(Model):
    """Where nodes find each other."""

    kubernetes: Toggle | None = None
    service: ServiceRegistry | None = None


class Discovery(Model):
    """How nodes find each other."""

    enabled: bool | None = None
    registries: DiscoveryRegistries | None = None


class Etcd(Model):
    """The etcd member of a control-plane node."""

    image: Text | None = None
    ca: CertAndKey | None = None
    extraArgs: Arguments | None = None
    subnet: IPPrefix | None = None
    advertisedSubnets: list[IPFilter] | None = None
    listenSubnets: list[IPFilter] | None = None


class CoreDNS(Model):
    """The cluster's name server."""

    disabled: bool | None = None
    image: Text | None = None


class ExternalCloudProvider(Switch):
    """A cloud controller manager and its manifests."""

    manifests: list[Url] | None = None


class InlineManifest(Model):
    """Kubernetes objects to create."""

    name: Text | None = None
    contents: SecretText | None = None


class AdminKubeconfig(Model):
    """The administrator's kubeconfig."""

    certLifetime: Duration | None = None


class Cluster(Model):
    """What all machines of a cluster share."""

    id: Text | None = None
    secret: SecretText | None = None
    controlPlane: ControlPlane | None = None
    clusterName: Text | None = None
    network: ClusterNetwork | None = None
    token: SecretText | None = None
    aescbcEncryptionSecret: SecretText | None = None
    secretboxEncryptionSecret: SecretText | None = None
    ca: CertAndKey | None = None
    acceptedCAs: list[CertOnly] | None = None
    aggregatorCA: CertAndKey | None = None
    serviceAccount: KeyOnly | None = None
    apiServer: APIServer | None = None
    controllerManager: ControllerManager | None = None
    proxy: Proxy | None = None
    scheduler: Scheduler | None = None
    discovery: Discovery | None = None
    etcd: Etcd | None = None
    coreDNS: CoreDNS | None = None
    externalCloudProvider: ExternalCloudProvider | None = None
    extraManifests: Texts | None = None
    extraManifestHeaders: Annotated[TextMap | None, Secret()] = None
    inlineManifests: list[InlineManifest] | None = None
    adminKubeconfig: AdminKubeconfig | None = None
    allowSchedulingOnMasters: bool | None = None
    allowSchedulingOnControlPlanes: bool | None = None
