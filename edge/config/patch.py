# SPDX-License-Identifier: Apache-2.0
"""Patches: strategic merges of whole documents, and RFC 6902 operations.

In a strategic merge documents meet by kind and name; what matches nothing is added. Mappings
merge, lists are appended unless a model marks them otherwise, empty texts and zeros change
nothing that is there, and `$patch: delete` removes a document, a key or a list element. Only
what a patch says changes: unlike upstream, a switch that it leaves out stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge.config.encode import encode
from edge.config.load import identify, load, locate, read_parts, spell_identity
from edge.config.model import MergeBy, Replace
from edge.config.shape import Shape, document_shape
from edge.config.stream import Path as ValuePath
from edge.config.stream import RawDocument, count_faults, parse_stream, spell_path
from edge.errors import ConfigError
from edge.text import read_given

_PATCH = "$patch"


@dataclass(frozen=True, slots=True)
class StrategicPatch:
    """Documents to merge into a configuration."""

    documents: tuple[Mapping[str, Any], ...]
    source: str


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """RFC 6902 operations for a configuration of one document."""

    operations: tuple[Mapping[str, Any], ...]
    source: str


Patch = StrategicPatch | JsonPatch


def read_patch(argument: str) -> Patch:
    """Read a patch as it is given on a command line: `@FILE`, the name of a file, or its text.

    Raises:
        ConfigError: when it cannot be read or is not a patch; every fault is listed.
    """
    if argument.startswith("@"):
        return parse_patch(read_given(Path(argument[1:])), source=argument[1:])
    is_text = argument[:1] in ("[", "{") or any(char in argument for char in " \n")
    if is_text:
        return parse_patch(argument, source="patch")
    return parse_patch(read_given(Path(argument)), source=argument)


def parse_patch(text: str, *, source: str = "patch") -> Patch:
    """Read the text of a patch.

    Raises:
        ConfigError: when it is not one; every fault is listed.
    """
    raws = parse_stream(text, source=source)
    if len(raws) == 1 and isinstance(raws[0].value, list):
        return _json_patch(raws[0], source)
    raws = [_with_version(raw) for raw in raws]
    faults = _directive_faults(raws, source)
    stripped = [replace(raw, value=_strip(raw.value)) for raw in raws if not _is_delete(raw.value)]
    faults += read_parts(stripped, source)[1]
    if faults:
        raise ConfigError(f"{source} has {count_faults(faults)}", faults=tuple(faults))
    return StrategicPatch(tuple(raw.value for raw in raws), source)


def patch_config(text: str, patches: Sequence[Patch], *, source: str = "config.yaml") -> str:
    """Apply `patches` in order to a machine configuration and return the result, well formed.

    Raises:
        ConfigError: when a patch does not apply, or the result is not a configuration.
    """
    if not patches:
        return text
    documents = [raw.value for raw in parse_stream(text, source=source)]
    for patch in patches:
        if isinstance(patch, JsonPatch):
            documents = _operate(documents, patch)
        else:
            documents = merge(documents, patch)
    patched = encode(documents)
    load(patched, source=f"{source} (patched)")
    return patched


def merge(documents: Sequence[Mapping[str, Any]], patch: StrategicPatch) -> list[Mapping[str, Any]]:
    """Return `documents` with those of `patch` merged in or removed."""
    merged = {identify(document): document for document in documents}
    for document in patch.documents:
        identity = identify(document)
        if _is_delete(document):
            merged.pop(identity, None)
        elif identity in merged:
            merger = _Merger(patch.source, spell_identity(identity))
            shape = document_shape(document)
            merged[identity] = merger.mapping(merged[identity], document, shape, ())
        elif (added := _strip(document)) == document or not _is_identity(added):
            merged[identity] = added
    return list(merged.values())


class _Merger:
    """Merges one document of a patch; knows what to name when something is not there."""

    def __init__(self, source: str, owner: str) -> None:
        self._source = source
        self._owner = owner

    def mapping(
        self, left: Mapping[str, Any], right: Mapping[str, Any], shape: Shape, path: ValuePath
    ) -> dict[str, Any]:
        merged = dict(left)
        for key, value in right.items():
            inner = (*path, key)
            if _is_delete(value):
                if key not in merged:
                    raise self._missing(inner)
                del merged[key]
            elif not self._is_idle(value, shape, key, is_there=key in merged):
                merged[key] = self._value(merged.get(key), value, shape.child(key), inner)
        return merged

    @staticmethod
    def _is_idle(value: Any, shape: Shape, key: str, *, is_there: bool) -> bool:
        if shape.child(key).marker(Replace):
            return value is None
        return _changes_nothing(value) and (shape.is_struct or is_there)

    def _value(self, left: Any, right: Any, shape: Shape, path: ValuePath) -> Any:
        if shape.marker(Replace):
            return deepcopy(right)
        if isinstance(right, Mapping):
            return self.mapping(left if isinstance(left, Mapping) else {}, right, shape, path)
        if isinstance(right, list):
            return self._list(left if isinstance(left, list) else [], right, shape, path)
        return right

    def _list(self, left: list[Any], right: list[Any], shape: Shape, path: ValuePath) -> list[Any]:
        merged = list(left)
        rule = shape.marker(MergeBy)
        for at, item in enumerate(right):
            if _is_delete(item):
                merged.pop(self._find(merged, item, (*path, at)))
                continue
            twin = _twin(merged, item, rule) if rule else None
            if twin is None:
                merged.append(self._value(None, item, shape.item, (*path, at)))
            elif rule and rule.replaces:
                merged[twin] = deepcopy(item)
            else:
                merged[twin] = self.mapping(merged[twin], item, shape.item, (*path, twin))
        return merged

    def _find(self, items: list[Any], selector: Mapping[str, Any], path: ValuePath) -> int:
        key, wanted = next((k, v) for k, v in selector.items() if k != _PATCH)
        for at, item in enumerate(items):
            if isinstance(item, Mapping) and key in item and item[key] == wanted:
                return at
        raise self._missing((*path, key))

    def _missing(self, path: ValuePath) -> ConfigError:
        owner = f" of {self._owner}" if self._owner else ""
        return ConfigError(
            f"{self._source}: failed to delete path {spell_path(path)}{owner}: lookup failed",
            hint="the configuration does not have it; take the deletion out of the patch",
        )


def _twin(items: list[Any], item: Any, rule: MergeBy) -> int | None:
    """Return the position of the element that `item` is to be merged with."""
    if not isinstance(item, Mapping):
        return None
    # Of several keys one has to be there; a single one that is missing everywhere is the same.
    fallback = rule.keys[0] if len(rule.keys) == 1 else None
    key = next((key for key in rule.keys if item.get(key)), fallback)
    if key is None:
        return None
    wanted = item.get(key) or None
    return next((at for at, other in _mappings(items) if (other.get(key) or None) == wanted), None)


def _mappings(items: list[Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    return ((at, item) for at, item in enumerate(items) if isinstance(item, Mapping))


def _changes_nothing(value: Any) -> bool:
    """Say whether a value is what upstream cannot tell from one that was left out."""
    if isinstance(value, bool):
        return False
    return value is None or value in ("", 0)


def _operate(documents: list[Any], patch: JsonPatch) -> list[Any]:
    import jsonpatch
    from jsonpointer import JsonPointerException

    if len(documents) != 1:
        raise ConfigError(
            f"{patch.source}: JSON patches work on configurations of one document,"
            f" this one has {len(documents)}",
            hint="write the patch as YAML: the keys to change, under the keys they are in",
        )
    try:
        return [jsonpatch.apply_patch(documents[0], list(patch.operations))]
    except (jsonpatch.JsonPatchException, JsonPointerException) as error:
        raise ConfigError(f"{patch.source} does not apply: {error}") from error


def _json_patch(raw: RawDocument, source: str) -> JsonPatch:
    faults = tuple(
        locate(raw, source, (at,), 'an operation with "op" and "path" is expected')
        for at, item in enumerate(raw.value)
        if not isinstance(item, Mapping) or not {"op", "path"} <= item.keys()
    )
    if faults:
        raise ConfigError(f"{source} has {count_faults(faults)}", faults=faults)
    return JsonPatch(tuple(raw.value), source)


def _with_version(raw: RawDocument) -> RawDocument:
    """Let patches of the root document leave out its version, as everybody's do."""
    if not isinstance(raw.value, Mapping) or "kind" in raw.value:
        return raw
    return replace(raw, value={"version": "v1alpha1", **raw.value})


