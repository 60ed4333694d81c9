# SPDX-License-Identifier: Apache-2.0
"""Plain values to YAML, laid out as upstream does: four spaces, long texts as blocks.

A text stays unquoted only when no YAML version takes it for anything else.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edge.config.stream import PlainFloat, PlainInt


def dump_stream(values: Sequence[Any]) -> str:
    """Return `values` (mappings, lists, scalars) as one YAML stream, indented as upstream does."""
    return "---\n".join("".join(f"{line}\n" for line in _render(value)) for value in values)


_STEP = "    "
# Texts that no YAML version, 1.1 or 1.2, takes for anything but a text.
_PLAIN = re.compile(
    r"[0-9]+(?:\.[0-9]+){3}(?:/[0-9]+)?"
    r"|[A-Za-z_/][A-Za-z0-9_./+=-]*(?:(?::|[ @,()]+)[A-Za-z0-9_./+=-]+)*"
)
_RESERVED = re.compile(r"(?i)y|n|yes|no|on|off|true|false|null|nan|inf|=")


def _render(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield from _render_mapping(value)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield from _render_list(value)
    else:
        yield from _scalar_lines(value)


def _render_mapping(value: Mapping[str, Any]) -> Iterator[str]:
    for key, inner in value.items():
        lines = _render(inner)
        if isinstance(inner, (Mapping, list, tuple)) and inner:
            yield f"{_quote(key)}:"
            yield from (f"{_STEP}{line}" for line in lines)
        else:
            yield f"{_quote(key)}: {next(lines)}"
            yield from (f"{_STEP}{line}" if line else "" for line in lines)


def _render_list(value: Sequence[Any]) -> Iterator[str]:
    for inner in value:
        lines = _render(inner)
        yield f"- {next(lines)}"
        yield from (f"  {line}" if line else "" for line in lines)


def _scalar_lines(value: Any) -> Iterator[str]:
    if isinstance(value, str) and _fits_block(value):
        yield "|" if value.endswith("\n") else "|-"
        yield from value.removesuffix("\n").split("\n")
    else:
        yield _render_scalar(value)


def _fits_block(text: str) -> bool:
    is_clean = all(char == "\n" or (char.isprintable() and char < "\ud800") for char in text)
    return is_clean and "\n" in text and text[:1] not in " \n" and not text.endswith("\n\n")


def _render_scalar(value: Any) -> str:
    if isinstance(value, (PlainInt, PlainFloat)):
        return value.text
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return _quote(value)
    return "{}" if isinstance(value, Mapping) else "[]"


def _quote(text: str) -> str:
    if _PLAIN.fullmatch(text) and not _RESERVED.fullmatch(text):
        return text
    return '"' + "".join(_escape(char) for char in text) + '"'


def _escape(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    if char == "\n":
        return "\\n"
    return f"\\u{ord(char):04x}" if ord(char) < 2**16 else f"\\U{ord(char):08x}"
