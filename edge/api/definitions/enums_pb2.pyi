from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class Family(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAMILY_UNSPECIFIED: _ClassVar[Family]
    FAMILY_INET4: _ClassVar[Family]
    FAMILY_INET6: _ClassVar[Family]

class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCOPE_GLOBAL: _ClassVar[Scope]
    SCOPE_SITE: _ClassVar[Scope]
    SCOPE_LINK: _ClassVar[Scope]
    SCOPE_HOST: _ClassVar[Scope]
    SCOPE_NOWHERE: _ClassVar[Scope]

class OperationalState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATIONAL_STATE_UNKNOWN: _ClassVar[OperationalState]
    OPERATIONAL_STATE_NOTPRESENT: _ClassVar[OperationalState]
    OPERATIONAL_STATE_DOWN: _ClassVar[OperationalState]
    OPERATIONAL_STATE_LOWERLAYERDOWN: _ClassVar[OperationalState]
    OPERATIONAL_STATE_TESTING: _ClassVar[OperationalState]
    OPERATIONAL_STATE_DORMANT: _ClassVar[OperationalState]
    OPERATIONAL_STATE_UP: _ClassVar[OperationalState]

class LinkType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LINK_TYPE_NETROM: _ClassVar[LinkType]
    LINK_TYPE_ETHER: _ClassVar[LinkType]
    LINK_TYPE_LOOPBACK: _ClassVar[LinkType]
    LINK_TYPE_TUNNEL: _ClassVar[LinkType]
    LINK_TYPE_SIT: _ClassVar[LinkType]
    LINK_TYPE_NONE: _ClassVar[LinkType]

class RoutingTable(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROUTING_TABLE_UNSPEC: _ClassVar[RoutingTable]
    ROUTING_TABLE_DEFAULT: _ClassVar[RoutingTable]
    ROUTING_TABLE_MAIN: _ClassVar[RoutingTable]
    ROUTING_TABLE_LOCAL: _ClassVar[RoutingTable]

class RouteType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROUTE_TYPE_UNSPEC: _ClassVar[RouteType]
    ROUTE_TYPE_UNICAST: _ClassVar[RouteType]
    ROUTE_TYPE_LOCAL: _ClassVar[RouteType]
    ROUTE_TYPE_BROADCAST: _ClassVar[RouteType]
    ROUTE_TYPE_ANYCAST: _ClassVar[RouteType]
    ROUTE_TYPE_MULTICAST: _ClassVar[RouteType]
    ROUTE_TYPE_BLACKHOLE: _ClassVar[RouteType]
    ROUTE_TYPE_UNREACHABLE: _ClassVar[RouteType]

class RouteProtocol(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROUTE_PROTOCOL_UNSPEC: _ClassVar[RouteProtocol]
    ROUTE_PROTOCOL_REDIRECT: _ClassVar[RouteProtocol]
    ROUTE_PROTOCOL_KERNEL: _ClassVar[RouteProtocol]
    ROUTE_PROTOCOL_BOOT: _ClassVar[RouteProtocol]
    ROUTE_PROTOCOL_STATIC: _ClassVar[RouteProtocol]
    ROUTE_PROTOCOL_RA: _ClassVar[RouteProtocol]
    ROUTE_PROTOCOL_DHCP: _ClassVar[RouteProtocol]

class MachineStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MACHINE_STAGE_UNKNOWN: _ClassVar[MachineStage]
    MACHINE_STAGE_BOOTING: _ClassVar[MachineStage]
    MACHINE_STAGE_INSTALLING: _ClassVar[MachineStage]
    MACHINE_STAGE_MAINTENANCE: _ClassVar[MachineStage]
    MACHINE_STAGE_RUNNING: _ClassVar[MachineStage]
    MACHINE_STAGE_REBOOTING: _ClassVar[MachineStage]
    MACHINE_STAGE_SHUTTING_DOWN: _ClassVar[MachineStage]
    MACHINE_STAGE_RESETTING: _ClassVar[MachineStage]
    MACHINE_STAGE_UPGRADING: _ClassVar[MachineStage]

class VolumePhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VOLUME_PHASE_WAITING: _ClassVar[VolumePhase]
    VOLUME_PHASE_FAILED: _ClassVar[VolumePhase]
    VOLUME_PHASE_MISSING: _ClassVar[VolumePhase]
    VOLUME_PHASE_LOCATED: _ClassVar[VolumePhase]
    VOLUME_PHASE_PROVISIONED: _ClassVar[VolumePhase]
    VOLUME_PHASE_PREPARED: _ClassVar[VolumePhase]
    VOLUME_PHASE_READY: _ClassVar[VolumePhase]
    VOLUME_PHASE_CLOSED: _ClassVar[VolumePhase]

class VolumeType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VOLUME_TYPE_PARTITION: _ClassVar[VolumeType]
    VOLUME_TYPE_DISK: _ClassVar[VolumeType]
    VOLUME_TYPE_TMPFS: _ClassVar[VolumeType]
    VOLUME_TYPE_DIRECTORY: _ClassVar[VolumeType]
    VOLUME_TYPE_SYMLINK: _ClassVar[VolumeType]
    VOLUME_TYPE_OVERLAY: _ClassVar[VolumeType]
    VOLUME_TYPE_EXTERNAL: _ClassVar[VolumeType]

class FilesystemType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FILESYSTEM_TYPE_NONE: _ClassVar[FilesystemType]
    FILESYSTEM_TYPE_XFS: _ClassVar[FilesystemType]
    FILESYSTEM_TYPE_VFAT: _ClassVar[FilesystemType]
    FILESYSTEM_TYPE_EXT4: _ClassVar[FilesystemType]
    FILESYSTEM_TYPE_ISO9660: _ClassVar[FilesystemType]
    FILESYSTEM_TYPE_SWAP: _ClassVar[FilesystemType]
    FILESYSTEM_TYPE_VIRTIOFS: _ClassVar[FilesystemType]
    FILESYSTEM_TYPE_BTRFS: _ClassVar[FilesystemType]

class EncryptionProviderType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCRYPTION_PROVIDER_TYPE_NONE: _ClassVar[EncryptionProviderType]
    ENCRYPTION_PROVIDER_TYPE_LUKS2: _ClassVar[EncryptionProviderType]

class MachineType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MACHINE_TYPE_UNKNOWN: _ClassVar[MachineType]
    MACHINE_TYPE_INIT: _ClassVar[MachineType]
    MACHINE_TYPE_CONTROLPLANE: _ClassVar[MachineType]
    MACHINE_TYPE_WORKER: _ClassVar[MachineType]

class SELinuxState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SE_LINUX_STATE_DISABLED: _ClassVar[SELinuxState]
    SE_LINUX_STATE_ENABLED_PERMISSIVE: _ClassVar[SELinuxState]
    SE_LINUX_STATE_ENABLED_ENFORCING: _ClassVar[SELinuxState]

class FIPSState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FIPS_STATE_DISABLED: _ClassVar[FIPSState]
    FIPS_STATE_ENABLED: _ClassVar[FIPSState]
    FIPS_STATE_STRICT: _ClassVar[FIPSState]

class KernelModuleState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KERNEL_MODULE_STATE_LIVE: _ClassVar[KernelModuleState]
    KERNEL_MODULE_STATE_LOADING: _ClassVar[KernelModuleState]
    KERNEL_MODULE_STATE_UNLOADING: _ClassVar[KernelModuleState]
    KERNEL_MODULE_STATE_BUILT_IN: _ClassVar[KernelModuleState]

class KernelModuleType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KERNEL_MODULE_TYPE_UNKNOWN: _ClassVar[KernelModuleType]
    KERNEL_MODULE_TYPE_BUILT_IN: _ClassVar[KernelModuleType]
    KERNEL_MODULE_TYPE_DYNAMIC: _ClassVar[KernelModuleType]

class ConfigLayer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONFIG_LAYER_DEFAULT: _ClassVar[ConfigLayer]
    CONFIG_LAYER_CMDLINE: _ClassVar[ConfigLayer]
    CONFIG_LAYER_PLATFORM: _ClassVar[ConfigLayer]
    CONFIG_LAYER_OPERATOR: _ClassVar[ConfigLayer]
    CONFIG_LAYER_CONFIGURATION: _ClassVar[ConfigLayer]

class Operator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATOR_DHCP4: _ClassVar[Operator]
    OPERATOR_DHCP6: _ClassVar[Operator]
    OPERATOR_VIP: _ClassVar[Operator]

class Duplex(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DUPLEX_HALF: _ClassVar[Duplex]
    DUPLEX_FULL: _ClassVar[Duplex]
    DUPLEX_UNKNOWN: _ClassVar[Duplex]
FAMILY_UNSPECIFIED: Family
FAMILY_INET4: Family
FAMILY_INET6: Family
SCOPE_GLOBAL: Scope
SCOPE_SITE: Scope
SCOPE_LINK: Scope
SCOPE_HOST: Scope
SCOPE_NOWHERE: Scope
OPERATIONAL_STATE_UNKNOWN: OperationalState
OPERATIONAL_STATE_NOTPRESENT: OperationalState
OPERATIONAL_STATE_DOWN: OperationalState
OPERATIONAL_STATE_LOWERLAYERDOWN: OperationalState
OPERATIONAL_STATE_TESTING: OperationalState
OPERATIONAL_STATE_DORMANT: OperationalState
OPERATIONAL_STATE_UP: OperationalState
LINK_TYPE_NETROM: LinkType
LINK_TYPE_ETHER: LinkType
LINK_TYPE_LOOPBACK: LinkType
LINK_TYPE_TUNNEL: LinkType
LINK_TYPE_SIT: LinkType
LINK_TYPE_NONE: LinkType
ROUTING_TABLE_UNSPEC: RoutingTable
ROUTING_TABLE_DEFAULT: RoutingTable
ROUTING_TABLE_MAIN: RoutingTable
ROUTING_TABLE_LOCAL: RoutingTable
ROUTE_TYPE_UNSPEC: RouteType
ROUTE_TYPE_UNICAST: RouteType
ROUTE_TYPE_LOCAL: RouteType
ROUTE_TYPE_BROADCAST: RouteType
ROUTE_TYPE_ANYCAST: RouteType
ROUTE_TYPE_MULTICAST: RouteType
ROUTE_TYPE_BLACKHOLE: RouteType
ROUTE_TYPE_UNREACHABLE: RouteType
ROUTE_PROTOCOL_UNSPEC: RouteProtocol
ROUTE_PROTOCOL_REDIRECT: RouteProtocol
ROUTE_PROTOCOL_KERNEL: RouteProtocol
ROUTE_PROTOCOL_BOOT: RouteProtocol
ROUTE_PROTOCOL_STATIC: RouteProtocol
ROUTE_PROTOCOL_RA: RouteProtocol
ROUTE_PROTOCOL_DHCP: RouteProtocol
MACHINE_STAGE_UNKNOWN: MachineStage
MACHINE_STAGE_BOOTING: MachineStage
MACHINE_STAGE_INSTALLING: MachineStage
MACHINE_STAGE_MAINTENANCE: MachineStage
MACHINE_STAGE_RUNNING: MachineStage
MACHINE_STAGE_REBOOTING: MachineStage
MACHINE_STAGE_SHUTTING_DOWN: MachineStage
MACHINE_STAGE_RESETTING: MachineStage
MACHINE_STAGE_UPGRADING: MachineStage
VOLUME_PHASE_WAITING: VolumePhase
VOLUME_PHASE_FAILED: VolumePhase
VOLUME_PHASE_MISSING: VolumePhase
VOLUME_PHASE_LOCATED: VolumePhase
VOLUME_PHASE_PROVISIONED: VolumePhase
VOLUME_PHASE_PREPARED: VolumePhase
VOLUME_PHASE_READY: VolumePhase
VOLUME_PHASE_CLOSED: VolumePhase
VOLUME_TYPE_PARTITION: VolumeType
VOLUME_TYPE_DISK: VolumeType
VOLUME_TYPE_TMPFS: VolumeType
VOLUME_TYPE_DIRECTORY: VolumeType
VOLUME_TYPE_SYMLINK: VolumeType
VOLUME_TYPE_OVERLAY: VolumeType
VOLUME_TYPE_EXTERNAL: VolumeType
FILESYSTEM_TYPE_NONE: FilesystemType
FILESYSTEM_TYPE_XFS: FilesystemType
FILESYSTEM_TYPE_VFAT: FilesystemType
FILESYSTEM_TYPE_EXT4: FilesystemType
FILESYSTEM_TYPE_ISO9660: FilesystemType
FILESYSTEM_TYPE_SWAP: FilesystemType
FILESYSTEM_TYPE_VIRTIOFS: FilesystemType
FILESYSTEM_TYPE_BTRFS: FilesystemType
ENCRYPTION_PROVIDER_TYPE_NONE: EncryptionProviderType
ENCRYPTION_PROVIDER_TYPE_LUKS2: EncryptionProviderType
MACHINE_TYPE_UNKNOWN: MachineType
MACHINE_TYPE_INIT: MachineType
MACHINE_TYPE_CONTROLPLANE: MachineType
MACHINE_TYPE_WORKER: MachineType
SE_LINUX_STATE_DISABLED: SELinuxState
SE_LINUX_STATE_ENABLED_PERMISSIVE: SELinuxState
SE_LINUX_STATE_ENABLED_ENFORCING: SELinuxState
FIPS_STATE_DISABLED: FIPSState
FIPS_STATE_ENABLED: FIPSState
FIPS_STATE_STRICT: FIPSState
KERNEL_MODULE_STATE_LIVE: KernelModuleState
KERNEL_MODULE_STATE_LOADING: KernelModuleState
KERNEL_MODULE_STATE_UNLOADING: KernelModuleState
KERNEL_MODULE_STATE_BUILT_IN: KernelModuleState
KERNEL_MODULE_TYPE_UNKNOWN: KernelModuleType
KERNEL_MODULE_TYPE_BUILT_IN: KernelModuleType
KERNEL_MODULE_TYPE_DYNAMIC: KernelModuleType
CONFIG_LAYER_DEFAULT: ConfigLayer
CONFIG_LAYER_CMDLINE: ConfigLayer
CONFIG_LAYER_PLATFORM: ConfigLayer
CONFIG_LAYER_OPERATOR: ConfigLayer
CONFIG_LAYER_CONFIGURATION: ConfigLayer
OPERATOR_DHCP4: Operator
OPERATOR_DHCP6: Operator
OPERATOR_VIP: Operator
DUPLEX_HALF: Duplex
DUPLEX_FULL: Duplex
DUPLEX_UNKNOWN: Duplex
