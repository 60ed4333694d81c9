# SPDX-License-Identifier: Apache-2.0
"""A compiled overlay: its fragments, what they are for, and what they refer to."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from edge.errors import ImageError
from flasher.devicetree.tree import Node, Tree, strings

_WORD = struct.Struct(">I")
_CONTENT = "__overlay__"

Place = tuple[str, str, int]
"""A number in the overlay: path of the node, name of the property, offset in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A piece of an overlay: the node that it changes, by label or by path, and the change."""

    name: str
    label: str
    path: str
    content: Node

    def target(self, tree: Tree) -> str | None:
        """Return the path of the node in a tree that this changes; None when it has none."""
        path = tree.labels.get(self.label) if self.label else self.path
        return path if path and tree.node(path) else None


@dataclass(frozen=True)
class CompiledOverlay:
    """An overlay and everything in it that refers to something."""

    tree: Tree

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.tree.name

    @cached_property
    def fragments(self) -> tuple[Fragment, ...]:
        """The pieces, in order."""
        labels = {place[0]: label for place, label in self.references.items()}
        return tuple(
            Fragment(
                name=name,
                label=labels.get(f"/{name}", ""),
                path="".join(strings(node.properties.get("target-path", b""))),
                content=node.children[_CONTENT],
            )
            for name, node in self.tree.root.children.items()
            if _CONTENT in node.children
        )

    @cached_property
    def references(self) -> Mapping[Place, str]:
        """Where the overlay refers to a label of the tree that it is for."""
        return {
            place: label for label, value in self._fixups() for place in _places(self.name, value)
        }

    @cached_property
    def own_references(self) -> Mapping[Place, str]:
        """Where the overlay refers to a node of its own, and that node's path in it."""
        paths = {handle: path for path, handle in self.tree.handles.items()}
        found: dict[Place, str] = {}
        for path, name, offset in self._local_fixups():
            node = self.tree.node(path)
            value = node.properties.get(name, b"") if node else b""
            if offset + _WORD.size > len(value):
                raise _damaged(self.name)
            found[path, name, offset] = paths.get(_WORD.unpack_from(value, offset)[0], "")
        return found

    def content_path(self, path: str, tree: Tree) -> str | None:
        """Return where a node of the overlay lies in a tree that it was merged into."""
        parts = path.split("/", 3)
        names = {fragment.name: fragment for fragment in self.fragments}
        if len(parts) < 3 or parts[1] not in names or parts[2] != _CONTENT:
            return None
        target = names[parts[1]].target(tree)
        return None if target is None else "/".join((target.rstrip("/"), *parts[3:])) or "/"

    def _fixups(self) -> Iterator[tuple[str, bytes]]:
        yield from self.tree.root.children.get("__fixups__", Node()).properties.items()

    def _local_fixups(self) -> Iterator[Place]:
        top = self.tree.root.children.get("__local_fixups__", Node())
        for path, node in top.walk():
            for name, value in node.properties.items():
                if len(value) % _WORD.size:
                    raise _damaged(self.name)
                for (offset,) in _WORD.iter_unpack(value):
                    yield path, name, offset


def _places(overlay: str, value: bytes) -> Iterator[Place]:
    for text in strings(value):
        path, _, rest = text.partition(":")
        name, _, offset = rest.rpartition(":")
        if not path.startswith("/") or not name or not offset.isdigit():
            raise _damaged(overlay)
        yield path, name, int(offset)


def _damaged(overlay: str) -> ImageError:
    return ImageError(f"overlay {overlay} is damaged: its references lead nowhere")
