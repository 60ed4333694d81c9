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
    memo: dict[str, Any] = field(init=False, repr=False, compare=False, default_factory=dict)
    """What was derived from this version, such as its wire form, so that it is made once."""


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
    position: int = field(default=0, compare=False)
    """Its number among the changes of its kind."""
    memo: dict[Any, Any] = field(init=False, repr=False, compare=False, default_factory=dict)
    """What was derived from this change for one watcher and fits the others."""

    def forget(self) -> None:
        """Let go of what was derived from this change; it can be derived again."""
        self.memo.clear()
        self.resource.memo.clear()
