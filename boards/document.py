# SPDX-License-Identifier: Apache-2.0
"""From the YAML of a board to its profile: inheritance, module sets, faults by their field."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from boards.fault import Place, find_faults, name_place
from boards.profile import Profile
from boards.text import IMPOSSIBLE, UserLoader, tell
from edge.errors import ConfigError

# libyaml reads ten times as fast; wheels have it, a system's own package may not. It ends the
# process when brackets are nested too deeply, so it reads nothing but our own.
_FAST_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MODULE_SETS = Path(__file__).with_name("modules.yaml")

_OWN = ("name", "title", "models", "works", "match", "replaces")
"""What is said of one board alone and never inherited: its names, its promises, how it is known."""

Document = dict[str, Any]


def read_document(text: str, *, source: str, ours: bool = False) -> Document:
    """Return the mapping that YAML `text` holds; `source` names it in faults.

    What is `ours` is read faster, as if it held nothing that could stop that.

    Raises:
        ConfigError: when it is not YAML, or not a mapping.
    """
    try:
        loader = _FAST_LOADER if ours else UserLoader
        document = yaml.load(text, Loader=loader)  # noqa: S506 -- a safe loader, either of the two
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is not YAML", faults=(f"{source}: {tell(error)}",)) from error
    except IMPOSSIBLE as error:
        raise ConfigError(f"{source} holds a value that cannot be: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{source} is not a valid board profile: it is not a mapping")
    return document


def inherit(document: Document, base: Callable[[str], Document]) -> Document:
    """Return the document with what it `extends` filled in from `base`, which gives whole ones.

    Mappings are merged; lists and values replace those of the base. What is said of
    one board alone, such as its promises, is its own.

    Raises:
        ConfigError: when `extends` is no name.
    """
    own = {key: value for key, value in document.items() if key != "replaces"}
    parent = own.pop("extends", None)
    if parent is None:
        return own
    if not isinstance(parent, str):
        raise ConfigError("extends must be the name of one board", hint="such as extends: rpi4")
    return _merge({key: value for key, value in base(parent).items() if key not in _OWN}, own)


def to_profile(document: Document, *, source: str) -> Profile:
    """Return the profile that a whole document describes, its module sets spelt out.

    Raises:
        ConfigError: with every fault found, each with its field.
    """
    try:
        return Profile.model_validate_json(json.dumps(with_module_sets(document)))
    except KeyError as error:
        text = f"no set of modules {error}; there are {', '.join(module_sets())}"
        fault = f"{source}: kernel.sets: {text}"
        raise ConfigError(f"{source} is not a valid board profile", faults=(fault,)) from error
    except ValidationError as error:
        found = find_faults(error, Profile)
        faults = tuple(_fault(source, place, text) for place, text in found)
        raise ConfigError(f"{source} is not a valid board profile", faults=faults) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{source} holds a value that is not plain data: {error}") from error


@cache
def module_sets() -> Mapping[str, tuple[str, ...]]:
    """Return the sets of kernel modules that profiles name, by their names."""
    document = read_document(_MODULE_SETS.read_text(), source=_MODULE_SETS.name, ours=True)
    return {name: tuple(modules) for name, modules in document.items()}


def with_module_sets(document: Document, *, known_only: bool = False) -> Document:
    """Return the document with its sets of modules spelt out in `kernel.modules`.

    Raises:
        KeyError: when there is no such set, unless `known_only` leaves it out.
    """
    kernel = document.get("kernel")
    if not isinstance(kernel, dict):
        return document
    sets, own = kernel.get("sets"), kernel.get("modules") or []
    if not (isinstance(sets, list) and isinstance(own, list)):
        return document
    known = module_sets()
    texts = [name for name in sets if isinstance(name, str)]  # the model tells of others
    named = [name for name in texts if not known_only or name in known]
    modules = [module for name in named for module in known[name]]
    rest = [module for module in own if module not in modules]
    return {**document, "kernel": {**kernel, "modules": [*modules, *rest]}}


def _merge(base: Document, own: Mapping[str, Any]) -> Document:
    merged = dict(base)
    for key, value in own.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _merge(below, value)
        else:
            merged[key] = value
    return merged


def _fault(source: str, place: Place, text: str) -> str:
    where = name_place(place)
    return f"{source}: {where}: {text}" if where else f"{source}: {text}"
