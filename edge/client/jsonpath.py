# SPDX-License-Identifier: Apache-2.0
"""The part of JSONPath that printed columns and `-o jsonpath=` use: fields, indices, wildcards."""

import json
import re
from typing import Any

from edge.errors import ConfigError

_STEP = re.compile(r"\.([\w-]+|\*)|\[(\d+|\*|:|'[^']+')\]")
_PATH = re.compile(r"\{[^{}]*\}")


def render(value: Any, template: str) -> str:
    """Return `template` with every `{path}` replaced by what it selects, as text.

    Texts stand as they are, other values as JSON, absent ones as nothing; what a wildcard
    selects is separated by spaces. A template without braces is a path.

    Raises:
        ConfigError: when a path is not understood.
    """
    if not _PATH.search(template):
        return _text(select(value, template), template)
    return _PATH.sub(lambda match: _text(select(value, match[0]), match[0]), template)


def select(value: Any, path: str) -> Any:
    """Return what `path`, such as "{.status.ready}" or "{@}", selects; nothing when absent.

    A wildcard makes the result a list.

    Raises:
        ConfigError: when the path uses more than fields, indices and `[*]`.
    """
    inner = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    if inner in ("", "@", "."):
        return value
    steps = _steps(inner.removeprefix("@"))
    return _walk(value, steps)


def _text(value: Any, path: str) -> str:
    if isinstance(value, list) and re.search(r"\[[*:]\]|\.\*", path):
        return " ".join(_text(item, "") for item in value)
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, separators=(",", ":"), default=str)


def _steps(path: str) -> list[str]:
    steps, at = [], 0
    path = path if path[0] in ".[" else f".{path}"
    while at < len(path):
        match = _STEP.match(path, at)
        if not match:
            raise ConfigError(f"JSONPath {path!r} is not understood at {path[at:]!r}")
        step = match[1] or match[2]
        steps.append("*" if step == ":" else step.strip("'"))
        at = match.end()
    return steps


def _walk(value: Any, steps: list[str]) -> Any:
    if not steps:
        return value
    step, *rest = steps
    if step == "*":
        items = value.values() if isinstance(value, dict) else value or []
        return [_walk(item, rest) for item in items]
    if isinstance(value, dict):
        return _walk(value.get(step), rest)
    if isinstance(value, list) and step.isdigit() and int(step) < len(value):
        return _walk(value[int(step)], rest)
    return None
