import datetime

from edge.api.definitions import enums_pb2 as _enums_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DiskSpec(_message.Message):
    __slots__ = ("dev_path", "size", "pretty_size", "io_size", "sector_size", "readonly", "cdrom", "model", "firmware_version", "serial", "modalias", "wwid", "uuid", "bus_path", "sub_system", "transport", "rotational", "secondary_disks", "symlinks")
    DEV_PATH_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PRETTY_SIZE_FIELD_NUMBER: _ClassVar[int]
    IO_SIZE_FIELD_NUMBER: _ClassVar[int]
    SECTOR_SIZE_FIELD_NUMBER: _ClassVar[int]
    READONLY_FIELD_NUMBER: _ClassVar[int]
    CDROM_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    MODALIAS_FIELD_NUMBER: _ClassVar[int]
    WWID_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    BUS_PATH_FIELD_NUMBER: _ClassVar[int]
    SUB_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    ROTATIONAL_FIELD_NUMBER: _ClassVar[int]
    SECONDARY_DISKS_FIELD_NUMBER: _ClassVar[int]
    SYMLINKS_FIELD_NUMBER: _ClassVar[int]
    dev_path: str
    size: int
    pretty_size: str
    io_size: int
    sector_size: int
    readonly: bool
    cdrom: bool
    model: str
    firmware_version: str
    serial: str
    modalias: str
    wwid: str
    uuid: str
    bus_path: str
    sub_system: str
    transport: str
    rotational: bool
    secondary_disks: _containers.RepeatedScalarFieldContainer[str]
    symlinks: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, dev_path: _Optional[str] = ..., size: _Optional[int] = ..., pretty_size: _Optional[str] = ..., io_size: _Optional[int] = ..., sector_size: _Optional[int] = ..., readonly: bool = ..., cdrom: bool = ..., model: _Optional[str] = ..., firmware_version: _Optional[str] = ..., serial: _Optional[str] = ..., modalias: _Optional[str] = ..., wwid: _Optional[str] = ..., uuid: _Optional[str] = ..., bus_path: _Optional[str] = ..., sub_system: _Optional[str] = ..., transport: _Optional[str] = ..., rotational: bool = ..., secondary_disks: _Optional[_Iterable[str]] = ..., symlinks: _Optional[_Iterable[str]] = ...) -> None: ...

class DiscoveredVolumeSpec(_message.Message):
    __slots__ = ("dev_path", "type", "device_path", "parent", "parent_dev_path", "offset", "size", "pretty_size", "sector_size", "io_size", "name", "uuid", "label", "block_size", "filesystem_block_size", "probed_size", "partition_uuid", "partition_type", "partition_label", "partition_index")
    DEV_PATH_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_PATH_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PARENT_DEV_PATH_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PRETTY_SIZE_FIELD_NUMBER: _ClassVar[int]
    SECTOR_SIZE_FIELD_NUMBER: _ClassVar[int]
    IO_SIZE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    BLOCK_SIZE_FIELD_NUMBER: _ClassVar[int]
    FILESYSTEM_BLOCK_SIZE_FIELD_NUMBER: _ClassVar[int]
    PROBED_SIZE_FIELD_NUMBER: _ClassVar[int]
    PARTITION_UUID_FIELD_NUMBER: _ClassVar[int]
    PARTITION_TYPE_FIELD_NUMBER: _ClassVar[int]
    PARTITION_LABEL_FIELD_NUMBER: _ClassVar[int]
    PARTITION_INDEX_FIELD_NUMBER: _ClassVar[int]
    dev_path: str
    type: str
    device_path: str
    parent: str
    parent_dev_path: str
    offset: int
    size: int
    pretty_size: str
    sector_size: int
    io_size: int
    name: str
    uuid: str
    label: str
    block_size: int
    filesystem_block_size: int
    probed_size: int
    partition_uuid: str
    partition_type: str
    partition_label: str
    partition_index: int
    def __init__(self, dev_path: _Optional[str] = ..., type: _Optional[str] = ..., device_path: _Optional[str] = ..., parent: _Optional[str] = ..., parent_dev_path: _Optional[str] = ..., offset: _Optional[int] = ..., size: _Optional[int] = ..., pretty_size: _Optional[str] = ..., sector_size: _Optional[int] = ..., io_size: _Optional[int] = ..., name: _Optional[str] = ..., uuid: _Optional[str] = ..., label: _Optional[str] = ..., block_size: _Optional[int] = ..., filesystem_block_size: _Optional[int] = ..., probed_size: _Optional[int] = ..., partition_uuid: _Optional[str] = ..., partition_type: _Optional[str] = ..., partition_label: _Optional[str] = ..., partition_index: _Optional[int] = ...) -> None: ...

