# SPDX-License-Identifier: Apache-2.0
"""Who may call what: roles come from the organizations of a client certificate's subject.

A method that no table names is for administrators only.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

from edge.errors import TrustError

if TYPE_CHECKING:
    from edge.pki.certificate import CertificateInfo


class Role(StrEnum):
    """A set of rights, spelled as certificates spell it."""

    ADMIN = "os:admin"
    OPERATOR = "os:operator"
    READER = "os:reader"
    ETCD_BACKUP = "os:etcd:backup"
    IMAGE_VERIFIER = "os:image:verifier"
    META_WRITER = "os:meta:writer"
    IMPERSONATOR = "os:impersonator"


_ADMIN = frozenset({Role.ADMIN})
_OPERATORS = _ADMIN | {Role.OPERATOR}
_READERS = _OPERATORS | {Role.READER}

_TABLE: dict[frozenset[Role], dict[str, str]] = {
    _READERS: {
        "cluster.ClusterService": "HealthCheck",
        "inspect.InspectService": "ControllerRuntimeDependencies",
        "machine.ImageService": "List",
        "machine.StorageService": "Statfs",
        "machine.MachineService": (
            "CPUInfo CPUFreqStats Containers DiskStats DiskUsage Dmesg Events Hostname ImageList "
            "List LoadAvg Logs LogsContainers Memory Mounts NetworkDeviceStats Netstat Processes "
            "ServiceList Stats SystemStat Version"
        ),
        "cosi.resource.State": "Get List Watch",
        "storage.StorageService": "Disks",
        "time.TimeService": "Time TimeCheck",
    },
    _ADMIN: {
        "machine.ImageService": "Import Remove",
        "machine.DebugService": "ContainerRun",
        "machine.LifecycleService": "Install Upgrade",
        "machine.MachineService": (
            "Bootstrap Copy EtcdForfeitLeadership EtcdLeaveCluster EtcdRecover "
            "EtcdRemoveMemberByID EtcdDowngradeCancel EtcdDowngradeEnable EtcdDowngradeValidate "
            "GenerateClientConfiguration Kubeconfig Read Reset Rollback Upgrade"
        ),
        "cosi.resource.State": "Create Destroy Teardown TeardownAndDestroy Update",
    },
    _OPERATORS: {
        "machine.ImageService": "Pull",
        "machine.MachineService": (
            "EtcdAlarmDisarm EtcdDefragment ImagePull PacketCapture Reboot Restart "
            "ServiceRestart ServiceStart ServiceStop Shutdown"
        ),
    },
    _READERS | {Role.IMAGE_VERIFIER}: {"machine.ImageService": "Verify"},
    _ADMIN | {Role.READER}: {
        "machine.MachineService": "ApplyConfiguration",
        "storage.StorageService": "BlockDeviceWipe",
        "machine.LVMService": "LogicalVolumeRemove VolumeGroupRemove PhysicalVolumeRemove",
        "machine.MDService": "Destroy",
    },
    _READERS | {Role.ETCD_BACKUP}: {
        "machine.MachineService": "EtcdAlarmList EtcdMemberList EtcdStatus"
    },
    _OPERATORS | {Role.ETCD_BACKUP}: {"machine.MachineService": "EtcdSnapshot"},
    _ADMIN | {Role.META_WRITER}: {"machine.MachineService": "MetaWrite MetaDelete"},
}

METHOD_ROLES: dict[str, frozenset[Role]] = {
    f"/{service}/{method}": roles
    for roles, services in _TABLE.items()
    for service, methods in services.items()
    for method in methods.split()
}
"""Method path, such as "/machine.MachineService/Version", to the roles that may call it."""

TOKEN_METHODS = frozenset({"/securityapi.SecurityService/Certificate"})
"""Methods of trustd: whoever has the machine token may call them, roles count for nothing."""

MAINTENANCE_METHODS = frozenset(
    method for method, roles in METHOD_ROLES.items() if roles == _ADMIN | {Role.READER}
)
"""Methods that a reader may call in maintenance mode only."""


def allowed(method: str, roles: Collection[Role], *, maintenance: bool = False) -> bool:
    """Say whether a caller with `roles` may call `method` (a full path)."""
    permitted = METHOD_ROLES.get(method, _ADMIN)
    if method in MAINTENANCE_METHODS and not maintenance:
        permitted = _ADMIN
    return not permitted.isdisjoint(roles)


def known_roles(names: Iterable[str]) -> frozenset[Role]:
    """Return the roles among `names`; others carry no rights."""
    known = {role.value for role in Role}
    return frozenset(Role(name) for name in names if name in known)


def client_roles(certificate: "CertificateInfo") -> frozenset[Role]:
    """Return the roles that a verified client certificate grants.

    Raises:
        TrustError: when it is not for client authentication and nothing else.
    """
    if certificate.usages != ("client_auth",):
        raise TrustError("the certificate is not a client certificate")
    return known_roles(certificate.organizations)
