# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - fields are spelled as documents spell them
"""Kinds about container images and how containers run."""

from typing import Annotated

from edge.config.document import Document, NamedDocument
from edge.config.model import (
    MergeBy,
    Model,
    Object,
    Replace,
    SecretText,
    Text,
    Url,
)


class CRIBaseRuntimeSpecConfig(Document):
    """Changes to every container's runtime specification."""

    overrides: Annotated[Object | None, Replace()] = None


class CRICustomizationConfig(NamedDocument):
    """A part of the container runtime's own configuration."""

    content: SecretText | None = None


class LocalImageCache(Model):
    """Images kept on this machine."""

    enabled: bool | None = None


class ImageCacheConfig(Document):
    """Images kept on the disk."""

    local: LocalImageCache | None = None


class Keyless(Model):
    """Who must have signed, by identity."""

    issuer: Text | None = None
    subject: Text | None = None
    subjectRegex: Text | None = None


class PublicKey(Model):
    """Who must have signed, by key."""

    certificate: Text | None = None


class ImageRule(Model):
    """What is asked of images that match."""

    image: Text | None = None
    skip: bool | None = None
    deny: bool | None = None
    keyless: Keyless | None = None
    publicKey: PublicKey | None = None


class ImageVerificationConfig(Document):
    """Signatures asked of images; the first rule that matches counts."""

    rules: Annotated[list[ImageRule] | None, MergeBy(("image",), replaces=True)] = None


class RegistryAuthConfig(NamedDocument):
    """Credentials for the registry of this name."""

    username: Text | None = None
    password: SecretText | None = None
    auth: SecretText | None = None
    identityToken: SecretText | None = None


class MirrorEndpoint(Model):
    """One mirror."""

    url: Url | None = None
    overridePath: bool | None = None


class RegistryMirrorConfig(NamedDocument):
    """Where else images of the registry of this name are found."""

    endpoints: list[MirrorEndpoint] | None = None
    skipFallback: bool | None = None


class ClientIdentity(Model):
    """A client certificate as plain PEM."""

    cert: Text | None = None
    key: SecretText | None = None


class RegistryTLSConfig(NamedDocument):
    """TLS towards the registry of this name."""

    clientIdentity: ClientIdentity | None = None
    ca: Text | None = None
    insecureSkipVerify: bool | None = None
