# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - fields are spelled as documents spell them
"""`machine` of the root document."""

from typing import Annotated, Literal

from edge.config.model import (
    Arguments,
    Base64,
    CertAndKey,
    CertOnly,
    Duration,
    IPFilter,
    Model,
    Object,
    Permissions,
    Port,
    Secret,
    SecretText,
    Size,
    SizeMatch,
    Text,
    TextMap,
    Texts,
    UInt32,
    UInt64,
    Url,
)
from edge.config.network import Network

MACHINE_TYPES = ("controlplane", "worker", "init", "join")
"""`init` and `join` are old names that stand for the other two."""


class Toggle(Model):
    """Something that can be switched off."""

    disabled: bool | None = None


class Switch(Model):
    """Something that can be switched on."""

    enabled: bool | None = None


class MachineControlPlane(Model):
    """Which control-plane parts run on this machine."""

    controllerManager: Toggle | None = None
    scheduler: Toggle | None = None


class IdMapping(Model):
    """A range of user or group ids."""

    containerID: UInt32 | None = None
    hostID: UInt32 | None = None
    size: UInt32 | None = None


class Mount(Model):
    """A mount inside the kubelet's container."""

    destination: Text | None = None
    type: Text | None = None
    source: Text | None = None
    options: Texts | None = None
    uidMappings: list[IdMapping] | None = None
    gidMappings: list[IdMapping] | None = None


class NodeIP(Model):
    """Which of a machine's addresses the kubelet uses."""

    validSubnets: list[IPFilter] | None = None


class Kubelet(Model):
    """The kubelet of a machine."""

    image: Text | None = None
    clusterDNS: Texts | None = None
    extraArgs: Arguments | None = None
    extraMounts: list[Mount] | None = None
    extraConfig: Object | None = None
    credentialProviderConfig: Object | None = None
    defaultRuntimeSeccompProfileEnabled: bool | None = None
    registerWithFQDN: bool | None = None
    nodeIP: NodeIP | None = None
    skipNodeRegistration: bool | None = None
    disableManifestsDirectory: bool | None = None


class DiskPartition(Model):
    """A partition of an extra disk."""

    size: Size | None = None
    mountpoint: Text | None = None


class Disk(Model):
    """An extra disk."""

    device: Text | None = None
    partitions: list[DiskPartition] | None = None


class InstallDiskSelector(Model):
    """Chooses the disk to install to by what it is."""

    size: SizeMatch | None = None
    name: Text | None = None
    model: Text | None = None
    serial: Text | None = None
    modalias: Text | None = None
    uuid: Text | None = None
    wwid: Text | None = None
    type: Literal["ssd", "hdd", "nvme", "sd"] | None = None
    busPath: Text | None = None


class Extension(Model):
    """A system extension image."""

    image: Text | None = None


class Install(Model):
    """How the machine is installed to its disk."""

    disk: Text | None = None
    diskSelector: InstallDiskSelector | None = None
    extraKernelArgs: Texts | None = None
    image: Text | None = None
    extensions: list[Extension] | None = None
    bootloader: bool | None = None
    wipe: bool | None = None
    legacyBIOSSupport: bool | None = None
    grubUseUKICmdline: bool | None = None


class File(Model):
    """A file to write."""

    content: SecretText | None = None
    permissions: Permissions | None = None
    path: Text | None = None
    op: Literal["create", "append", "overwrite"] | None = None


class Time(Model):
    """How the machine keeps time."""

    disabled: bool | None = None
    servers: Texts | None = None
    bootTimeout: Duration | None = None


class Mirror(Model):
    """Where else images of a registry are found."""

    endpoints: list[Url] | None = None
    overridePath: bool | None = None
    skipFallback: bool | None = None


class RegistryTLS(Model):
    """TLS towards a registry."""

    clientIdentity: CertAndKey | None = None
    ca: Base64 | None = None
    insecureSkipVerify: bool | None = None


class RegistryAuth(Model):
    """Credentials for a registry."""

    username: Text | None = None
    password: SecretText | None = None
    auth: SecretText | None = None
    identityToken: SecretText | None = None


class RegistryAccess(Model):
    """How to talk to one registry."""

    tls: RegistryTLS | None = None
    auth: RegistryAuth | None = None


