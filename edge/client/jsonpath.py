# SPDX-License-Identifier: Apache-2.0
"""The part of JSONPath that columns and `-o jsonpath=` use: fields, indices, slices, filters.

A filter keeps the items of a list whose field is, or is not, a given value:
`{.conditions[?(@.type=="Ready")].status}`.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from edge.errors import InputError

_STEP = re.compile(
    r"""
      \.(?P<field>(?:[\w-]|\\.)+)
    | \[(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\]
    | (?P<all>\.\*|\[\*\])
    | \[(?P<index>-?\d+)\]
    | \[(?P<first>-?\d*):(?P<last>-?\d*)\]
    | \[\?\(\s*@(?P<key>[^=!)]*?)\s*(?:(?P<sign>==|!=)\s*(?P<wanted>[^)]*?)\s*)?\)\]
    """,
    re.VERBOSE,
)
_PATH = re.compile(r"\{[^{}]*\}")
_MANY = re.compile(r"\[(?:\*|\?|-?\d*:)|\.\*")

Step = Callable[[Any], Iterator[Any]]


def render(value: Any, template: str) -> str:
    """Return `template` with every `{path}` replaced by what it selects, as text.

    Texts stand as they are, other values as JSON, absent ones as nothing; what a wildcard
    or a filter selects is separated by spaces. A template without braces is a path.

    Raises:
        InputError: when a path is not understood.
    """
    if not _PATH.search(template):
        return _text(select(value, template), template)
    return _PATH.sub(lambda match: _text(select(value, match[0]), match[0]), template)


def select(value: Any, path: str) -> Any:
    """Return what `path`, such as "{.status.ready}" or "{@}", selects; nothing when absent.

    A wildcard, a slice or a filter makes the result a list.

    Raises:
        InputError: when the path is not understood.
    """
    inner = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    found = [value]
    for step in _steps(inner.removeprefix("@")):
        found = [item for each in found for item in step(each)]
    if _MANY.search(inner):
        return found
    return found[0] if found else None


def _text(value: Any, path: str) -> str:
    if isinstance(value, list) and _MANY.search(path):
        return " ".join(_text(item, "") for item in value)
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, separators=(",", ":"), default=str)


def _steps(path: str) -> Iterator[Step]:
    if path in ("", "."):
        return
    at = 0
    path = path if path[0] in ".[" else f".{path}"
    while at < len(path):
        match = _STEP.match(path, at)
        if not match:
            raise InputError(f"JSONPath {path!r} is not understood at {path[at:]!r}")
        yield _step(match)
        at = match.end()


def _step(match: re.Match[str]) -> Step:
    if match["all"]:
        return _items
    if match["index"]:
        return _index(int(match["index"]))
    if match["first"] is not None:
        return _slice(match["first"], match["last"])
    if match["key"] is not None:
        return _filter(match["key"], match["sign"], match["wanted"])
    if match["quoted"] is not None:
        return _field(match["quoted"])
    return _field(match["field"].replace("\\.", "."))


def _field(name: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _index(number: int) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= number < len(value):
            yield value[number]

    return step


def _slice(first: str, last: str) -> Step:
    part = slice(int(first) if first else None, int(last) if last else None)
    return lambda value: iter(value[part] if isinstance(value, list) else ())


def _filter(key: str, sign: str | None, wanted: str | None) -> Step:
    steps = list(_steps(key))

    def fits(item: Any) -> bool:
        found = [item]
        for step in steps:
            found = [inner for each in found for inner in step(each)]
        if sign is None:
            return bool(found)
        return any(_is(each, wanted or "") for each in found) is (sign == "==")

    return lambda value: (item for item in _items(value) if fits(item))


def _is(value: Any, literal: str) -> bool:
    if literal[:1] in ("'", '"'):
        return bool(value == literal[1:-1])
    return json.dumps(value, default=str) == literal


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
