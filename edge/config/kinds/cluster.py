# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N815 - fields are spelled as documents spell them
"""Kinds by which the machines of a cluster find each other."""

from edge.config.document import Document, NamedDocument
from edge.config.model import SecretText, Text, Url


class DiscoveryIdentityConfig(Document):
    """Who may find each other."""

    clusterID: Text | None = None
    clusterSecret: SecretText | None = None


class DiscoveryServiceConfig(NamedDocument):
    """A service through which machines find each other."""

    endpoint: Url | None = None
