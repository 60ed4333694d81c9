# SPDX-License-Identifier: Apache-2.0
"""Kubernetes and etcd on a node."""

from edge.node.resource.definition import Kind

NODENAME = Kind(
    type="Nodenames.kubernetes.talos.dev",
    singular="Nodename",
    namespace="k8s",
    message_name="definitions.k8s_pb2.NodenameSpec",
    columns=(("Nodename", "{.nodename}"),),
)
STATIC_POD = Kind(
    type="StaticPods.kubernetes.talos.dev",
    singular="StaticPod",
    namespace="k8s",
    message_name="definitions.k8s_pb2.StaticPodSpec",
)
STATIC_POD_STATUS = Kind(
    type="StaticPodStatuses.kubernetes.talos.dev",
    singular="StaticPodStatus",
    namespace="k8s",
    message_name="definitions.k8s_pb2.StaticPodStatusSpec",
    aliases=("podstatus",),
    columns=(("Ready", '{.conditions[?(@.type=="Ready")].status}'),),
)
KUBELET_SPEC = Kind(
    type="KubeletSpecs.kubernetes.talos.dev",
    singular="KubeletSpec",
    namespace="k8s",
    message_name="definitions.k8s_pb2.KubeletSpecSpec",
    sensitive=True,
)
KUBELET_STATUS = Kind(
    type="KubeletStatuses.kubernetes.talos.dev",
    singular="KubeletStatus",
    namespace="k8s",
    message_name="definitions.k8s_pb2.KubeletStatusSpec",
    columns=(("Image", "{.image}"),),
)
ETCD_MEMBER = Kind(
    type="EtcdMembers.etcd.talos.dev",
    singular="EtcdMember",
    namespace="etcd",
    message_name="definitions.etcd_pb2.MemberSpec",
    columns=(("Member ID", "{.memberID}"),),
)
