# SPDX-License-Identifier: Apache-2.0
"""What a configuration wants of the kubelet and of the machine as a Kubernetes node."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.config.kinds.kubernetes import KubeletConfig, KubeNodeConfig
from edge.config.load import MachineConfig
from edge.config.machine import Kubelet


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletView:
    """The kubelet's image, arguments, mounts and own configuration."""

    image: str = ""
    arguments: tuple[str, ...] = ()
    mounts: tuple[Mapping[str, Any], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    full_name: bool = False
    """Whether the node is called by host name and domain in Kubernetes."""
    unregistered: bool = False
    """Whether the kubelet runs without making a node in Kubernetes."""


def kubelet_view(config: MachineConfig) -> KubeletView:
    """Return what `config` says of the kubelet; a document of its own counts before the root."""
    machine = config.root.machine if config.root else None
    root = (machine and machine.kubelet) or Kubelet()
    own, node = config.only(KubeletConfig), config.only(KubeNodeConfig)
    return KubeletView(
        image=(own and own.image) or root.image or "",
        arguments=_arguments((own and own.extraArgs) or root.extraArgs or {}),
        mounts=tuple(
            each.model_dump(exclude_none=True, include=_MOUNT) for each in root.extraMounts or ()
        ),
        settings=(own and own.config) or root.extraConfig or {},
        full_name=bool((node and node.registerWithFQDN) or root.registerWithFQDN),
        unregistered=bool((node and node.skipNodeRegistration) or root.skipNodeRegistration),
    )


_MOUNT = {"destination", "type", "source", "options"}


def _arguments(given: Mapping[str, Any]) -> tuple[str, ...]:
    pairs = (
        (name, value)
        for name, values in sorted(given.items())
        for value in (values if isinstance(values, list) else [values])
    )
    return tuple(f"--{name}={value}" for name, value in pairs)
