import datetime

from edge.api.definitions import enums_pb2 as _enums_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MachineStatusSpec(_message.Message):
    __slots__ = ("stage", "status")
    class Status(_message.Message):
        __slots__ = ("ready", "unmet_conditions")
        class UnmetConditions(_message.Message):
            __slots__ = ("name", "reason")
            NAME_FIELD_NUMBER: _ClassVar[int]
            REASON_FIELD_NUMBER: _ClassVar[int]
            name: str
            reason: str
            def __init__(self, name: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
        READY_FIELD_NUMBER: _ClassVar[int]
        UNMET_CONDITIONS_FIELD_NUMBER: _ClassVar[int]
        ready: bool
        unmet_conditions: _containers.RepeatedCompositeFieldContainer[MachineStatusSpec.Status.UnmetConditions]
        def __init__(self, ready: bool = ..., unmet_conditions: _Optional[_Iterable[_Union[MachineStatusSpec.Status.UnmetConditions, _Mapping]]] = ...) -> None: ...
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    stage: _enums_pb2.MachineStage
    status: MachineStatusSpec.Status
    def __init__(self, stage: _Optional[_Union[_enums_pb2.MachineStage, str]] = ..., status: _Optional[_Union[MachineStatusSpec.Status, _Mapping]] = ...) -> None: ...

class MetaKeySpec(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: str
    def __init__(self, value: _Optional[str] = ...) -> None: ...

class VersionSpec(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class BootIDSpec(_message.Message):
    __slots__ = ("boot_id",)
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    boot_id: str
    def __init__(self, boot_id: _Optional[str] = ...) -> None: ...

class KernelCmdlineSpec(_message.Message):
    __slots__ = ("cmdline",)
    CMDLINE_FIELD_NUMBER: _ClassVar[int]
    cmdline: str
    def __init__(self, cmdline: _Optional[str] = ...) -> None: ...

class DiagnosticSpec(_message.Message):
    __slots__ = ("message", "details")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    message: str
    details: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, message: _Optional[str] = ..., details: _Optional[_Iterable[str]] = ...) -> None: ...

class WatchdogTimerStatusSpec(_message.Message):
    __slots__ = ("device", "timeout", "feed_interval")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    FEED_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    device: str
    timeout: _duration_pb2.Duration
    feed_interval: _duration_pb2.Duration
    def __init__(self, device: _Optional[str] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., feed_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ExtensionStatusSpec(_message.Message):
    __slots__ = ("image", "metadata")
    class Metadata(_message.Message):
        __slots__ = ("name", "version", "author", "description", "compatibility", "extra_info")
        class Compatibility(_message.Message):
            __slots__ = ("talos",)
            class Talos(_message.Message):
                __slots__ = ("version",)
                VERSION_FIELD_NUMBER: _ClassVar[int]
                version: str
                def __init__(self, version: _Optional[str] = ...) -> None: ...
            TALOS_FIELD_NUMBER: _ClassVar[int]
            talos: ExtensionStatusSpec.Metadata.Compatibility.Talos
            def __init__(self, talos: _Optional[_Union[ExtensionStatusSpec.Metadata.Compatibility.Talos, _Mapping]] = ...) -> None: ...
        NAME_FIELD_NUMBER: _ClassVar[int]
        VERSION_FIELD_NUMBER: _ClassVar[int]
        AUTHOR_FIELD_NUMBER: _ClassVar[int]
        DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
        COMPATIBILITY_FIELD_NUMBER: _ClassVar[int]
        EXTRA_INFO_FIELD_NUMBER: _ClassVar[int]
        name: str
        version: str
        author: str
        description: str
        compatibility: ExtensionStatusSpec.Metadata.Compatibility
        extra_info: str
        def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., author: _Optional[str] = ..., description: _Optional[str] = ..., compatibility: _Optional[_Union[ExtensionStatusSpec.Metadata.Compatibility, _Mapping]] = ..., extra_info: _Optional[str] = ...) -> None: ...
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    image: str
    metadata: ExtensionStatusSpec.Metadata
    def __init__(self, image: _Optional[str] = ..., metadata: _Optional[_Union[ExtensionStatusSpec.Metadata, _Mapping]] = ...) -> None: ...

class KernelModuleStatusSpec(_message.Message):
    __slots__ = ("type", "size", "reference_count", "dependencies", "state", "address")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    type: _enums_pb2.KernelModuleType
    size: int
    reference_count: int
    dependencies: _containers.RepeatedScalarFieldContainer[str]
    state: _enums_pb2.KernelModuleState
    address: str
    def __init__(self, type: _Optional[_Union[_enums_pb2.KernelModuleType, str]] = ..., size: _Optional[int] = ..., reference_count: _Optional[int] = ..., dependencies: _Optional[_Iterable[str]] = ..., state: _Optional[_Union[_enums_pb2.KernelModuleState, str]] = ..., address: _Optional[str] = ...) -> None: ...

class KernelParamSpecSpec(_message.Message):
    __slots__ = ("value", "ignore_errors")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    IGNORE_ERRORS_FIELD_NUMBER: _ClassVar[int]
    value: str
    ignore_errors: bool
    def __init__(self, value: _Optional[str] = ..., ignore_errors: bool = ...) -> None: ...

class KernelParamStatusSpec(_message.Message):
    __slots__ = ("current", "default", "unsupported")
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    UNSUPPORTED_FIELD_NUMBER: _ClassVar[int]
    current: str
    default: str
    unsupported: bool
    def __init__(self, current: _Optional[str] = ..., default: _Optional[str] = ..., unsupported: bool = ...) -> None: ...

class LoadedKernelModuleSpec(_message.Message):
    __slots__ = ("size", "reference_count", "dependencies", "state", "address")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    size: int
    reference_count: int
    dependencies: _containers.RepeatedScalarFieldContainer[str]
    state: str
    address: str
    def __init__(self, size: _Optional[int] = ..., reference_count: _Optional[int] = ..., dependencies: _Optional[_Iterable[str]] = ..., state: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class MetaLoadedSpec(_message.Message):
    __slots__ = ("done",)
    DONE_FIELD_NUMBER: _ClassVar[int]
    done: bool
    def __init__(self, done: bool = ...) -> None: ...

class MountStatusSpec(_message.Message):
    __slots__ = ("source", "target", "filesystem_type", "options", "encrypted", "encryption_providers")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    FILESYSTEM_TYPE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    ENCRYPTED_FIELD_NUMBER: _ClassVar[int]
    ENCRYPTION_PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    source: str
    target: str
    filesystem_type: str
    options: _containers.RepeatedScalarFieldContainer[str]
    encrypted: bool
    encryption_providers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, source: _Optional[str] = ..., target: _Optional[str] = ..., filesystem_type: _Optional[str] = ..., options: _Optional[_Iterable[str]] = ..., encrypted: bool = ..., encryption_providers: _Optional[_Iterable[str]] = ...) -> None: ...

class PlatformMetadataSpec(_message.Message):
    __slots__ = ("platform", "hostname", "region", "zone", "instance_type", "instance_id", "provider_id", "spot", "internal_dns", "external_dns", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_ID_FIELD_NUMBER: _ClassVar[int]
    SPOT_FIELD_NUMBER: _ClassVar[int]
    INTERNAL_DNS_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_DNS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    platform: str
    hostname: str
    region: str
    zone: str
    instance_type: str
    instance_id: str
    provider_id: str
    spot: bool
    internal_dns: str
    external_dns: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, platform: _Optional[str] = ..., hostname: _Optional[str] = ..., region: _Optional[str] = ..., zone: _Optional[str] = ..., instance_type: _Optional[str] = ..., instance_id: _Optional[str] = ..., provider_id: _Optional[str] = ..., spot: bool = ..., internal_dns: _Optional[str] = ..., external_dns: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SecurityStateSpec(_message.Message):
    __slots__ = ("secure_boot", "uki_signing_key_fingerprint", "pcr_signing_key_fingerprint", "selinux_state", "fips_state", "booted_with_uki", "module_signature_enforced")
    SECURE_BOOT_FIELD_NUMBER: _ClassVar[int]
    UKI_SIGNING_KEY_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    PCR_SIGNING_KEY_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    SELINUX_STATE_FIELD_NUMBER: _ClassVar[int]
    FIPS_STATE_FIELD_NUMBER: _ClassVar[int]
    BOOTED_WITH_UKI_FIELD_NUMBER: _ClassVar[int]
    MODULE_SIGNATURE_ENFORCED_FIELD_NUMBER: _ClassVar[int]
    secure_boot: bool
    uki_signing_key_fingerprint: str
    pcr_signing_key_fingerprint: str
    selinux_state: _enums_pb2.SELinuxState
    fips_state: _enums_pb2.FIPSState
    booted_with_uki: bool
    module_signature_enforced: bool
    def __init__(self, secure_boot: bool = ..., uki_signing_key_fingerprint: _Optional[str] = ..., pcr_signing_key_fingerprint: _Optional[str] = ..., selinux_state: _Optional[_Union[_enums_pb2.SELinuxState, str]] = ..., fips_state: _Optional[_Union[_enums_pb2.FIPSState, str]] = ..., booted_with_uki: bool = ..., module_signature_enforced: bool = ...) -> None: ...

class WatchdogTimerConfigSpec(_message.Message):
    __slots__ = ("device", "timeout")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    device: str
    timeout: _duration_pb2.Duration
    def __init__(self, device: _Optional[str] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
