from edge.api import common_pb2 as _common_pb2
from edge.api.definitions import enums_pb2 as _enums_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AddressStatusSpec(_message.Message):
    __slots__ = ("address", "local", "broadcast", "anycast", "multicast", "link_index", "link_name", "family", "scope", "flags", "priority")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    BROADCAST_FIELD_NUMBER: _ClassVar[int]
    ANYCAST_FIELD_NUMBER: _ClassVar[int]
    MULTICAST_FIELD_NUMBER: _ClassVar[int]
    LINK_INDEX_FIELD_NUMBER: _ClassVar[int]
    LINK_NAME_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    address: _common_pb2.NetIPPrefix
    local: _common_pb2.NetIP
    broadcast: _common_pb2.NetIP
    anycast: _common_pb2.NetIP
    multicast: _common_pb2.NetIP
    link_index: int
    link_name: str
    family: _enums_pb2.Family
    scope: _enums_pb2.Scope
    flags: int
    priority: int
    def __init__(self, address: _Optional[_Union[_common_pb2.NetIPPrefix, _Mapping]] = ..., local: _Optional[_Union[_common_pb2.NetIP, _Mapping]] = ..., broadcast: _Optional[_Union[_common_pb2.NetIP, _Mapping]] = ..., anycast: _Optional[_Union[_common_pb2.NetIP, _Mapping]] = ..., multicast: _Optional[_Union[_common_pb2.NetIP, _Mapping]] = ..., link_index: _Optional[int] = ..., link_name: _Optional[str] = ..., family: _Optional[_Union[_enums_pb2.Family, str]] = ..., scope: _Optional[_Union[_enums_pb2.Scope, str]] = ..., flags: _Optional[int] = ..., priority: _Optional[int] = ...) -> None: ...

class LinkStatusSpec(_message.Message):
    __slots__ = ("alias", "alt_names", "index", "type", "link_index", "flags", "hardware_addr", "permanent_addr", "broadcast_addr", "mtu", "queue_disc", "master_index", "operational_state", "kind", "slave_kind", "bus_path", "pci_id", "driver", "driver_version", "firmware_version", "product_id", "vendor_id", "product", "vendor", "link_state", "speed_mbit")
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    ALT_NAMES_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    LINK_INDEX_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    HARDWARE_ADDR_FIELD_NUMBER: _ClassVar[int]
    PERMANENT_ADDR_FIELD_NUMBER: _ClassVar[int]
    BROADCAST_ADDR_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    QUEUE_DISC_FIELD_NUMBER: _ClassVar[int]
    MASTER_INDEX_FIELD_NUMBER: _ClassVar[int]
    OPERATIONAL_STATE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SLAVE_KIND_FIELD_NUMBER: _ClassVar[int]
    BUS_PATH_FIELD_NUMBER: _ClassVar[int]
    PCI_ID_FIELD_NUMBER: _ClassVar[int]
    DRIVER_FIELD_NUMBER: _ClassVar[int]
    DRIVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    VENDOR_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    VENDOR_FIELD_NUMBER: _ClassVar[int]
    LINK_STATE_FIELD_NUMBER: _ClassVar[int]
    SPEED_MBIT_FIELD_NUMBER: _ClassVar[int]
    alias: str
    alt_names: _containers.RepeatedScalarFieldContainer[str]
    index: int
    type: _enums_pb2.LinkType
    link_index: int
    flags: int
    hardware_addr: bytes
    permanent_addr: bytes
    broadcast_addr: bytes
    mtu: int
    queue_disc: str
    master_index: int
    operational_state: _enums_pb2.OperationalState
    kind: str
    slave_kind: str
    bus_path: str
    pci_id: str
    driver: str
    driver_version: str
    firmware_version: str
    product_id: str
    vendor_id: str
    product: str
    vendor: str
    link_state: bool
    speed_mbit: int
    def __init__(self, alias: _Optional[str] = ..., alt_names: _Optional[_Iterable[str]] = ..., index: _Optional[int] = ..., type: _Optional[_Union[_enums_pb2.LinkType, str]] = ..., link_index: _Optional[int] = ..., flags: _Optional[int] = ..., hardware_addr: _Optional[bytes] = ..., permanent_addr: _Optional[bytes] = ..., broadcast_addr: _Optional[bytes] = ..., mtu: _Optional[int] = ..., queue_disc: _Optional[str] = ..., master_index: _Optional[int] = ..., operational_state: _Optional[_Union[_enums_pb2.OperationalState, str]] = ..., kind: _Optional[str] = ..., slave_kind: _Optional[str] = ..., bus_path: _Optional[str] = ..., pci_id: _Optional[str] = ..., driver: _Optional[str] = ..., driver_version: _Optional[str] = ..., firmware_version: _Optional[str] = ..., product_id: _Optional[str] = ..., vendor_id: _Optional[str] = ..., product: _Optional[str] = ..., vendor: _Optional[str] = ..., link_state: bool = ..., speed_mbit: _Optional[int] = ...) -> None: ...