class SystemDiskSpec(_message.Message):
    __slots__ = ("disk_id", "dev_path")
    DISK_ID_FIELD_NUMBER: _ClassVar[int]
    DEV_PATH_FIELD_NUMBER: _ClassVar[int]
    disk_id: str
    dev_path: str
    def __init__(self, disk_id: _Optional[str] = ..., dev_path: _Optional[str] = ...) -> None: ...

class VolumeStatusSpec(_message.Message):
    __slots__ = ("phase", "pre_fail_phase", "type", "parent_id", "location", "mount_location", "partition_index", "parent_location", "uuid", "partition_uuid", "size", "pretty_size", "filesystem", "encryption_provider", "encryption_failed_syncs", "encryption_locked_to_state", "encryption_slot", "encryption_allow_discards", "trim_enabled", "trim_interval", "scrub_enabled", "scrub_interval", "error_message")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PRE_FAIL_PHASE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PARENT_ID_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    MOUNT_LOCATION_FIELD_NUMBER: _ClassVar[int]
    PARTITION_INDEX_FIELD_NUMBER: _ClassVar[int]
    PARENT_LOCATION_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    PARTITION_UUID_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PRETTY_SIZE_FIELD_NUMBER: _ClassVar[int]
    FILESYSTEM_FIELD_NUMBER: _ClassVar[int]
    ENCRYPTION_PROVIDER_FIELD_NUMBER: _ClassVar[int]
    ENCRYPTION_FAILED_SYNCS_FIELD_NUMBER: _ClassVar[int]
    ENCRYPTION_LOCKED_TO_STATE_FIELD_NUMBER: _ClassVar[int]
    ENCRYPTION_SLOT_FIELD_NUMBER: _ClassVar[int]
    ENCRYPTION_ALLOW_DISCARDS_FIELD_NUMBER: _ClassVar[int]
    TRIM_ENABLED_FIELD_NUMBER: _ClassVar[int]
    TRIM_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    SCRUB_ENABLED_FIELD_NUMBER: _ClassVar[int]
    SCRUB_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    phase: _enums_pb2.VolumePhase
    pre_fail_phase: _enums_pb2.VolumePhase
    type: _enums_pb2.VolumeType
    parent_id: str
    location: str
    mount_location: str
    partition_index: int
    parent_location: str
    uuid: str
    partition_uuid: str
    size: int
    pretty_size: str
    filesystem: _enums_pb2.FilesystemType
    encryption_provider: _enums_pb2.EncryptionProviderType
    encryption_failed_syncs: _containers.RepeatedScalarFieldContainer[str]
    encryption_locked_to_state: bool
    encryption_slot: int
    encryption_allow_discards: bool
    trim_enabled: bool
    trim_interval: _duration_pb2.Duration
    scrub_enabled: bool
    scrub_interval: _duration_pb2.Duration
    error_message: str
    def __init__(self, phase: _Optional[_Union[_enums_pb2.VolumePhase, str]] = ..., pre_fail_phase: _Optional[_Union[_enums_pb2.VolumePhase, str]] = ..., type: _Optional[_Union[_enums_pb2.VolumeType, str]] = ..., parent_id: _Optional[str] = ..., location: _Optional[str] = ..., mount_location: _Optional[str] = ..., partition_index: _Optional[int] = ..., parent_location: _Optional[str] = ..., uuid: _Optional[str] = ..., partition_uuid: _Optional[str] = ..., size: _Optional[int] = ..., pretty_size: _Optional[str] = ..., filesystem: _Optional[_Union[_enums_pb2.FilesystemType, str]] = ..., encryption_provider: _Optional[_Union[_enums_pb2.EncryptionProviderType, str]] = ..., encryption_failed_syncs: _Optional[_Iterable[str]] = ..., encryption_locked_to_state: bool = ..., encryption_slot: _Optional[int] = ..., encryption_allow_discards: bool = ..., trim_enabled: bool = ..., trim_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., scrub_enabled: bool = ..., scrub_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., error_message: _Optional[str] = ...) -> None: ...

