# SPDX-License-Identifier: Apache-2.0
"""Kubernetes and its etcd: calls that nodes with a control plane of Kubernetes answer."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict

from edge.api import common_pb2, machine_pb2
from edge.client.call import APPLY_TIMEOUT_S, NodeCalls
from edge.client.report import EtcdMember

_DISRUPTIVE_TIMEOUT_S = 120.0


class EtcdCalls(NodeCalls):
    """What talks to the control plane of Kubernetes."""

    async def bootstrap(self, *, recover: bool = False, skip_hash_check: bool = False) -> None:
        """Make the node the first member of a new etcd, or of one recovered from a snapshot."""
        request = machine_pb2.BootstrapRequest(
            recover_etcd=recover, recover_skip_hash_check=skip_hash_check
        )
        await self._call(self._machine.Bootstrap, request, timeout_s=APPLY_TIMEOUT_S)

    async def etcd_recover(self, chunks: Iterable[bytes]) -> None:
        """Send the node a snapshot to recover etcd from."""
        messages = (common_pb2.Data(bytes=chunk) for chunk in chunks)
        await self._call(self._machine.EtcdRecover, messages, timeout_s=APPLY_TIMEOUT_S)

    async def kubeconfig(self) -> AsyncIterator[bytes]:
        """Yield the administrator's kubeconfig as a compressed tar archive."""
        async for data in self._stream(
            self._machine.Kubeconfig, Empty(), timeout_s=APPLY_TIMEOUT_S
        ):
            yield data.bytes

    async def etcd_members(self) -> list[EtcdMember]:
        """Return the members of the etcd cluster as the node knows them."""
        answer = await self._call(self._machine.EtcdMemberList, machine_pb2.EtcdMemberListRequest())
        return [_member(each) for message in answer.messages for each in message.members]

    async def etcd_status(self) -> dict[str, Any]:
        """Return the state of the node's own member."""
        answer = await self._call(self._machine.EtcdStatus, Empty())
        status = answer.messages[0].member_status
        names = [field.name for field in status.DESCRIPTOR.fields]
        facts = {name: getattr(status, name) for name in names}
        facts["errors"] = list(facts["errors"])
        return {**facts, "member_id": _hex(facts["member_id"]), "leader": _hex(facts["leader"])}

    async def etcd_leave(self) -> None:
        """Take the node out of the etcd cluster and destroy its copy of the data."""
        request = machine_pb2.EtcdLeaveClusterRequest()
        await self._call(self._machine.EtcdLeaveCluster, request, timeout_s=_DISRUPTIVE_TIMEOUT_S)

    async def etcd_forfeit(self) -> str:
        """Give leadership to another member; return it, or nothing when the node did not lead."""
        request = machine_pb2.EtcdForfeitLeadershipRequest()
        answer = await self._call(self._machine.EtcdForfeitLeadership, request)
        return str(answer.messages[0].member)

    async def etcd_remove(self, member: int) -> None:
        """Remove another member from the etcd cluster."""
        request = machine_pb2.EtcdRemoveMemberByIDRequest(member_id=member)
        await self._call(
            self._machine.EtcdRemoveMemberByID, request, timeout_s=_DISRUPTIVE_TIMEOUT_S
        )

    async def etcd_snapshot(self) -> AsyncIterator[bytes]:
        """Yield a snapshot of etcd: the database and the digest of it."""
        request = machine_pb2.EtcdSnapshotRequest()
        async for data in self._stream(self._machine.EtcdSnapshot, request, timeout_s=None):
            yield data.bytes

    async def etcd_defragment(self) -> None:
        """Have the node's member give unused space back."""
        await self._call(self._machine.EtcdDefragment, Empty(), timeout_s=_DISRUPTIVE_TIMEOUT_S)

    async def etcd_alarms(self, *, disarm: bool = False) -> list[dict[str, Any]]:
        """Return the alarms that are raised, or that were just disarmed."""
        method = self._machine.EtcdAlarmDisarm if disarm else self._machine.EtcdAlarmList
        answer = await self._call(method, Empty())
        return [
            {
                "member": _hex(each.member_id),
                "alarm": machine_pb2.EtcdMemberAlarm.AlarmType.Name(each.alarm),
            }
            for message in answer.messages
            for each in message.member_alarms
        ]

    async def etcd_downgrade(self, action: str, version: str = "") -> str:
        """Validate, enable or cancel a downgrade; return the version of the cluster."""
        if action == "cancel":
            answer = await self._call(self._machine.EtcdDowngradeCancel, Empty())
        elif action == "enable":
            request = machine_pb2.EtcdDowngradeEnableRequest(version=version)
            answer = await self._call(self._machine.EtcdDowngradeEnable, request)
        else:
            check = machine_pb2.EtcdDowngradeValidateRequest(version=version)
            answer = await self._call(self._machine.EtcdDowngradeValidate, check)
        facts = MessageToDict(answer.messages[0].cluster_downgrade)
        return str(facts.get("clusterVersion", ""))


def _member(member: Any) -> EtcdMember:
    return EtcdMember(
        id=_hex(member.id),
        hostname=member.hostname,
        peer_urls=tuple(member.peer_urls),
        client_urls=tuple(member.client_urls),
        is_learner=member.is_learner,
    )


def _hex(number: int) -> str:
    return f"{number:016x}"
