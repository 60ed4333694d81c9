# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - fields are spelled as documents spell them
"""Containers that run beside Kubernetes."""

from typing import Annotated, Literal

from edge.config.document import NamedDocument
from edge.config.model import Model, Secret, Text, Texts, UInt32

UserVolumeOption = Literal["ro", "rw", "noexec", "nosuid", "nodev", "noatime", "rbind", "rshared"]


class RunAs(Model):
    """User and group."""

    uid: UInt32 | None = None
    gid: UInt32 | None = None


class UserVolumeMount(Model):
    """A user volume inside the container."""

    name: Text | None = None
    destination: Text | None = None
    options: list[UserVolumeOption] | None = None


class TmpfsMount(Model):
    """Memory as a file system."""

    destination: Text | None = None
    size: Text | None = None
    options: Texts | None = None


class HostPathMount(Model):
    """A directory of the machine inside the container."""

    source: Text | None = None
    destination: Text | None = None
    options: Texts | None = None


class ContainerMount(Model):
    """One mount, of one of three sorts."""

    userVolume: UserVolumeMount | None = None
    tmpfs: TmpfsMount | None = None
    hostPath: HostPathMount | None = None


class Capabilities(Model):
    """Capabilities beyond or below the default."""

    add: Texts | None = None
    drop: Texts | None = None


class Security(Model):
    """What the container may do."""

    profile: Text | None = None
    capabilities: Capabilities | None = None


class ContainerNetwork(Model):
    """Which network the container is in."""

    mode: Text | None = None


class Limits(Model):
    """Most that the container may use."""

    cpu: Text | None = None
    memory: Text | None = None


class ContainerResources(Model):
    """Resources of the container."""

    limits: Limits | None = None


class DependsOn(Model):
    """What must be there before the container starts."""

    paths: Texts | None = None
    networks: list[Literal["addresses", "connectivity", "hostname", "etcfiles"]] | None = None
    time: bool | None = None
    containers: Texts | None = None


class ContainerConfig(NamedDocument):
    """One container."""

    image: Text | None = None
    entrypoint: Texts | None = None
    args: Texts | None = None
    workingDir: Text | None = None
    runAs: RunAs | None = None
    environment: Annotated[Texts | None, Secret()] = None
    mounts: list[ContainerMount] | None = None
    security: Security | None = None
    network: ContainerNetwork | None = None
    resources: ContainerResources | None = None
    dependsOn: DependsOn | None = None
