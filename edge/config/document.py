# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - fields are spelled as documents spell them
"""Documents beside the root: their identity, and where the model of each kind lives.

Kinds are imported when a document of theirs is met, because a machine uses a handful of them.
"""

from importlib import import_module
from typing import Literal

from pydantic import Field

from edge.config.model import Model, Text


class Document(Model):
    """A document that exists once."""

    apiVersion: Literal["v1alpha1"]
    kind: str


class NamedDocument(Document):
    """A document of which there is one a name."""

    name: Text = Field(min_length=1)


_MODULES = {
    "cluster": "DiscoveryIdentityConfig DiscoveryServiceConfig",
    "container": "ContainerConfig",
    "kubernetes": (
        "KubeAPIServerCAConfig KubeAPIServerConfig KubeAdmissionControlConfig "
        "KubeAggregatorCAConfig KubeAuditPolicyConfig KubeAuthenticationConfig "
        "KubeAuthorizerConfig KubeClusterConfig KubeControllerManagerConfig KubeCoreDNSConfig "
        "KubeCredentialProviderConfig KubeEtcdEncryptionConfig KubeExternalManifestConfig "
        "KubeFlannelCNIConfig KubeInlineManifestConfig KubeNetworkConfig KubeNodeConfig "
        "KubePrismConfig KubeProxyConfig KubeSchedulerConfig KubeServiceAccountConfig "
        "KubeStaticPodConfig KubeTalosAPIAccessConfig KubeletConfig"
    ),
    "link": (
        "BondConfig BridgeConfig DHCPv4Config DHCPv6Config DummyLinkConfig EthernetConfig "
        "HCloudVIPConfig Layer2VIPConfig LinkAliasConfig LinkConfig VLANConfig VRFConfig "
        "VethConfig WireguardConfig"
    ),
    "network": (
        "BGPInstanceConfig BlackholeRouteConfig HTTPProbeConfig HostnameConfig KubeSpanConfig "
        "KubeSpanEndpointsConfig NetworkDefaultActionConfig NetworkRuleConfig ResolverConfig "
        "RoutingRuleConfig StaticHostConfig TCPProbeConfig TimeSyncConfig"
    ),
    "registry": (
        "CRIBaseRuntimeSpecConfig CRICustomizationConfig ImageCacheConfig ImageVerificationConfig "
        "RegistryAuthConfig RegistryMirrorConfig RegistryTLSConfig"
    ),
    "runtime": (
        "EnvironmentConfig EtcFileConfig EventSinkConfig ExtensionServiceConfig "
        "KernelModuleConfig KmsgLogConfig OOMConfig PCIDriverRebindConfig SecurityProfileConfig "
        "SideroLinkConfig SysctlConfig SysfsConfig TrustedRootsConfig UdevRulesConfig "
        "UnattendedInstallConfig WatchdogTimerConfig"
    ),
    "storage": (
        "ExistingVolumeConfig ExternalVolumeConfig FilesystemScrubConfig FilesystemTrimConfig "
        "LVMLogicalVolumeConfig LVMVolumeGroupConfig RAIDArrayConfig RawVolumeConfig "
        "SwapVolumeConfig UserVolumeConfig VolumeConfig ZswapConfig"
    ),
}

KINDS: dict[str, str] = {
    kind: f"edge.config.kinds.{module}"
    for module, kinds in _MODULES.items()
    for kind in kinds.split()
}
"""Every kind and the module that holds the model of that name."""


def kind_model(kind: str) -> type[Document] | None:
    """Return the model of `kind`, or nothing when there is no such kind."""
    if kind not in KINDS:
        return None
    model: type[Document] = getattr(import_module(KINDS[kind]), kind)
    return model
