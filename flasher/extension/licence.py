# SPDX-License-Identifier: Apache-2.0
"""Under which licences a package is, as far as its copyright file says so.

In Debian's form every part has a `License:` line; free texts name files of common licences.
"""

import re
from collections.abc import Mapping
from pathlib import Path

_LICENCE = re.compile(r"^License:[ \t]*(\S.*)$", re.MULTILINE | re.IGNORECASE)
_COMMON = re.compile(r"/usr/share/common-licenses/([A-Z][A-Za-z0-9.-]*[A-Za-z0-9])")


def licences(unpacked: Mapping[str, Path], name: str) -> tuple[str, ...]:
    """Return the licences that package `name` names, sorted; nothing when it names none."""
    text = _copyright(unpacked, name)
    declared = _LICENCE.findall(text) if text.startswith("Format:") else []
    found = declared or _COMMON.findall(text)
    return tuple(sorted({match.strip() for match in found}))


def _copyright(unpacked: Mapping[str, Path], name: str) -> str:
    folder = unpacked[name] / "usr/share/doc" / name
    if folder.is_symlink():
        # Packages of one source share the file of one of them.
        name = folder.readlink().name
        folder = unpacked.get(name, Path()) / "usr/share/doc" / name
    try:
        return (folder / "copyright").read_text(errors="replace")
    except OSError:
        return ""
