# SPDX-License-Identifier: Apache-2.0
"""Rules about `machine`, its network and certificates excepted."""

import re
from collections.abc import Iterator, Mapping

from edge.config.kinds.kubernetes import KubeletConfig, KubeNodeConfig
from edge.config.load import MachineConfig
from edge.config.machine import (
    MACHINE_TYPES,
    Disk,
    Encryption,
    Features,
    Install,
    Kubelet,
    Machine,
    Registries,
)
from edge.config.root import Root
from edge.config.rule.finding import Finding, Place, repeated, root_places
from edge.pki.role import Role

# What the kubelet's configuration gets from the machine and may not be changed.
_PROTECTED = frozenset(
    {
        "apiVersion",
        "kind",
        "authentication",
        "authorization",
        "cgroupRoot",
        "kubeletCgroups",
        "systemCgroups",
        "port",
        "protectKernelDefaults",
        "resolvConf",
        "rotateCertificates",
        "staticPodPath",
        "seccompDefault",
    }
)
_LABEL_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LABEL_PREFIX = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def check(config: MachineConfig) -> Iterator[Finding]:
    """Check the root document's machine section, and the documents that say parts of it."""
    for root, place in root_places(config):
        yield from _check_root(root, place)
    for part in config.parts:
        at = Place(part)
        if isinstance(part.model, KubeNodeConfig):
            yield from _check_labels(part.model.labels or {}, at / "labels", values=True)
            yield from _check_labels(part.model.annotations or {}, at / "annotations", values=False)
            yield from _check_taints(part.model.taints or {}, at / "taints")
        elif isinstance(part.model, KubeletConfig):
            yield from _check_protected(part.model.config or {}, at / "config")


def check_disk(config: MachineConfig) -> Iterator[Finding]:
    """Check that a machine that is to install itself knows where to."""
    for root, place in root_places(config):
        install = root.machine.install if root.machine else None
        if install and not install.disk and not install.diskSelector:
            yield (place / "machine" / "install").fault("needs either disk or diskSelector")


def is_control_plane(machine: Machine) -> bool:
    """Say whether the machine is of the control plane."""
    return machine.type in ("controlplane", "init")


def _check_root(root: Root, place: Place) -> Iterator[Finding]:
    if root.persist is False:
        yield (place / "persist").fault("must be true")
    at = place / "machine"
    if root.machine is None:
        yield at.fault("is required")
        return
    machine = root.machine
    if machine.type not in MACHINE_TYPES:
        given = "is required" if not machine.type else f"{machine.type!r} is not one"
        yield (at / "type").fault(f"{given}: controlplane or worker")
    yield from _check_sections(machine, at)


def _check_sections(machine: Machine, at: Place) -> Iterator[Finding]:
    if machine.install:
        yield from _check_install(machine.install, at / "install")
    if machine.kubelet:
        yield from _check_kubelet(machine.kubelet, at / "kubelet")
    if machine.features:
        yield from _check_features(machine.features, machine, at / "features")
    if machine.registries:
        yield from _check_registries(machine.registries, at / "registries")
    yield from _check_disks(machine.disks or [], at / "disks")
    yield from _check_encryption(machine, at / "systemDiskEncryption")
    yield from _check_labels(machine.nodeLabels or {}, at / "nodeLabels", values=True)
    yield from _check_labels(machine.nodeAnnotations or {}, at / "nodeAnnotations", values=False)
    yield from _check_taints(machine.nodeTaints or {}, at / "nodeTaints")


def _check_install(install: Install, at: Place) -> Iterator[Finding]:
    if install.extraKernelArgs and install.grubUseUKICmdline:
        yield (at / "extraKernelArgs").fault("cannot be used together with grubUseUKICmdline")
    extensions = install.extensions or []
    for index in sorted(repeated(extension.image for extension in extensions)):
        yield (at / "extensions" / index / "image").fault("the extension is given twice")


def _check_kubelet(kubelet: Kubelet, at: Place) -> Iterator[Finding]:
    yield from _check_protected(kubelet.extraConfig or {}, at / "extraConfig")


def _check_protected(settings: Mapping[str, object], at: Place) -> Iterator[Finding]:
    for key in settings:
        if key in _PROTECTED:
            yield (at / key).fault("may not be changed")


def _check_features(features: Features, machine: Machine, at: Place) -> Iterator[Finding]:
    dns = features.hostDNS
    if dns and dns.forwardKubeDNSToHost and not dns.enabled:
        yield (at / "hostDNS" / "forwardKubeDNSToHost").fault("needs hostDNS.enabled")
    if features.nodeAddressSortAlgorithm not in (None, "", "v1", "v2"):
        yield (at / "nodeAddressSortAlgorithm").fault("must be v1 or v2")
    access, where = features.kubernetesTalosAPIAccess, at / "kubernetesTalosAPIAccess"
    if not access or not access.enabled:
        return
    if not is_control_plane(machine):
        yield where.fault("is for control-plane machines only")
    known = {role.value for role in Role}
    for index, role in enumerate(access.allowedRoles or []):
        if role not in known:
            yield (where / "allowedRoles" / index).fault(f"{role!r} is not a role")


def _check_registries(registries: Registries, at: Place) -> Iterator[Finding]:
    for host, mirror in (registries.mirrors or {}).items():
        if not mirror.endpoints and not mirror.skipFallback:
            yield (at / "mirrors" / host).fault("has no endpoints")


def _check_disks(disks: list[Disk], at: Place) -> Iterator[Finding]:
    for index, disk in enumerate(disks):
        place = at / index
        if not disk.device:
            yield (place / "device").fault("is required")
        partitions = disk.partitions or []
        for number, partition in enumerate(partitions[:-1]):
            if partition.size in (None, "0"):
                yield (place / "partitions" / number / "size").fault(
                    "only the last partition may take the rest of the disk"
                )


def _check_encryption(machine: Machine, at: Place) -> Iterator[Finding]:
    if not machine.systemDiskEncryption:
        return
    for name in ("state", "ephemeral"):
        encryption: Encryption | None = getattr(machine.systemDiskEncryption, name)
        if encryption:
            yield from _check_slots(encryption, at / name / "keys")


def _check_slots(encryption: Encryption, at: Place) -> Iterator[Finding]:
    keys = encryption.keys or []
    if not keys:
        yield at.fault("at least one key is required")
    for index in sorted(repeated(key.slot or 0 for key in keys)):
        yield (at / index / "slot").fault("the slot is given twice")
    for index, key in enumerate(keys):
        if not (key.static or key.nodeID or key.kms or key.tpm):
            yield (at / index).fault("needs one of static, nodeID, kms, tpm")


def _check_labels(labels: Mapping[str, str], at: Place, *, values: bool) -> Iterator[Finding]:
    for key, value in labels.items():
        if not _is_qualified(key):
            yield (at / key).fault("is not a valid Kubernetes name")
        if values and value and not _LABEL_NAME.fullmatch(value):
            yield (at / key).fault(f"{value!r} is not a valid label value")


def _check_taints(taints: Mapping[str, str], at: Place) -> Iterator[Finding]:
    for key, value in taints.items():
        text, _, effect = value.rpartition(":")
        if not _is_qualified(key):
            yield (at / key).fault("is not a valid Kubernetes name")
        if effect not in _TAINT_EFFECTS or (text and not _LABEL_NAME.fullmatch(text)):
            yield (at / key).fault(f"{value!r} is not a taint such as value:NoSchedule")


def _is_qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(_LABEL_NAME.fullmatch(name)) and (
        not slash or bool(_LABEL_PREFIX.fullmatch(prefix))
    )