class MountStatusSpec(_message.Message):
    __slots__ = ("spec", "source", "target", "filesystem", "encryption_provider", "read_only", "project_quota_support", "detached")
    class Spec(_message.Message):
        __slots__ = ("volume_id", "parent_id", "read_only", "detached", "disable_access_time", "secure", "no_exec", "requesters", "requester_i_ds")
        VOLUME_ID_FIELD_NUMBER: _ClassVar[int]
        PARENT_ID_FIELD_NUMBER: _ClassVar[int]
        READ_ONLY_FIELD_NUMBER: _ClassVar[int]
        DETACHED_FIELD_NUMBER: _ClassVar[int]
        DISABLE_ACCESS_TIME_FIELD_NUMBER: _ClassVar[int]
        SECURE_FIELD_NUMBER: _ClassVar[int]
        NO_EXEC_FIELD_NUMBER: _ClassVar[int]
        REQUESTERS_FIELD_NUMBER: _ClassVar[int]
        REQUESTER_I_DS_FIELD_NUMBER: _ClassVar[int]
        volume_id: str
        parent_id: str
        read_only: bool
        detached: bool
        disable_access_time: bool
        secure: bool
        no_exec: bool
        requesters: _containers.RepeatedScalarFieldContainer[str]
        requester_i_ds: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, volume_id: _Optional[str] = ..., parent_id: _Optional[str] = ..., read_only: bool = ..., detached: bool = ..., disable_access_time: bool = ..., secure: bool = ..., no_exec: bool = ..., requesters: _Optional[_Iterable[str]] = ..., requester_i_ds: _Optional[_Iterable[str]] = ...) -> None: ...
    SPEC_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    FILESYSTEM_FIELD_NUMBER: _ClassVar[int]
    ENCRYPTION_PROVIDER_FIELD_NUMBER: _ClassVar[int]
    READ_ONLY_FIELD_NUMBER: _ClassVar[int]
    PROJECT_QUOTA_SUPPORT_FIELD_NUMBER: _ClassVar[int]
    DETACHED_FIELD_NUMBER: _ClassVar[int]
    spec: MountStatusSpec.Spec
    source: str
    target: str
    filesystem: _enums_pb2.FilesystemType
    encryption_provider: _enums_pb2.EncryptionProviderType
    read_only: bool
    project_quota_support: bool
    detached: bool
    def __init__(self, spec: _Optional[_Union[MountStatusSpec.Spec, _Mapping]] = ..., source: _Optional[str] = ..., target: _Optional[str] = ..., filesystem: _Optional[_Union[_enums_pb2.FilesystemType, str]] = ..., encryption_provider: _Optional[_Union[_enums_pb2.EncryptionProviderType, str]] = ..., read_only: bool = ..., project_quota_support: bool = ..., detached: bool = ...) -> None: ...

class DeviceSpec(_message.Message):
    __slots__ = ("type", "major", "minor", "partition_name", "partition_number", "device_path", "generation", "parent", "secondaries")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MAJOR_FIELD_NUMBER: _ClassVar[int]
    MINOR_FIELD_NUMBER: _ClassVar[int]
    PARTITION_NAME_FIELD_NUMBER: _ClassVar[int]
    PARTITION_NUMBER_FIELD_NUMBER: _ClassVar[int]
    DEVICE_PATH_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    SECONDARIES_FIELD_NUMBER: _ClassVar[int]
    type: str
    major: int
    minor: int
    partition_name: str
    partition_number: int
    device_path: str
    generation: int
    parent: str
    secondaries: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, type: _Optional[str] = ..., major: _Optional[int] = ..., minor: _Optional[int] = ..., partition_name: _Optional[str] = ..., partition_number: _Optional[int] = ..., device_path: _Optional[str] = ..., generation: _Optional[int] = ..., parent: _Optional[str] = ..., secondaries: _Optional[_Iterable[str]] = ...) -> None: ...

class DiscoveredVolumesStatusSpec(_message.Message):
    __slots__ = ("ready",)
    READY_FIELD_NUMBER: _ClassVar[int]
    ready: bool
    def __init__(self, ready: bool = ...) -> None: ...

class SwapStatusSpec(_message.Message):
    __slots__ = ("device", "type", "size", "size_human", "used", "used_human", "priority")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SIZE_HUMAN_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    USED_HUMAN_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    device: str
    type: str
    size: int
    size_human: str
    used: int
    used_human: str
    priority: int
    def __init__(self, device: _Optional[str] = ..., type: _Optional[str] = ..., size: _Optional[int] = ..., size_human: _Optional[str] = ..., used: _Optional[int] = ..., used_human: _Optional[str] = ..., priority: _Optional[int] = ...) -> None: ...
