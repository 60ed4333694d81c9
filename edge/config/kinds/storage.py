# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - fields are spelled as documents spell them
"""Kinds about disks and volumes."""

from typing import Literal

from edge.config.document import Document, NamedDocument
from edge.config.machine import EncryptionOption, KmsKey, NodeIDKey, StaticKey
from edge.config.model import Duration, Model, Size, Text, UInt32, UInt64


class Match(Model):
    """An expression that chooses disks or volumes."""

    match: Text | None = None


class Provisioning(Model):
    """Where a volume goes and how big it is."""

    diskSelector: Match | None = None
    grow: bool | None = None
    minSize: Size | None = None
    maxSize: Size | None = None


class VolumeSelection(Model):
    """Which volumes are meant."""

    volumeSelector: Match | None = None


class Maintenance(Model):
    """Regular trimming or scrubbing."""

    enabled: bool | None = None
    interval: Duration | None = None


class TpmOptions(Model):
    """Which measurements count."""

    pcrs: list[UInt32] | None = None


class TpmKey(Model):
    """A key that the TPM keeps."""

    options: TpmOptions | None = None
    checkSecurebootStatusOnEnroll: bool | None = None


class VolumeKey(Model):
    """One key slot."""

    slot: UInt32 | None = None
    static: StaticKey | None = None
    nodeID: NodeIDKey | None = None
    kms: KmsKey | None = None
    tpm: TpmKey | None = None
    lockToState: bool | None = None


class VolumeEncryption(Model):
    """How a volume is encrypted."""

    provider: Literal["luks2"] | None = None
    keys: list[VolumeKey] | None = None
    cipher: Text | None = None
    keySize: UInt32 | None = None
    blockSize: UInt64 | None = None
    options: list[EncryptionOption] | None = None
    allowDiscards: bool | None = None


class Xfs(Model):
    """XFS settings."""

    minAllocationGroupSize: Size | None = None


class VolumeFilesystem(Model):
    """File system of a system volume."""

    xfs: Xfs | None = None


class UserFilesystem(VolumeFilesystem):
    """File system of a user volume."""

    type: Literal["ext4", "xfs", "btrfs"] | None = None
    projectQuotaSupport: bool | None = None


class VolumeMount(Model):
    """How a volume is mounted."""

    secure: bool | None = None
    disableAccessTime: bool | None = None


class ExistingMount(VolumeMount):
    """How a volume that was there is mounted."""

    readOnly: bool | None = None


class Virtiofs(Model):
    """A directory of the virtual machine's host."""

    tag: Text | None = None


class ExternalMount(ExistingMount):
    """How a volume from outside is mounted."""

    virtiofs: Virtiofs | None = None


class VolumeConfig(NamedDocument):
    """A system volume."""

    provisioning: Provisioning | None = None
    filesystem: VolumeFilesystem | None = None
    encryption: VolumeEncryption | None = None
    mount: VolumeMount | None = None
    trim: Maintenance | None = None
    scrub: Maintenance | None = None


class UserVolumeConfig(NamedDocument):
    """A volume for workloads."""

    volumeType: Literal["directory", "disk", "partition"] | None = None
    provisioning: Provisioning | None = None
    filesystem: UserFilesystem | None = None
    encryption: VolumeEncryption | None = None
    mount: VolumeMount | None = None
    trim: Maintenance | None = None
    scrub: Maintenance | None = None


class RawVolumeConfig(NamedDocument):
    """A volume without a file system."""

    provisioning: Provisioning | None = None
    encryption: VolumeEncryption | None = None


class SwapVolumeConfig(NamedDocument):
    """A volume to swap to."""

    provisioning: Provisioning | None = None
    encryption: VolumeEncryption | None = None


class ExistingVolumeConfig(NamedDocument):
    """A volume that was there before."""

    discovery: VolumeSelection | None = None
    mount: ExistingMount | None = None
    trim: Maintenance | None = None
    scrub: Maintenance | None = None


class ExternalVolumeConfig(NamedDocument):
    """A volume from outside the machine."""

    filesystemType: Literal["virtiofs"] | None = None
    mount: ExternalMount | None = None


class FilesystemTrimConfig(Document):
    """How often all file systems are trimmed."""

    interval: Duration | None = None


class FilesystemScrubConfig(Document):
    """How often all file systems are scrubbed."""

    interval: Duration | None = None


class LogicalVolumeProvisioning(Model):
    """Where a logical volume goes and how big it is."""

    volumeGroup: Text | None = None
    minSize: Size | None = None
    maxSize: Size | None = None


class LVMLogicalVolumeConfig(NamedDocument):
    """A logical volume."""

    type: Text | None = None
    mirrors: UInt32 | None = None
    stripes: UInt32 | None = None
    provisioning: LogicalVolumeProvisioning | None = None


class LVMVolumeGroupConfig(NamedDocument):
    """A volume group."""

    provisioning: VolumeSelection | None = None


class RAIDArrayConfig(NamedDocument):
    """An array of disks."""

    level: Literal["raid1"] | None = None
    metadata: Text | None = None
    provisioning: VolumeSelection | None = None


class ZswapConfig(Document):
    """Compressed swap in memory."""

    maxPoolPercent: UInt32 | None = None
    shrinkerEnabled: bool | None = None
