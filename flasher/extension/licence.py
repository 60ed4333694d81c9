# SPDX-License-Identifier: Apache-2.0
"""Under which licences a package is, as far as its copyright file says so in Debian's format."""

import re
from pathlib import Path

_LICENCE = re.compile(r"^License:[ \t]*(\S.*)$", re.MULTILINE)


def licences(package: Path, name: str) -> tuple[str, ...]:
    """Return the licences that an unpacked package names, sorted; nothing when it names none."""
    place = package / "usr/share/doc" / name / "copyright"
    try:
        text = place.read_text(errors="replace")
    except OSError:
        # Packages of one source share the file of another, which is linked to.
        return ()
    if not text.startswith("Format:"):
        return ()
    return tuple(sorted({match.strip() for match in _LICENCE.findall(text)}))