def _directive_faults(raws: Sequence[RawDocument], source: str) -> list[str]:
    faults: list[str] = []
    for raw in raws:
        if _is_delete(raw.value) and "kind" not in raw.value:
            faults.append(locate(raw, source, (), "the root document cannot be deleted"))
        for path, holder, in_list in _directives(raw.value, (), in_list=False):
            keys = [key for key in holder if key != _PATCH]
            if holder[_PATCH] != "delete":
                faults.append(locate(raw, source, (*path, _PATCH), "must be delete"))
            elif in_list and (len(keys) != 1 or isinstance(holder[keys[0]], (Mapping, list))):
                message = "a list element is deleted by one key with a plain value"
                faults.append(locate(raw, source, path, message))
    return faults


def _directives(
    value: Any, path: ValuePath, *, in_list: bool
) -> list[tuple[ValuePath, Mapping[str, Any], bool]]:
    found: list[tuple[ValuePath, Mapping[str, Any], bool]] = []
    if isinstance(value, Mapping):
        if _PATCH in value:
            found.append((path, value, in_list))
        for key, inner in value.items():
            found += _directives(inner, (*path, key), in_list=False)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            found += _directives(inner, (*path, at), in_list=True)
    return found


def _is_delete(value: Any) -> bool:
    return isinstance(value, Mapping) and _PATCH in value


def _strip(value: Any) -> Any:
    """Return `value` without what it asks to delete."""
    if isinstance(value, Mapping):
        return {key: _strip(inner) for key, inner in value.items() if not _is_delete(inner)}
    if isinstance(value, list):
        return [_strip(inner) for inner in value if not _is_delete(inner)]
    return value


def _is_identity(document: Mapping[str, Any]) -> bool:
    return document.keys() <= {"apiVersion", "kind", "name", "version"}
