# SPDX-License-Identifier: Apache-2.0
"""What all sections of a board profile share: strictness, kinds of names, and evidence."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Evidence = Literal["emulated", "package", "source", "documentation", "unverified"]
"""How a fact was learnt: seen in an emulator, read out of the package or in source code, said by a
vendor or a report of real hardware, or not checked at all."""


PLAIN = re.compile(r"[^\s'\"\\;$&|{}<>#]+")
"""Words that no boot loader takes for something else: no blanks, quotes or commands."""


def _relative(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError("must be a relative path without '..'")
    if not PLAIN.fullmatch(path):
        raise ValueError("must be without blanks, quotes and signs that a loader would read")
    return path


RelativePath = Annotated[str, Field(min_length=1), AfterValidator(_relative)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
ModuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
Argument = Annotated[str, Field(pattern=f"^{PLAIN.pattern}$")]
PackageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]


class Section(BaseModel):
    """A part of a profile: no unknown keys, no conversions, no changes."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Fact(Section):
    """Something that is said of a board, how it was learnt, and where that can be read."""

    text: str = ""
    evidence: Evidence = "unverified"
    source: str = ""