class Registries(Model):
    """Image registries."""

    mirrors: dict[str, Mirror] | None = None
    config: dict[str, RegistryAccess] | None = None


class StaticKey(Model):
    """A passphrase."""

    passphrase: SecretText | None = None


class NodeIDKey(Model):
    """A key derived from the machine's identity."""


class KmsKey(Model):
    """A key that a server keeps."""

    endpoint: Text | None = None


class TpmKey(Model):
    """A key that the TPM keeps."""

    checkSecurebootStatusOnEnroll: bool | None = None


class EncryptionKey(Model):
    """One key slot."""

    static: StaticKey | None = None
    nodeID: NodeIDKey | None = None
    kms: KmsKey | None = None
    slot: UInt32 | None = None
    tpm: TpmKey | None = None


EncryptionOption = Literal["no_read_workqueue", "no_write_workqueue", "same_cpu_crypt"]


class Encryption(Model):
    """How a partition is encrypted."""

    provider: Text | None = None
    keys: list[EncryptionKey] | None = None
    cipher: Text | None = None
    keySize: UInt32 | None = None
    blockSize: UInt64 | None = None
    options: list[EncryptionOption] | None = None


class SystemDiskEncryption(Model):
    """Encryption of the machine's own partitions."""

    state: Encryption | None = None
    ephemeral: Encryption | None = None


class KubernetesAccess(Model):
    """Use of the machine API from inside Kubernetes."""

    enabled: bool | None = None
    allowedRoles: Texts | None = None
    allowedKubernetesNamespaces: Texts | None = None


class KubePrism(Model):
    """The load balancer in front of the API servers, on each node."""

    enabled: bool | None = None
    port: Port | None = None


class HostDNS(Model):
    """The caching resolver on each node."""

    enabled: bool | None = None
    forwardKubeDNSToHost: bool | None = None
    resolveMemberNames: bool | None = None


class ImageCache(Model):
    """Images kept on the disk."""

    localEnabled: bool | None = None


class Features(Model):
    """Switches that came with versions."""

    rbac: bool | None = None
    stableHostname: bool | None = None
    kubernetesTalosAPIAccess: KubernetesAccess | None = None
    apidCheckExtKeyUsage: bool | None = None
    diskQuotaSupport: bool | None = None
    kubePrism: KubePrism | None = None
    hostDNS: HostDNS | None = None
    imageCache: ImageCache | None = None
    nodeAddressSortAlgorithm: Text | None = None


class Udev(Model):
    """Rules for device nodes."""

    rules: Texts | None = None


class LogDestination(Model):
    """Where logs are sent."""

    endpoint: Url | None = None
    format: Literal["json_lines"] | None = None
    extraTags: TextMap | None = None


class Logging(Model):
    """Sending of logs."""

    destinations: list[LogDestination] | None = None


class KernelModule(Model):
    """A kernel module to load."""

    name: Text | None = None
    parameters: Texts | None = None


class Kernel(Model):
    """Kernel settings."""

    modules: list[KernelModule] | None = None


class SeccompProfile(Model):
    """A seccomp profile for pods."""

    name: Text | None = None
    value: Object | None = None


class Machine(Model):
    """One machine."""

    # Any text here, so that validation can say which ones there are.
    type: Text | None = None
    token: SecretText | None = None
    ca: CertAndKey | None = None
    acceptedCAs: list[CertOnly] | None = None
    certSANs: Texts | None = None
    controlPlane: MachineControlPlane | None = None
    kubelet: Kubelet | None = None
    pods: list[Object] | None = None
    network: Network | None = None
    disks: list[Disk] | None = None
    install: Install | None = None
    files: list[File] | None = None
    env: Annotated[TextMap | None, Secret()] = None
    time: Time | None = None
    sysctls: TextMap | None = None
    sysfs: TextMap | None = None
    registries: Registries | None = None
    systemDiskEncryption: SystemDiskEncryption | None = None
    features: Features | None = None
    udev: Udev | None = None
    logging: Logging | None = None
    kernel: Kernel | None = None
    seccompProfiles: list[SeccompProfile] | None = None
    baseRuntimeSpecOverrides: Object | None = None
    nodeLabels: TextMap | None = None
    nodeAnnotations: TextMap | None = None
    nodeTaints: TextMap | None = None
