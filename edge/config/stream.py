# SPDX-License-Identifier: Apache-2.0
"""YAML streams in, strict where PyYAML is not.

Scalars follow the YAML 1.2 core rules, so `off` and `no` are texts; a duplicate key is a fault;
every value knows its line. Numbers keep their spelling, because a field that wants a text gets
what was written: `sysctls: {vm.swappiness: 010}` means "010".
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from edge.errors import ConfigError

Path = tuple[str | int, ...]
_Event = Any  # the stubs give events no attributes

MAX_VALUES = 100_000
MAX_DEPTH = 64

_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|(?:0|[1-9][0-9]*)(?=[eE]))(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_NULL = re.compile(r"~|null|Null|NULL|")
_TAGGED: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "float": (int, float),
    "bool": bool,
    "null": type(None),
}

# 32-bit Arm has no wheel with the C half.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class PlainInt(int):
    """A whole number that remembers how it was written."""

    text: str


class PlainFloat(float):
    """A number that remembers how it was written."""

    text: str


@dataclass(frozen=True, slots=True)
class RawDocument:
    """One document of a stream as plain values."""

    value: Any
    line: int
    lines: Mapping[Path, int] = field(default_factory=dict)
    """The line (from 1) of every key and list element."""


def parse_stream(text: str | bytes, *, source: str) -> list[RawDocument]:
    """Return the documents in `text`; empty ones are left out.

    Raises:
        ConfigError: when `text` is not YAML or has duplicate keys; all of them are listed.
    """
    documents, faults = read_stream(text, source=source)
    if faults:
        raise ConfigError(f"{source} has {count_faults(faults)}", faults=tuple(faults))
    return documents


def read_stream(text: str | bytes, *, source: str) -> tuple[list[RawDocument], list[str]]:
    """Return the documents in `text` and every fault that leaves them readable.

    Of a key that is given twice the last value is there.

    Raises:
        ConfigError: when `text` is not YAML.
    """
    try:
        documents, found = _parse(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        problem = error.problem or error.context or "cannot be read"
        raise ConfigError(
            f"{source} is not YAML", faults=(f"{source}{line}: {problem}",)
        ) from error
    except (yaml.YAMLError, UnicodeError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{source} is not YAML", faults=(f"{source}: {reason}",)) from error
    except _TooBigError as error:
        raise ConfigError(
            f"{source} is not a configuration",
            faults=(f"{source}:{error.args[0]}: too many or too deeply nested values",),
        ) from error
    faults = [f"{source}:{line}: {message}" for line, message in found]
    return [document for document in documents if document.value is not None], faults


def count_faults(faults: Sequence[str]) -> str:
    """Return how many there are, in words."""
    return "1 fault" if len(faults) == 1 else f"{len(faults)} faults"


def spell_path(path: Path) -> str:
    """Return `path` as people write it: "machine.network.interfaces[0].mtu"."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w$-]+", part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part)}]"
    return text


class _Builder:
    """Turns parser events into plain values, noting lines and faults.

    It works on events because PyYAML's node composer recurses in C and can be made to overflow
    the stack, and because it can refuse what is too deep or too big before building it.
    """

    def __init__(self, events: Iterator[_Event]) -> None:
        self.faults: list[tuple[int, str]] = []
        self._events = events
        self._anchors: dict[str, _Anchored] = {}
        self._lines: dict[Path, int] = {}
        self._size = 0

    def document(self) -> RawDocument:
        """Build the document that just started."""
        event = next(self._events)
        value = self._build(event, ())
        return RawDocument(value, _line(event), self._lines)

    def _build(self, event: _Event, path: Path) -> Any:
        self._grow(event, path, 1)
        self._lines.setdefault(path, _line(event))
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        before = self._size
        value = self._content(event, path)
        if anchor := event.anchor:
            self._anchors[anchor] = _Anchored(value, self._size - before)
        return value

    def _grow(self, event: _Event, path: Path, count: int) -> None:
        # Aliases of aliases can make a few lines mean billions of values.
        self._size += count
        if self._size > MAX_VALUES or len(path) > MAX_DEPTH:
            raise _TooBigError(_line(event))

    def _content(self, event: _Event, path: Path) -> Any:
        if isinstance(event, MappingStartEvent):
            self._check_tag(event, path, "map")
            return self._mapping(path)
        if isinstance(event, SequenceStartEvent):
            self._check_tag(event, path, "seq")
            return self._list(path)
        return self._scalar(event, path)

    def _mapping(self, path: Path) -> dict[str, Any]:
        own: dict[str, Any] = {}
        inherited: dict[str, Any] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                self._fault(event, path, "a key must be a text")
                self._build(event, path)
                self._build(next(self._events), path)
                continue
            key, inner = str(event.value), (*path, str(event.value))
            if key in own:
                self._fault(event, inner, "the key is given twice")
            if key == "<<" and event.implicit[0]:
                inherited = self._inherit(event, path) | inherited
                continue
            self._lines[inner] = _line(event)
            own[key] = self._build(next(self._events), inner)
        return inherited | own

    def _inherit(self, event: _Event, path: Path) -> dict[str, Any]:
        value = self._build(next(self._events), path)
        merged: dict[str, Any] = {}
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                self._fault(event, path, "<< needs a mapping")
                continue
            merged = part | merged
        return merged

    def _list(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._build(event, (*path, len(items))))
        return items

    def _alias(self, event: _Event, path: Path) -> Any:
        anchored = self._anchors.get(event.anchor)
        if not anchored:
            self._fault(event, path, f"the alias *{event.anchor} has no value yet")
            return None
        self._grow(event, path, anchored.size)
        return anchored.value

    def _scalar(self, event: _Event, path: Path) -> Any:
        text = str(event.value)
        if event.tag in (None, "!"):
            return _resolve(text) if event.implicit[0] else text
        kind = str(event.tag).removeprefix(_TAG)
        if kind == "str":
            return text
        value = _resolve(text)
        if not isinstance(value, _TAGGED.get(kind, ())):
            self._fault(event, path, f"{text!r} is not a value of type {event.tag}")
        return value

    def _check_tag(self, event: _Event, path: Path, kind: str) -> None:
        if event.tag not in (None, "!", _TAG + kind):
            self._fault(event, path, f"the type {event.tag} is not supported")

    def _fault(self, event: _Event, path: Path, message: str) -> None:
        self.faults.append((_line(event), f"{spell_path(path) or 'the document'}: {message}"))


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: Any
    size: int


class _TooBigError(Exception):
    """The document holds too many or too deeply nested values; the argument is the line."""


def _parse(text: str | bytes) -> tuple[list[RawDocument], list[tuple[int, str]]]:
    documents: list[RawDocument] = []
    faults: list[tuple[int, str]] = []
    events = yaml.parse(text, Loader=_Loader)
    for event in events:
        if isinstance(event, DocumentStartEvent):
            builder = _Builder(events)
            documents.append(builder.document())
            faults += builder.faults
    return documents, faults


def _resolve(text: str) -> Any:
    """Give a plain scalar the type that the YAML 1.2 core schema says."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        whole = PlainInt(int(text, 0)) if len(text) < 25 else PlainInt(2**64)
        whole.text = text
        return whole
    if _FLOAT.fullmatch(text):
        number = PlainFloat(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        number.text = text
        return number
    return text


def _line(event: _Event) -> int:
    return int(event.start_mark.line) + 1
