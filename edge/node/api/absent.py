# SPDX-License-Identifier: Apache-2.0
"""Calls that this node cannot answer, each with the sentence that says why.

They are authorised like any other first: who may not call is not told what there is.
"""

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from edge.api import machine_pb2, machine_pb2_grpc
from edge.node.api.guard import Context

_KUBERNETES = "this node does not run Kubernetes yet"
_ETCD = f"{_KUBERNETES}, and so has no etcd"
_UPGRADE = "this node cannot replace its own image yet: flash its card anew"
_REASONS = {
    **dict.fromkeys(
        (
            *("EtcdMemberList", "EtcdRemoveMemberByID", "EtcdLeaveCluster"),
            *("EtcdForfeitLeadership", "EtcdRecover", "EtcdSnapshot", "EtcdAlarmList"),
            *("EtcdAlarmDisarm", "EtcdDefragment", "EtcdStatus", "EtcdDowngradeValidate"),
            *("EtcdDowngradeEnable", "EtcdDowngradeCancel"),
        ),
        _ETCD,
    ),
    "Bootstrap": f"{_ETCD} to bootstrap",
    "Kubeconfig": f"{_KUBERNETES}, and so has no kubeconfig",
    "Upgrade": _UPGRADE,
    "Rollback": "this node has no second image to go back to",
}
SERVICES = {
    "LifecycleService": _UPGRADE,
    "DebugService": "this node does not run containers for debugging",
    "LVMService": "this node has no tools for logical volumes: its image comes without LVM",
    "MDService": "this node has no tools for arrays of disks: its image comes without mdadm",
}
"""Whole services that are absent."""


def _absent(streaming: bool, reason: str) -> Any:
    async def unary(_self: Any, _request: Any, _context: Context) -> Any:
        raise NotImplementedError(reason)

    async def stream(_self: Any, _request: Any, _context: Context) -> AsyncIterator[Any]:
        raise NotImplementedError(reason)
        yield

    return stream if streaming else unary


def _methods(service: ServiceDescriptor, reasons: dict[str, str]) -> dict[str, Any]:
    return {
        name: _absent(service.methods_by_name[name].server_streaming, reason)
        for name, reason in reasons.items()
    }


_services = machine_pb2.DESCRIPTOR.services_by_name


class AbsentCalls:
    """The calls of MachineService that are absent; what implements one of them comes before."""


for _name, _call in _methods(_services["MachineService"], _REASONS).items():
    setattr(AbsentCalls, _name, _call)


def absent_service(name: str) -> Any:
    """Return a servant of the service `name` of the package `machine` that has none of it."""
    service = _services[name]
    reasons = dict.fromkeys((method.name for method in service.methods), SERVICES[name])
    base = getattr(machine_pb2_grpc, f"{name}Servicer")
    return type(f"Absent{name}", (base,), _methods(service, reasons))()
