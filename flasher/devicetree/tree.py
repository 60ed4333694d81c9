# SPDX-License-Identifier: Apache-2.0
"""A compiled device tree in memory: nodes, properties as bytes, labels and handles.

Read only: libfdt writes trees. Values stay bytes because a tree does not say which of them are
text and which are numbers.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from edge.errors import ImageError, InputError

_MAGIC = 0xD00DFEED
_HEADER = struct.Struct(">7I")  # magic, size, structure, strings, reserved memory, versions
_WORD = struct.Struct(">I")
_BEGIN_NODE, _END_NODE, _PROPERTY, _NOTHING, _END = 1, 2, 3, 4, 9
_LARGEST_BYTES = 16 << 20
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Node:
    """A node: its properties and its children, in the order of the tree."""

    properties: dict[str, bytes] = field(default_factory=dict)
    children: dict[str, "Node"] = field(default_factory=dict)

    def walk(self, path: str = "") -> Iterator[tuple[str, "Node"]]:
        """Yield this node and all below with their paths, the first being `path`."""
        yield path or "/", self
        for name, child in self.children.items():
            yield from child.walk(f"{path}/{name}")


@dataclass(frozen=True)
class Tree:
    """A device tree or an overlay; `name` is what messages call it."""

    name: str
    root: Node

    def node(self, path: str) -> Node | None:
        """Return the node at a path; None when there is none.

        As the kernel and libfdt do it, the address may be left out of a name.
        """
        node: Node | None = self.root
        for part in path.strip("/").split("/") if path.strip("/") else ():
            node = _child(node, part) if node else None
        return node

    @cached_property
    def compatible(self) -> tuple[str, ...]:
        """What the tree, or the one that an overlay is for, is compatible with."""
        return strings(self.root.properties.get("compatible", b""))

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """The paths of labelled nodes; empty when the tree was compiled without labels."""
        node = self.root.children.get("__symbols__", Node())
        return {label: "".join(strings(path)) for label, path in node.properties.items()}

    @cached_property
    def handles(self) -> Mapping[str, int]:
        """The handles by which other nodes refer to those at these paths."""
        return {
            path: _WORD.unpack(node.properties["phandle"])[0]
            for path, node in self.root.walk()
            if len(node.properties.get("phandle", b"")) == _WORD.size
        }


def load_tree(path: Path) -> Tree:
    """Return the compiled device tree or overlay in a file.

    Raises:
        ImageError: when it cannot be read or is none.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ImageError(f"{path} is too large for a device tree")
        return parse_tree(path.read_bytes(), name=path.name)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def parse_tree(blob: bytes, *, name: str) -> Tree:
    """Return the tree in a blob.

    Raises:
        ImageError: when it is not a whole device tree.
    """
    if len(blob) < _HEADER.size or _WORD.unpack_from(blob)[0] != _MAGIC:
        raise ImageError(f"{name} is not a compiled device tree")
    _, size, structure, names, *_ = _HEADER.unpack_from(blob)
    try:
        if size > len(blob):
            raise ValueError("it is cut short")
        return Tree(name, _parse(blob[:size], structure, names))
    except (ValueError, IndexError, struct.error) as error:
        raise ImageError(f"{name} is a damaged device tree: {error}") from error


def strings(value: bytes) -> tuple[str, ...]:
    """Return the texts of a property that holds a list of them."""
    return tuple(part.decode("ascii", "replace") for part in value.split(b"\0")[:-1])


def is_text(value: bytes) -> bool:
    """Tell whether a value can only be meant as text: printable, ended, no empty part."""
    parts = value.split(b"\0")
    printable = all(part and all(0x20 <= byte < 0x7F for byte in part) for part in parts[:-1])
    return len(parts) > 1 and not parts[-1] and printable


def _child(node: Node, name: str) -> Node | None:
    if name in node.children or "@" in name:
        return node.children.get(name)
    return next((each for key, each in node.children.items() if key.startswith(f"{name}@")), None)


def _parse(blob: bytes, place: int, names: int) -> Node:
    above: list[Node] = []
    root: Node | None = None
    while True:
        token = _WORD.unpack_from(blob, place)[0]
        place += _WORD.size
        if token == _BEGIN_NODE:
            name, place = _name(blob, place)
            node = Node()
            if above:
                above[-1].children[name] = node
            root = root or node
            above.append(node)
            if len(above) > _DEEPEST:
                raise ValueError("its nodes are nested too deeply")
        elif token == _PROPERTY:
            length, offset = struct.unpack_from(">2I", blob, place)
            start = place + 8
            place = _aligned(start + length)
            if place > len(blob):
                raise ValueError("a value ends beyond it")
            above[-1].properties[_name(blob, names + offset)[0]] = blob[start : start + length]
        elif token == _END_NODE:
            above.pop()
        elif token == _END and root is not None and not above:
            return root
        elif token != _NOTHING:
            raise ValueError(f"word {token:#x} makes no sense at {place - _WORD.size:#x}")


def _name(blob: bytes, place: int) -> tuple[str, int]:
    end = blob.index(b"\0", place)
    return blob[place:end].decode("ascii", "replace"), _aligned(end + 1)


def _aligned(place: int) -> int:
    return place + -place % _WORD.size
