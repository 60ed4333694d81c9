# SPDX-License-Identifier: Apache-2.0
"""The cluster: which one this is, its root of trust, and who else belongs to it."""

import asyncio
import base64
from contextlib import aclosing, suppress
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from discovery.record import Address, NodeRecord
from edge.errors import EdgeError
from edge.node.control.block import Specs
from edge.node.control.controller import Controller
from edge.node.control.network import own_addresses
from edge.node.control.peer import FolderPeers, Found, MulticastPeers, Peers, own_record
from edge.node.log import logger
from edge.node.machine import Machine
from edge.node.membership import is_member, node_id
from edge.node.resource import kind

if TYPE_CHECKING:
    from edge.config.view import NodeView

RAW = "cluster-raw"
CONTROL_PLANE_PORT = 6443
MOST_MEMBERS = 1024
PAUSE_S = 30.0
_log = logger("discovery")


class ClusterController(Controller):
    """Publishes which cluster the node belongs to, its own identity, and the root of trust."""

    name = "cluster.InfoController"
    inputs = (kind.MACHINE_CONFIG,)
    outputs = (
        kind.CLUSTER_INFO,
        kind.IDENTITY,
        kind.DISCOVERY_CONFIG,
        kind.OS_ROOT_SECRET,
    )

    async def reconcile(self) -> None:
        """Publish what the configuration says of the cluster."""
        identity = {"nodeId": node_id(self.machine.fingerprint)}
        self.store.put(kind.IDENTITY, "local", identity, owner=self.name)
        active = self.machine.active
        if active is None:
            return
        view = active.view
        info = {"clusterId": view.cluster_id, "clusterName": view.cluster_name}
        self.store.put(kind.CLUSTER_INFO, "current", info, owner=self.name)
        self.store.put(kind.DISCOVERY_CONFIG, "cluster", _discovery(view), owner=self.name)
        if view.ca_cert:
            self.store.put(kind.OS_ROOT_SECRET, "os", _root(view), owner=self.name)


class PeerController(Controller):
    """Listens for other nodes and publishes what they say, proven or not proven."""

    name = "cluster.DiscoveryServiceController"
    asks_others = True
    inputs = (kind.MACHINE_CONFIG, kind.NODE_ADDRESS, kind.HOSTNAME_STATUS)
    outputs = (kind.AFFILIATE,)

    def __init__(self, machine: Machine, peers: Peers | None = None) -> None:
        super().__init__(machine)
        metal = machine.platform.mode == "metal"
        self._peers = peers or (MulticastPeers() if metal else FolderPeers(machine.platform.root))
        self._task: asyncio.Task[None] | None = None

    async def reconcile(self) -> None:
        """Listen while the configuration wants it."""
        active = self.machine.active
        wanted = bool(active and active.view.discovery and active.view.cluster_secret)
        if wanted and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._listen(), name=self.name)
        elif not wanted and self._task:
            await self.close()
            self.store.publish(kind.AFFILIATE, {}, owner=self.name, namespace=RAW)

    async def close(self) -> None:
        """Stop listening."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except (OSError, EdgeError) as error:
                _log.warning("other nodes cannot be heard: %s", error)
                await asyncio.sleep(PAUSE_S)

    async def _hear(self) -> None:
        async with aclosing(self._peers.hear(self._own, self._is_other_member)) as sightings:
            async for found in sightings:
                specs = self._affiliates(found)
                self.store.publish(kind.AFFILIATE, specs, owner=self.name, namespace=RAW)

    def _own(self) -> NodeRecord:
        return replace(own_record(self.machine), addresses=_addresses(self.machine))

    def _is_other_member(self, record: NodeRecord) -> bool:
        active = self.machine.active
        is_own = record.fingerprint == self.machine.fingerprint
        return bool(active and not is_own and is_member(active.view.cluster_secret, record))

    def _affiliates(self, found: Found) -> Specs:
        return {
            f"{self._peers.source}/{node_id(each.fingerprint)}": _affiliate(each)
            for each in list(found.values())[:MOST_MEMBERS]
        }


class MemberController(Controller):
    """Publishes the members of the cluster: those that were heard of, and this node."""

    name = "cluster.MemberController"
    inputs = (
        kind.AFFILIATE,
        kind.IDENTITY,
        kind.NODENAME,
        kind.NODE_ADDRESS,
        kind.MACHINE_CONFIG,
    )
    outputs = (kind.AFFILIATE, kind.MEMBER)

    async def reconcile(self) -> None:
        """Put this node and the others into one list."""
        affiliates = {}
        active = self.machine.active
        nodename = self.store.spec(kind.NODENAME, "nodename").get("nodename", "")
        if active and active.view.discovery and nodename:
            record = replace(own_record(self.machine), addresses=_addresses(self.machine))
            own = _affiliate(record) | {"nodename": nodename}
            affiliates[own["nodeId"]] = own
        for resource in self.store.select(kind.AFFILIATE.type, RAW):
            affiliates.setdefault(resource.spec["nodeId"], resource.spec)
        self.store.publish(kind.AFFILIATE, affiliates, owner=self.name)
        members: Specs = {}
        for id_, spec in affiliates.items():
            # Of several with one name the first, this node before others, is called by it.
            name = id_ if spec["nodename"] in members else spec["nodename"]
            members[name] = _member(spec)
        self.store.publish(kind.MEMBER, members, owner=self.name)


def _addresses(machine: Machine) -> tuple[Address, ...]:
    spec = machine.store.spec(kind.NODE_ADDRESS, "current")
    return tuple(ip_address(each) for each in own_addresses(spec.get("addresses", [])))


def _affiliate(record: NodeRecord) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "nodeId": node_id(record.fingerprint),
        # Without the link that an address was heard on: others have links of their own.
        "addresses": [str(each).partition("%")[0] for each in record.addresses],
        "hostname": record.name,
        "nodename": record.name,
        "operatingSystem": f"edgectl (v{record.version})",
        "machineType": record.machine_type or "unknown",
    }
    if record.machine_type == "controlplane":
        spec["controlPlane"] = {"port": CONTROL_PLANE_PORT}
    return spec


def _member(affiliate: dict[str, Any]) -> dict[str, Any]:
    kept = ("nodeId", "addresses", "hostname", "machineType", "operatingSystem", "controlPlane")
    return {name: affiliate[name] for name in kept if name in affiliate}


def _discovery(view: "NodeView") -> dict[str, Any]:
    # No service beyond this network is asked, whatever registries the configuration names.
    return {
        "discoveryEnabled": view.discovery,
        "registryKubernetesEnabled": False,
        "registryServiceEnabled": False,
        "serviceEncryptionKey": view.cluster_secret,
        "serviceClusterID": view.cluster_id,
    }


def _root(view: "NodeView") -> dict[str, Any]:
    names = [each for each in view.cert_sans if not _is_address(each)]
    return {
        "issuingCA": {"crt": _base64(view.ca_cert), "key": _base64(view.ca_key)},
        "acceptedCAs": [{"crt": _base64(each)} for each in (view.ca_cert, *view.accepted_cas)],
        "certSANIPs": [each for each in view.cert_sans if _is_address(each)],
        "certSANDNSNames": names,
        "token": view.token,
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
