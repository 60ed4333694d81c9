# SPDX-License-Identifier: Apache-2.0
"""Which resources a call asks for: label queries and patterns of ids."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from edge.api import resource_pb2
from edge.errors import ConfigError
from edge.node.resource.resource import Resource

Wanted = Callable[[Resource], bool]

MOST_QUANTIFIERS = 4
_QUANTIFIER = re.compile(r"[*+?{]")
_REPEATED_GROUP = re.compile(r"\)[*+?{]")
# Classes that Go's patterns have and Python's lack.
_CLASSES = {
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:alnum:]": "a-zA-Z0-9",
    "[:lower:]": "a-z",
    "[:upper:]": "A-Z",
    "[:xdigit:]": "0-9a-fA-F",
    "[:word:]": "a-zA-Z0-9_",
    "[:space:]": r"\s",
}
_NUMBER = re.compile(r"(\d+)\s*([a-z]*)", re.IGNORECASE | re.ASCII)
_BINARY = {f"{letter}i": 1024**power for power, letter in enumerate("kmgtp", start=1)}
_DECIMAL = {letter: 1000**power for power, letter in enumerate("kmgtp", start=1)}


def read_query(options: Any) -> Wanted:
    """Return what decides whether a resource fits the queries in `options`.

    Raises:
        ConfigError: when the pattern of ids is not a regular expression, or could take long.
    """
    pattern = compile_pattern(options.id_query.regexp)
    queries = list(options.label_query)
    if not queries and not options.id_query.regexp:
        return _every
    return lambda resource: (
        bool(pattern.search(resource.id)) and labels_match(resource.labels, queries)
    )


def compile_pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern; one that could take long to match is refused, as this is one thread.

    Raises:
        ConfigError: when it cannot be used.
    """
    if len(_QUANTIFIER.findall(text)) > MOST_QUANTIFIERS or _REPEATED_GROUP.search(text):
        raise ConfigError(f"pattern {text!r} is too complex")
    for name, members in _CLASSES.items():
        text = text.replace(name, members)
    try:
        return re.compile(text.replace(r"\z", r"\Z"), re.ASCII)
    except re.error as error:
        raise ConfigError(f"pattern {text!r} is not a regular expression: {error}") from error


def labels_match(labels: Mapping[str, str], queries: Iterable[resource_pb2.LabelQuery]) -> bool:
    """Tell whether labels fit one of the queries, that is all of its terms; no query fits all."""
    queries = list(queries)
    return not queries or any(
        all(term_matches(labels.get(term.key), term) for term in query.terms) for query in queries
    )


def term_matches(value: str | None, term: resource_pb2.LabelTerm) -> bool:
    """Tell whether a label's value, or its absence, fits a term.

    A comparison that is impossible, of nothing or of what is no number, fits neither way round.
    """
    found = _compare(value, term)
    return found is not None and found is not term.invert


def _every(_resource: Resource) -> bool:
    return True


def _compare(value: str | None, term: resource_pb2.LabelTerm) -> bool | None:
    operation = resource_pb2.LabelTerm.Operation.Name(term.op)
    if operation in ("EXISTS", "NOT_EXISTS"):
        return (value is not None) == (operation == "EXISTS")
    if value is None:
        return None if operation.startswith("LT") else False
    if not term.value:
        return False
    return _compare_value(operation, value, list(term.value))


def _compare_value(operation: str, value: str, given: list[str]) -> bool | None:
    match operation:
        case "EQUAL":
            return value == given[0]
        case "IN":
            return value in given
        # The order of the UTF-8 bytes is the order of the code points.
        case "LT":
            return value < given[0]
        case "LTE":
            return value <= given[0]
    left, right = _number(value), _number(given[0])
    if left is None or right is None:
        return None
    return left < right if operation == "LT_NUMERIC" else left <= right


def _number(text: str) -> int | None:
    """Return a number such as "7", "4Gi" or "100 MB", or nothing."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    unit = match[2].lower()
    factor = 1 if not unit else _BINARY.get(unit[:2]) or _DECIMAL.get(unit[:1])
    return int(match[1]) * factor if factor else None
