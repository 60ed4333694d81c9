# SPDX-License-Identifier: Apache-2.0
"""What a kind of resources is, and the words by which people may call it."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.message import Message

    MessageClass = type[Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One resource type: where it lives, how it prints, and its specification message."""

    type: str
    singular: str
    namespace: str
    message_name: str
    """Module below `edge.api` and class of the specification, "definitions.time_pb2.StatusSpec"."""
    aliases: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    sensitive: bool = False
    only: tuple[str, ...] = ()
    """The only words for it, in place of the usual ones."""

    @property
    def id(self) -> str:
        """Return the identity of the definition: the type in lower case."""
        return self.type.lower()

    @property
    def message(self) -> "MessageClass":
        """Return the class of the specification, which is loaded when somebody first asks."""
        return _message_class(self.message_name)

    def short_names(self) -> tuple[str, ...]:
        """Return the custom aliases, the singular, and the initials of its capitals."""
        if self.only:
            return self.only
        initials = "".join(re.findall(r"[A-Z]", self.singular)).lower()
        automatic = [self.singular.lower()]
        if len(initials) >= 2:
            automatic += [initials] if initials.endswith("s") else [initials, f"{initials}s"]
        return tuple(dict.fromkeys((*self.aliases, *automatic)))

    def all_names(self) -> tuple[str, ...]:
        """Return every word that selects this kind: the plural, longer suffixes, short names."""
        if self.only:
            return self.only
        plural, *suffixes = self.id.split(".")
        names = [plural]
        for count in range(1, len(suffixes)):
            names.append(".".join([plural, *suffixes[:count]]))
        return tuple(dict.fromkeys((*names, *self.short_names())))


@cache
def _message_class(name: str) -> "MessageClass":
    module, _, own = name.rpartition(".")
    found: MessageClass = getattr(import_module(f"edge.api.{module}"), own)
    return found
