# SPDX-License-Identifier: Apache-2.0
"""Texts that somebody else wrote: boards, extensions, schematics, what overlays say of themselves.

Whoever wrote them may mean harm, and libyaml ends the process when brackets are nested too deeply.
So they are small, have no aliases and say no key twice, and what they hold is plain data.
"""

import json
from typing import Any

import yaml

from edge.errors import ConfigError
from edge.units import MIB

LARGEST_BYTES = MIB

IMPOSSIBLE = (ValueError, LookupError, AttributeError, RecursionError)
"""What the loader raises for values that cannot be, such as the 31st of February or `!!int x`, and
for brackets without end."""


class UserLoader(yaml.SafeLoader):
    """Reads YAML of strangers: without aliases, which can stand for more than any memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return the next node.

        Raises:
            yaml.composer.ComposerError: when it is an alias.
        """
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            problem = "write it out; *names are not read"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


class StrictLoader(UserLoader):
    """Says no key twice, and every key is text."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping.

        Raises:
            yaml.constructor.ConstructorError: when a key is there twice or no text.
        """
        seen: set[Any] = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _refused(f"key {key!r} is no text: put it into quotes", key_node)
            if key in seen:
                raise _refused(f"{key!r} is there twice", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_yaml(text: str, *, source: str) -> Any:
    """Return the plain data in YAML `text`; `source` names it in faults.

    Raises:
        ConfigError: when it is not YAML, has an alias or a key twice, or a value that JSON lacks.
    """
    try:
        data = yaml.load(text, Loader=StrictLoader)  # noqa: S506 -- derived from the safe one
        json.dumps(data)
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is not YAML", faults=(f"{source}: {tell(error)}",)) from error
    except (TypeError, *IMPOSSIBLE) as error:
        raise ConfigError(f"{source} holds a value that is not plain data: {error}") from error
    return data


def tell(error: yaml.YAMLError) -> str:
    """Return a fault of YAML in one line, with the place of it."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).replace('in "<unicode string>", ', "").split())


def _refused(text: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, text, node.start_mark)
