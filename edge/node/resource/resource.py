# SPDX-License-Identifier: Apache-2.0
"""One resource: metadata and a specification in its textual shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A version of a document; `spec` is what its YAML form shows (a mapping or a string)."""

    type: str
    namespace: str
    id: str
    spec: Any
    version: int
    owner: str
    created: datetime
    updated: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    tearing_down: bool = False


class ChangeType(StrEnum):
    """What happened to a resource."""

    CREATED = "created"
    UPDATED = "updated"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A resource came, changed or went; `old` is what it was before an update."""

    type: ChangeType
    resource: Resource
    old: Resource | None = None
