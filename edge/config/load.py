# SPDX-License-Identifier: Apache-2.0
"""Read machine configurations: YAML streams into strict models, with every fault at once."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import ValidationError

from edge.config.document import KINDS, Document, kind_model
from edge.config.model import Model
from edge.config.root import Root
from edge.config.shape import Shape
from edge.config.stream import Path, RawDocument, count_faults, read_stream, spell_path
from edge.errors import ConfigError

Identity = tuple[str, str]
"""Kind and name of a document; both are empty for the root, the name for kinds that exist once."""

_Kind = TypeVar("_Kind", bound=Document)

_ROOT_KEYS = frozenset({"version", "machine", "cluster"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One document: its model and where it stands."""

    model: Model
    raw: RawDocument = field(repr=False)
    source: str
    doubtful: tuple[Path, ...] = ()
    """What was written and has a fault, and so is missing from the model."""

    @property
    def identity(self) -> Identity:
        """Return kind and name."""
        return identify(self.raw.value)

    def locate(self, path: Path, message: str) -> str:
        """Return `message` with file, line and path in front."""
        return locate(self.raw, self.source, path, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineConfig:
    """A machine configuration as it was written and as it was understood."""

    source: str
    text: str = field(repr=False)
    parts: tuple[Part, ...]

    @property
    def root(self) -> Root | None:
        """Return the root document; a partial configuration has none."""
        return next((p.model for p in self.parts if isinstance(p.model, Root)), None)

    @property
    def is_complete(self) -> bool:
        """Say whether a machine can start with this configuration alone."""
        return self.root is not None

    @property
    def documents(self) -> tuple[Document, ...]:
        """Return the documents beside the root."""
        return tuple(part.model for part in self.parts if isinstance(part.model, Document))

    def of_kind(self, kind: type[_Kind]) -> tuple[_Kind, ...]:
        """Return the documents of one kind, in their order."""
        return tuple(document for document in self.documents if isinstance(document, kind))

    def only(self, kind: type[_Kind]) -> _Kind | None:
        """Return the document of a kind that exists once, or nothing."""
        return next(iter(self.of_kind(kind)), None)


def load(text: str | bytes, *, source: str = "config.yaml") -> MachineConfig:
    """Read a machine configuration; `source` names it in messages.

    Raises:
        ConfigError: when it is not one; every fault is listed with line and path.
    """
    config, faults = read(text, source=source)
    if faults or config is None:
        raise ConfigError(f"{source} has {count_faults(faults)}", faults=tuple(faults))
    return config


def read(
    text: str | bytes, *, source: str = "config.yaml"
) -> tuple[MachineConfig | None, list[str]]:
    """Return a machine configuration and every fault in its form.

    With faults there still is a configuration, without what they are about, so that what else is
    wrong with it can be told at the same time; it is of no other use.

    Raises:
        ConfigError: when it is no YAML, or empty.
    """
    raws, stream_faults = read_stream(text, source=source)
    if not raws and not stream_faults:
        raise ConfigError(f"{source} holds no configuration")
    parts, faults = read_parts(raws, source)
    faults = stream_faults + faults
    if not parts:
        return None, faults
    decoded = text if isinstance(text, str) else text.decode()
    return MachineConfig(source=source, text=decoded, parts=tuple(parts)), faults


def read_parts(raws: Sequence[RawDocument], source: str) -> tuple[list[Part], list[str]]:
    """Return the documents, without what is not well formed in them, and every fault."""
    parts: list[Part] = []
    faults: list[str] = []
    for raw in raws:
        part, found = _read(raw, source)
        faults += found
        if part:
            parts.append(part)
    return parts, faults + list(_duplicates(parts))


def identify(value: Mapping[str, Any]) -> Identity:
    """Return kind and name of a document's plain value."""
    return str(value.get("kind", "")), str(value.get("name", "")) if "kind" in value else ""


def spell_identity(identity: Identity) -> str:
    """Return an identity as people write it: `LinkConfig "eth0"`; nothing for the root."""
    kind, name = identity
    return f'{kind} "{name}"' if name else kind


def locate(raw: RawDocument, source: str, path: Path, message: str) -> str:
    """Return `message` with file, line and path in front."""
    owner = spell_identity(identify(raw.value)) if isinstance(raw.value, Mapping) else ""
    place = f"{source}:{_line_of(raw, path)}"
    return ": ".join(filter(None, (place, owner, spell_path(path), message)))


def explain_all(
    error: ValidationError, raw: RawDocument, model: type[Model], source: str
) -> list[str]:
    """Return each fault that a model found in `raw`, in the order of the lines."""
    faults = error.errors(include_url=False, include_input=False)
    faults.sort(key=lambda fault: _line_of(raw, _path(fault["loc"])))
    return [locate(raw, source, _path(fault["loc"]), _explain(fault, model)) for fault in faults]


def _read(raw: RawDocument, source: str) -> tuple[Part | None, list[str]]:
    if not isinstance(raw.value, Mapping):
        return None, [f"{source}:{raw.line}: a document must be a mapping"]
    model = _model_of(raw.value)
    if isinstance(model, str):
        return None, [locate(raw, source, (), model)]
    try:
        return Part(model=model.model_validate(raw.value), raw=raw, source=source), []
    except ValidationError as error:
        faults = explain_all(error, raw, model, source)
        return _without_faults(raw, model, error, source), faults


def _without_faults(
    raw: RawDocument, model: type[Model], error: ValidationError, source: str
) -> Part | None:
    """Return the document without what is wrong in it, if it is one then."""
    known = deepcopy(dict(raw.value))
    doubtful = []
    for fault in error.errors(include_url=False, include_input=False):
        path = _path(fault["loc"])
        # An element cannot go alone: those after it would change their places.
        path = next((path[:at] for at in range(len(path), 0, -1) if _is_key(path, at)), ())
        doubtful.append(path)
        _drop(known, path)
    try:
        checked = model.model_validate(known)
    except ValidationError:
        return None
    return Part(model=checked, raw=raw, source=source, doubtful=tuple(doubtful))


def _is_key(path: Path, length: int) -> bool:
    return isinstance(path[length - 1], str)


def _drop(value: Any, path: Path) -> None:
    for step in path[:-1]:
        try:
            value = value[step]
        except (LookupError, TypeError):
            # A fault about something within has taken it already.
            return
    if path and isinstance(value, dict):
        value.pop(path[-1], None)


def _model_of(value: Mapping[str, Any]) -> type[Model] | str:
    if "kind" not in value:
        if not _ROOT_KEYS.isdisjoint(value):
            return Root
        return "neither the root document (version: v1alpha1) nor of a kind"
    kind = str(value["kind"])
    return kind_model(kind) or f"there is no such kind{_suggest(kind, KINDS)}"


def _duplicates(parts: Sequence[Part]) -> Iterator[str]:
    seen: set[Identity] = set()
    for part in parts:
        if part.identity in seen:
            what = "the root document is" if isinstance(part.model, Root) else "this document is"
            yield part.locate((), f"{what} given twice")
        seen.add(part.identity)


def _line_of(raw: RawDocument, path: Path) -> int:
    known = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in raw.lines), None)
    return raw.line if known is None else raw.lines[known]