class HostnameStatusSpec(_message.Message):
    __slots__ = ("hostname", "domainname")
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    DOMAINNAME_FIELD_NUMBER: _ClassVar[int]
    hostname: str
    domainname: str
    def __init__(self, hostname: _Optional[str] = ..., domainname: _Optional[str] = ...) -> None: ...

class NodeAddressSpec(_message.Message):
    __slots__ = ("addresses", "sort_algorithm")
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    SORT_ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.RepeatedCompositeFieldContainer[_common_pb2.NetIPPrefix]
    sort_algorithm: int
    def __init__(self, addresses: _Optional[_Iterable[_Union[_common_pb2.NetIPPrefix, _Mapping]]] = ..., sort_algorithm: _Optional[int] = ...) -> None: ...

class RouteStatusSpec(_message.Message):
    __slots__ = ("family", "dst", "src", "gateway", "out_link_index", "out_link_name", "table", "priority", "scope", "type", "flags", "protocol", "mtu")
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    DST_FIELD_NUMBER: _ClassVar[int]
    SRC_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    OUT_LINK_INDEX_FIELD_NUMBER: _ClassVar[int]
    OUT_LINK_NAME_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    family: _enums_pb2.Family
    dst: _common_pb2.NetIPPrefix
    src: _common_pb2.NetIP
    gateway: _common_pb2.NetIP
    out_link_index: int
    out_link_name: str
    table: _enums_pb2.RoutingTable
    priority: int
    scope: _enums_pb2.Scope
    type: _enums_pb2.RouteType
    flags: int
    protocol: _enums_pb2.RouteProtocol
    mtu: int
    def __init__(self, family: _Optional[_Union[_enums_pb2.Family, str]] = ..., dst: _Optional[_Union[_common_pb2.NetIPPrefix, _Mapping]] = ..., src: _Optional[_Union[_common_pb2.NetIP, _Mapping]] = ..., gateway: _Optional[_Union[_common_pb2.NetIP, _Mapping]] = ..., out_link_index: _Optional[int] = ..., out_link_name: _Optional[str] = ..., table: _Optional[_Union[_enums_pb2.RoutingTable, str]] = ..., priority: _Optional[int] = ..., scope: _Optional[_Union[_enums_pb2.Scope, str]] = ..., type: _Optional[_Union[_enums_pb2.RouteType, str]] = ..., flags: _Optional[int] = ..., protocol: _Optional[_Union[_enums_pb2.RouteProtocol, str]] = ..., mtu: _Optional[int] = ...) -> None: ...

class ResolverStatusSpec(_message.Message):
    __slots__ = ("dns_servers", "search_domains")
    DNS_SERVERS_FIELD_NUMBER: _ClassVar[int]
    SEARCH_DOMAINS_FIELD_NUMBER: _ClassVar[int]
    dns_servers: _containers.RepeatedCompositeFieldContainer[_common_pb2.NetIP]
    search_domains: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, dns_servers: _Optional[_Iterable[_Union[_common_pb2.NetIP, _Mapping]]] = ..., search_domains: _Optional[_Iterable[str]] = ...) -> None: ...

class TimeServerStatusSpec(_message.Message):
    __slots__ = ("time_servers", "use_nts")
    TIME_SERVERS_FIELD_NUMBER: _ClassVar[int]
    USE_NTS_FIELD_NUMBER: _ClassVar[int]
    time_servers: _containers.RepeatedScalarFieldContainer[str]
    use_nts: bool
    def __init__(self, time_servers: _Optional[_Iterable[str]] = ..., use_nts: bool = ...) -> None: ...

