# SPDX-License-Identifier: Apache-2.0
"""One file or link that an extension puts into the root."""

import filecmp
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.errors import ImageError

HEAD_BYTES = 4096

Role = Literal["program", "library", "data", "firmware", "image", "own"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file copied from `source`, a small one written out, or a link."""

    extension: str
    path: str
    role: Role
    source: Path | None = None
    text: str | None = None
    link: str = ""
    is_program: bool = False
    package: str = ""

    @property
    def mode(self) -> int:
        """Return the permissions that it gets."""
        return 0o755 if self.is_program or self.role == "library" else 0o644

    def head(self) -> bytes:
        """Return its first bytes, which tell what it is."""
        if self.source is None:
            return self.content()[:HEAD_BYTES]
        with self.source.open("rb") as file:
            return file.read(HEAD_BYTES)

    def is_same_as(self, path: Path) -> bool:
        """Say whether the file at `path` holds the same bytes."""
        if self.source is not None:
            return filecmp.cmp(self.source, path, shallow=False)
        return path.read_bytes() == self.content()

    def content(self) -> bytes:
        """Return its bytes; a link has none."""
        if self.source is not None:
            return self.source.read_bytes()
        return (self.text or "").encode()

    def refuse(self, reason: str, *, hint: str | None = None) -> ImageError:
        """Return the error that says why this may not go into the root."""
        return ImageError(f"extension {self.extension}: {self.path} {reason}", hint=hint)