def _path(loc: tuple[int | str, ...]) -> Path:
    return tuple(part for part in loc if part != "[key]")


def _explain(fault: Any, model: type[Model]) -> str:
    """Say what is wrong in the words of somebody who writes YAML, not of pydantic."""
    kind, context = str(fault["type"]), fault.get("ctx", {})
    if kind == "extra_forbidden":
        path = _path(fault["loc"])
        return f"unknown key{_suggest(str(path[-1]), _shape_at(model, path[:-1]).keys)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"must be one of {context['expected']}"
    return _EXPLANATIONS.get(kind, str(fault["msg"])).format_map(context)


_EXPLANATIONS = {
    "missing": "is required",
    "string_type": "a text is expected",
    "string_too_short": "may not be empty",
    "bool_type": "true or false is expected",
    "int_type": "a whole number is expected",
    "list_type": "a list is expected",
    "dict_type": "a mapping is expected",
    "model_type": "a mapping is expected",
    "model_attributes_type": "a mapping is expected",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
}


def _shape_at(model: type[Model], path: Path) -> Shape:
    shape = Shape(model)
    for part in path:
        shape = shape.item if isinstance(part, int) else shape.child(part)
    return shape


def _suggest(word: str, known: Sequence[str] | Mapping[str, str]) -> str:
    folded = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), folded, n=1, cutoff=0.75)
    return f'; did you mean "{folded[close[0]]}"?' if close else ""