class StatusSpec(_message.Message):
    __slots__ = ("address_ready", "connectivity_ready", "hostname_ready", "etc_files_ready")
    ADDRESS_READY_FIELD_NUMBER: _ClassVar[int]
    CONNECTIVITY_READY_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_READY_FIELD_NUMBER: _ClassVar[int]
    ETC_FILES_READY_FIELD_NUMBER: _ClassVar[int]
    address_ready: bool
    connectivity_ready: bool
    hostname_ready: bool
    etc_files_ready: bool
    def __init__(self, address_ready: bool = ..., connectivity_ready: bool = ..., hostname_ready: bool = ..., etc_files_ready: bool = ...) -> None: ...

class AddressSpecSpec(_message.Message):
    __slots__ = ("address", "link_name", "family", "scope", "flags", "announce_with_arp", "priority", "layer")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    LINK_NAME_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCE_WITH_ARP_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    address: _common_pb2.NetIPPrefix
    link_name: str
    family: _enums_pb2.Family
    scope: _enums_pb2.Scope
    flags: int
    announce_with_arp: bool
    priority: int
    layer: _enums_pb2.ConfigLayer
    def __init__(self, address: _Optional[_Union[_common_pb2.NetIPPrefix, _Mapping]] = ..., link_name: _Optional[str] = ..., family: _Optional[_Union[_enums_pb2.Family, str]] = ..., scope: _Optional[_Union[_enums_pb2.Scope, str]] = ..., flags: _Optional[int] = ..., announce_with_arp: bool = ..., priority: _Optional[int] = ..., layer: _Optional[_Union[_enums_pb2.ConfigLayer, str]] = ...) -> None: ...

class HardwareAddrSpec(_message.Message):
    __slots__ = ("name", "hardware_addr")
    NAME_FIELD_NUMBER: _ClassVar[int]
    HARDWARE_ADDR_FIELD_NUMBER: _ClassVar[int]
    name: str
    hardware_addr: bytes
    def __init__(self, name: _Optional[str] = ..., hardware_addr: _Optional[bytes] = ...) -> None: ...

class HostnameSpecSpec(_message.Message):
    __slots__ = ("hostname", "domainname", "layer")
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    DOMAINNAME_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    hostname: str
    domainname: str
    layer: _enums_pb2.ConfigLayer
    def __init__(self, hostname: _Optional[str] = ..., domainname: _Optional[str] = ..., layer: _Optional[_Union[_enums_pb2.ConfigLayer, str]] = ...) -> None: ...

class LinkSpecSpec(_message.Message):
    __slots__ = ("name", "logical", "up", "mtu", "kind", "type", "hardware_addr", "parent_name", "layer", "multicast")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_FIELD_NUMBER: _ClassVar[int]
    UP_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    HARDWARE_ADDR_FIELD_NUMBER: _ClassVar[int]
    PARENT_NAME_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    MULTICAST_FIELD_NUMBER: _ClassVar[int]
    name: str
    logical: bool
    up: bool
    mtu: int
    kind: str
    type: _enums_pb2.LinkType
    hardware_addr: bytes
    parent_name: str
    layer: _enums_pb2.ConfigLayer
    multicast: bool
    def __init__(self, name: _Optional[str] = ..., logical: bool = ..., up: bool = ..., mtu: _Optional[int] = ..., kind: _Optional[str] = ..., type: _Optional[_Union[_enums_pb2.LinkType, str]] = ..., hardware_addr: _Optional[bytes] = ..., parent_name: _Optional[str] = ..., layer: _Optional[_Union[_enums_pb2.ConfigLayer, str]] = ..., multicast: bool = ...) -> None: ...

class OperatorSpecSpec(_message.Message):
    __slots__ = ("operator", "link_name", "require_up", "dhcp4", "layer")
    class Dhcp4(_message.Message):
        __slots__ = ("route_metric", "skip_hostname_request", "skip_routes")
        ROUTE_METRIC_FIELD_NUMBER: _ClassVar[int]
        SKIP_HOSTNAME_REQUEST_FIELD_NUMBER: _ClassVar[int]
        SKIP_ROUTES_FIELD_NUMBER: _ClassVar[int]
        route_metric: int
        skip_hostname_request: bool
        skip_routes: bool
        def __init__(self, route_metric: _Optional[int] = ..., skip_hostname_request: bool = ..., skip_routes: bool = ...) -> None: ...
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    LINK_NAME_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_UP_FIELD_NUMBER: _ClassVar[int]
    DHCP4_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    operator: _enums_pb2.Operator
    link_name: str
    require_up: bool
    dhcp4: OperatorSpecSpec.Dhcp4
    layer: _enums_pb2.ConfigLayer
    def __init__(self, operator: _Optional[_Union[_enums_pb2.Operator, str]] = ..., link_name: _Optional[str] = ..., require_up: bool = ..., dhcp4: _Optional[_Union[OperatorSpecSpec.Dhcp4, _Mapping]] = ..., layer: _Optional[_Union[_enums_pb2.ConfigLayer, str]] = ...) -> None: ...

