# SPDX-License-Identifier: Apache-2.0
"""The documentation names the keys that have an effect, and no others."""

import re
from pathlib import Path

from edge.config.acted import acted_keys
from edge.config.document import KINDS

PAGE = Path(__file__).parents[3] / "docs/configuration.md"


def table() -> dict[str, set[str]]:
    """Return the keys that the page lists, by kind; those of the root document under ""."""
    section = PAGE.read_text().split("## Keys that have an effect")[1].split("##")[0]
    found: dict[str, set[str]] = {}
    for document, cell in re.findall(r"^\| (.+?) \| (`.+) \|$", section, re.MULTILINE):
        kind = document if document in KINDS else ""
        (prefix,) = re.findall(r"`(.+)`", document) or [""]
        keys = re.findall(r"`([^`]+)`", cell)
        found.setdefault(kind, set()).update(f"{prefix}{key}" for key in keys)
    return found


def test_page_lists_what_has_an_effect() -> None:
    """Key by key."""
    assert table() == {kind: set(keys) for kind in ("", *KINDS) if (keys := acted_keys(kind))}
