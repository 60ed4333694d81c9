# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - fields are spelled as documents spell them
"""Kinds about the machine itself."""

import posixpath
from typing import Annotated

from pydantic import AfterValidator

from edge.config.document import Document, NamedDocument
from edge.config.model import (
    Duration,
    MergeBy,
    Model,
    Permissions,
    Secret,
    SecretText,
    SecretUrl,
    Text,
    TextMap,
    Texts,
    Url,
)


def _check_mount_path(path: str | None) -> str | None:
    if path and (posixpath.normpath(path) != path or not path.startswith("/") or "\0" in path):
        raise ValueError("must be an absolute path such as /run/tool.conf, without '..'")
    return path


class EnvironmentConfig(Document):
    """Environment variables of the machine's services."""

    variables: Annotated[TextMap | None, Secret()] = None


class EtcFileConfig(NamedDocument):
    """A file below /etc."""

    mode: Permissions | None = None
    contents: SecretText | None = None


class EventSinkConfig(Document):
    """Where events are sent."""

    endpoint: Text | None = None


class ConfigFile(Model):
    """A file inside an extension's container."""

    content: SecretText | None = None
    mountPath: Annotated[Text | None, AfterValidator(_check_mount_path)] = None


class ExtensionServiceConfig(NamedDocument):
    """Configuration of the extension service of this name."""

    configFiles: Annotated[list[ConfigFile] | None, MergeBy(("mountPath",))] = None
    environment: Annotated[Texts | None, Secret()] = None


class KernelModuleConfig(NamedDocument):
    """A kernel module to load."""

    parameters: Texts | None = None


class KmsgLogConfig(NamedDocument):
    """Where the kernel log is sent."""

    url: Url | None = None


class OOMConfig(Document):
    """What is ended when memory runs out."""

    triggerExpression: Text | None = None
    cgroupRankingExpression: Text | None = None
    strictCgroupClassOrdering: bool | None = None
    sampleInterval: Duration | None = None


class PCIDriverRebindConfig(NamedDocument):
    """Another driver for a PCI device."""

    targetDriver: Text | None = None


class SecurityProfileConfig(Document):
    """Hardening."""

    workloadIsolation: bool | None = None


class SideroLinkConfig(Document):
    """A management tunnel."""

    apiUrl: SecretUrl | None = None
    uniqueToken: SecretText | None = None


class SysctlConfig(Document):
    """Kernel parameters."""

    params: TextMap | None = None


class SysfsConfig(Document):
    """Values below /sys."""

    params: TextMap | None = None


class TrustedRootsConfig(NamedDocument):
    """More authorities to trust, as PEM."""

    certificates: Text | None = None


class UdevRulesConfig(Document):
    """Rules for device nodes."""

    rules: Texts | None = None


class Installer(Model):
    """What installs."""

    image: Text | None = None


class DiskMatch(Model):
    """An expression that chooses a disk."""

    match: Text | None = None


class InstallTarget(Model):
    """Where to install to."""

    diskSelector: DiskMatch | None = None
    wipe: bool | None = None


class UnattendedInstallConfig(Document):
    """Installing without being told to."""

    reboot: bool | None = None
    installer: Installer | None = None
    provisioning: InstallTarget | None = None


class WatchdogTimerConfig(Document):
    """The hardware watchdog; its timeout is 10 seconds or more, one minute if not given."""

    device: Text | None = None
    timeout: Duration | None = None
