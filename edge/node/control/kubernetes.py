# SPDX-License-Identifier: Apache-2.0
"""The machine as a Kubernetes node: its name there, and what is wanted of the kubelet.

Nothing here runs a kubelet. What would tell of a running one stays empty until there is one.
"""

from edge.node.control.controller import Controller
from edge.node.resource import kind


class NodenameController(Controller):
    """Publishes the name of the node in Kubernetes, which follows its host name."""

    name = "k8s.NodenameController"
    inputs = (kind.MACHINE_CONFIG, kind.HOSTNAME_STATUS)
    outputs = (kind.NODENAME,)

    async def reconcile(self) -> None:
        """Publish the name once there are a configuration and a host name."""
        active = self.machine.active
        host = self.store.get(kind.HOSTNAME_STATUS, "hostname")
        if active is None or host is None:
            return
        kubelet, domain = active.view.kubelet, host.spec["domainname"]
        name = host.spec["hostname"].lower()
        spec = {
            "nodename": f"{name}.{domain}" if kubelet.full_name and domain else name,
            "hostnameVersion": str(host.version),
            "skipNodeRegistration": kubelet.unregistered,
        }
        self.store.put(kind.NODENAME, "nodename", spec, owner=self.name)


class KubeletController(Controller):
    """Publishes what the configuration wants of the kubelet."""

    name = "k8s.KubeletSpecController"
    inputs = (kind.MACHINE_CONFIG, kind.NODENAME)
    outputs = (kind.KUBELET_SPEC,)

    async def reconcile(self) -> None:
        """Publish image, arguments and mounts."""
        active = self.machine.active
        nodename = self.store.spec(kind.NODENAME, "nodename").get("nodename", "")
        if active is None or not nodename:
            return
        kubelet = active.view.kubelet
        spec = {
            "image": kubelet.image,
            "args": list(kubelet.arguments),
            "extraMounts": [dict(mount) for mount in kubelet.mounts],
            "expectedNodename": nodename,
            "config": dict(kubelet.settings),
        }
        self.store.put(kind.KUBELET_SPEC, "kubelet", spec, owner=self.name)
