# SPDX-License-Identifier: Apache-2.0
"""Which of a node's containerds, and which of its namespaces, a call is about."""

from dataclasses import dataclass
from pathlib import Path

from edge.api import common_pb2
from edge.errors import ConfigError
from edge.node.containerd.sockets import Sockets

SYSTEM_NAMESPACE = "system"
KUBERNETES_NAMESPACE = "k8s.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A namespace of a containerd; `pods` where containers are shown as Kubernetes knows them."""

    socket: Path
    namespace: str
    pods: bool = False


def container_place(sockets: Sockets, namespace: str, driver: int) -> Place:
    """Return where the containers of a namespace are.

    Raises:
        ConfigError: when namespace and driver do not go together.
    """
    if not namespace:
        raise ConfigError(
            f"namespace can't be empty: ask for {SYSTEM_NAMESPACE} or {KUBERNETES_NAMESPACE}"
        )
    if driver == common_pb2.CONTAINERD:
        socket = sockets.system if namespace == SYSTEM_NAMESPACE else sockets.cri
        return Place(socket=socket, namespace=namespace)
    if driver != common_pb2.CRI:
        raise ConfigError(f"unsupported driver {driver}: ask for CONTAINERD or CRI")
    if namespace != KUBERNETES_NAMESPACE:
        raise ConfigError(
            f"the driver CRI has no namespace {namespace!r}: ask for {KUBERNETES_NAMESPACE}"
        )
    return Place(socket=sockets.cri, namespace=namespace, pods=True)


def image_place(sockets: Sockets, instance: common_pb2.ContainerdInstance) -> Place:
    """Return where the images of an instance are.

    Raises:
        ConfigError: when there is no such instance.
    """
    socket = {common_pb2.CONTAINERD: sockets.system, common_pb2.CRI: sockets.cri}.get(
        instance.driver
    )
    if socket is None:
        raise ConfigError(f"unsupported driver {instance.driver}: ask for CONTAINERD or CRI")
    return Place(socket=socket, namespace=image_namespace(instance.namespace))


def image_namespace(namespace: common_pb2.ContainerdNamespace) -> str:
    """Return containerd's name for a namespace of images.

    Raises:
        ConfigError: when there is no such namespace.
    """
    names = {common_pb2.NS_SYSTEM: SYSTEM_NAMESPACE, common_pb2.NS_CRI: KUBERNETES_NAMESPACE}
    if namespace not in names:
        raise ConfigError("namespace can't be empty: ask for NS_SYSTEM or NS_CRI")
    return names[namespace]