class ResolverSpecSpec(_message.Message):
    __slots__ = ("dns_servers", "layer", "search_domains", "search_domains_overridden")
    DNS_SERVERS_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    SEARCH_DOMAINS_FIELD_NUMBER: _ClassVar[int]
    SEARCH_DOMAINS_OVERRIDDEN_FIELD_NUMBER: _ClassVar[int]
    dns_servers: _containers.RepeatedCompositeFieldContainer[_common_pb2.NetIP]
    layer: _enums_pb2.ConfigLayer
    search_domains: _containers.RepeatedScalarFieldContainer[str]
    search_domains_overridden: bool
    def __init__(self, dns_servers: _Optional[_Iterable[_Union[_common_pb2.NetIP, _Mapping]]] = ..., layer: _Optional[_Union[_enums_pb2.ConfigLayer, str]] = ..., search_domains: _Optional[_Iterable[str]] = ..., search_domains_overridden: bool = ...) -> None: ...

class RouteSpecSpec(_message.Message):
    __slots__ = ("family", "dst", "src", "gateway", "out_link_name", "table", "priority", "scope", "type", "flags", "protocol", "layer", "mtu")
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    DST_FIELD_NUMBER: _ClassVar[int]
    SRC_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    OUT_LINK_NAME_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    family: _enums_pb2.Family
    dst: _common_pb2.NetIPPrefix
    src: _common_pb2.NetIP
    gateway: _common_pb2.NetIP
    out_link_name: str
    table: _enums_pb2.RoutingTable
    priority: int
    scope: _enums_pb2.Scope
    type: _enums_pb2.RouteType
    flags: int
    protocol: _enums_pb2.RouteProtocol
    layer: _enums_pb2.ConfigLayer
    mtu: int
    def __init__(self, family: _Optional[_Union[_enums_pb2.Family, str]] = ..., dst: _Optional[_Union[_common_pb2.NetIPPrefix, _Mapping]] = ..., src: _Optional[_Union[_common_pb2.NetIP, _Mapping]] = ..., gateway: _Optional[_Union[_common_pb2.NetIP, _Mapping]] = ..., out_link_name: _Optional[str] = ..., table: _Optional[_Union[_enums_pb2.RoutingTable, str]] = ..., priority: _Optional[int] = ..., scope: _Optional[_Union[_enums_pb2.Scope, str]] = ..., type: _Optional[_Union[_enums_pb2.RouteType, str]] = ..., flags: _Optional[int] = ..., protocol: _Optional[_Union[_enums_pb2.RouteProtocol, str]] = ..., layer: _Optional[_Union[_enums_pb2.ConfigLayer, str]] = ..., mtu: _Optional[int] = ...) -> None: ...

class StaticHostSpec(_message.Message):
    __slots__ = ("addresses",)
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.RepeatedCompositeFieldContainer[_common_pb2.NetIP]
    def __init__(self, addresses: _Optional[_Iterable[_Union[_common_pb2.NetIP, _Mapping]]] = ...) -> None: ...

class TimeServerSpecSpec(_message.Message):
    __slots__ = ("time_servers", "use_nts", "layer")
    TIME_SERVERS_FIELD_NUMBER: _ClassVar[int]
    USE_NTS_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    time_servers: _containers.RepeatedScalarFieldContainer[str]
    use_nts: bool
    layer: _enums_pb2.ConfigLayer
    def __init__(self, time_servers: _Optional[_Iterable[str]] = ..., use_nts: bool = ..., layer: _Optional[_Union[_enums_pb2.ConfigLayer, str]] = ...) -> None: ...

class EthernetStatusSpec(_message.Message):
    __slots__ = ("link_state", "speed_mbit", "duplex")
    LINK_STATE_FIELD_NUMBER: _ClassVar[int]
    SPEED_MBIT_FIELD_NUMBER: _ClassVar[int]
    DUPLEX_FIELD_NUMBER: _ClassVar[int]
    link_state: bool
    speed_mbit: int
    duplex: _enums_pb2.Duplex
    def __init__(self, link_state: bool = ..., speed_mbit: _Optional[int] = ..., duplex: _Optional[_Union[_enums_pb2.Duplex, str]] = ...) -> None: ...
