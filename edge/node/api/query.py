# SPDX-License-Identifier: Apache-2.0
"""Which resources a call asks for: label queries and patterns of ids."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from edge.api import resource_pb2
from edge.errors import ConfigError
from edge.node.api.failure import shorten
from edge.node.resource.resource import Resource

PATTERN_MEMORY_BYTES = 1 << 20
_SHOWN = 80

Wanted = Callable[[Resource], bool]

_NUMBER = re.compile(r"(\d+)\s*([a-z]*)", re.IGNORECASE | re.ASCII)
_BINARY = {f"{letter}i": 1024**power for power, letter in enumerate("kmgtp", start=1)}
_DECIMAL = {letter: 1000**power for power, letter in enumerate("kmgtp", start=1)}


class Pattern(Protocol):
    """A compiled pattern."""

    def search(self, text: str) -> object:
        """Return something true if the pattern is in `text`."""


def read_query(options: Any) -> Wanted:
    """Return what decides whether a resource fits the queries in `options`.

    Raises:
        ConfigError: when the pattern of ids is not a regular expression.
    """
    queries = list(options.label_query)
    if not queries and not options.id_query.regexp:
        return _every
    pattern = compile_pattern(options.id_query.regexp)
    return lambda resource: (
        bool(pattern.search(resource.id)) and labels_match(resource.labels, queries)
    )


def compile_pattern(text: str) -> Pattern:
    """Compile a pattern of upstream's own kind, which takes linear time whatever it says.

    Python's patterns can take for ever, and this is the node's one thread.

    Raises:
        ConfigError: when it is no such pattern, or too large.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_BYTES
    try:
        compiled: Pattern = re2.compile(text, options=options)
    except re2.error as error:
        reason = error.args[0]
        said = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        # The reason quotes the part of the pattern that is wrong, which may be all of it.
        shown, said = shorten(repr(text), _SHOWN), shorten(said, 2 * _SHOWN)
        raise ConfigError(f"pattern {shown} is not a regular expression: {said}") from error
    return compiled


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
