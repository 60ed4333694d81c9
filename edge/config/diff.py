# SPDX-License-Identifier: Apache-2.0
"""What changes between two machine configurations, document by document."""

from collections.abc import Mapping
from difflib import unified_diff
from typing import Any

from edge.config.encode import encode
from edge.config.load import identify, spell_identity
from edge.config.mask import mask_text
from edge.config.redact import redact
from edge.config.stream import parse_stream


def diff(old: str, new: str, *, redacted: bool = True, context_lines: int = 3) -> str:
    """Return a unified diff of every document that differs; nothing when none does.

    A redacted diff names secrets by number, so that it shows which ones change and never to what.
    """
    names: dict[str, str] = {}

    def name(secret: str) -> str:
        return names.setdefault(secret, f"secret-{len(names) + 1}")

    def show(document: Mapping[str, Any] | None) -> list[str]:
        if document is None:
            return []
        shown = redact(document, mask=name) if redacted else document
        return encode([shown]).splitlines(keepends=True)

    before, after = _by_identity(old), _by_identity(new)
    lines: list[str] = []
    for identity in before | after:
        label = mask_text(spell_identity(identity) or "v1alpha1", name if redacted else str)
        left, right = show(before.get(identity)), show(after.get(identity))
        lines += unified_diff(
            left,
            right,
            fromfile=f"a/{label}" if left else "/dev/null",
            tofile=f"b/{label}" if right else "/dev/null",
            n=context_lines,
        )
    return "".join(lines)


def _by_identity(text: str) -> dict[tuple[str, str], Mapping[str, Any]]:
    raws = parse_stream(text, source="configuration") if text.strip() else []
    return {identify(raw.value): raw.value for raw in raws if isinstance(raw.value, Mapping)}
