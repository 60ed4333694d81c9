# SPDX-License-Identifier: Apache-2.0
"""Faults of a board profile in words: which field, what is wrong with it, what is allowed."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

Place = tuple[int | str, ...]

_KINDS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
}


def find_faults(error: ValidationError, model: type[BaseModel]) -> list[tuple[Place, str]]:
    """Return every fault as its place and a sentence without that place."""
    return [(each["loc"], _explain(dict(each), model)) for each in error.errors()]


def name_place(place: Sequence[int | str]) -> str:
    """Return a place as people write it, such as `works.2.state`."""
    return ".".join(str(part) for part in place)


def _explain(fault: dict[str, Any], model: type[BaseModel]) -> str:
    kind, value, place = fault["type"], fault["input"], fault["loc"]
    context = fault.get("ctx", {})
    if kind in _KINDS:
        return f"{_KINDS[kind]}; it is {_say(value)}"
    match kind:
        case "missing":
            text = "is missing"
        case "extra_forbidden":
            text = _unknown_key(str(place[-1]), model, place[:-1])
        case "literal_error":
            allowed = str(context["expected"]).replace("'", "").replace(" or ", ", ")
            text = f"must be one of {allowed}; it is {_say(value)}"
        case "string_pattern_mismatch":
            text = f"{value!r} does not fit the pattern {context['pattern']}"
        case "too_short":
            text = f"must have {context['min_length']} or more; it has {context['actual_length']}"
        case "value_error":
            text = str(context["error"])
        case _:
            said = str(fault["msg"])
            text = f"{said[:1].lower()}{said[1:]}; it is {_say(value)}"
    return text


def _unknown_key(key: str, model: type[BaseModel], place: Place) -> str:
    section = _section_at(model, place)
    known = sorted(section.model_fields) if section else []
    close = difflib.get_close_matches(key, known, n=1)
    guess = f"did you mean {close[0]}? " if close else ""
    return f"there is no such field; {guess}there are {', '.join(known)}"


def _section_at(model: type[BaseModel], place: Place) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    for part in place:
        if isinstance(part, int) or current is None:
            continue  # a place in a list; its section was found with the list
        found = current.model_fields.get(part)
        current = next(_sections_in(found.annotation), None) if found else None
    return current


def _sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _sections_in(each)


def _say(value: Any) -> str:
    if isinstance(value, bool):
        said = "true" if value else "false"
        return f"{said} (YAML reads yes and no like that; put the word in quotes)"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return repr(value)
