# SPDX-License-Identifier: Apache-2.0
"""Whether a merged device tree holds what the overlay promised, and still what it held before."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from edge.errors import ImageError
from flasher.devicetree.overlay import CompiledOverlay
from flasher.devicetree.tree import Node, Tree

_WORD = struct.Struct(">I")
_HANDLES = ("phandle", "linux,phandle")


def require_outcome(overlay: CompiledOverlay, before: Tree, merged: Tree) -> None:
    """Check that merging did all of the overlay and left handles of the tree as they were.

    Raises:
        ImageError: naming what is not there.
    """
    merging = _Merging(overlay, before, merged)
    faults = [*merging.unkept(), *merging.changed_handles()]
    if faults:
        more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise ImageError(
            f"merging {overlay.name} into {before.name} went wrong: {faults[0]}{more}",
            hint="a newer device-tree-compiler may do better; do not use the result",
        )


@dataclass(frozen=True, slots=True)
class _Merging:
    """An overlay, the tree it was merged into, and what came out."""

    overlay: CompiledOverlay
    before: Tree
    merged: Tree

    def unkept(self) -> Iterator[str]:
        """Yield what the overlay says and the result does not."""
        for fragment in self.overlay.fragments:
            target = fragment.target(self.before) or ""
            start = f"/{fragment.name}/__overlay__"
            for inside, node in fragment.content.walk(start):
                path = target.rstrip("/") + inside.removeprefix(start) or "/"
                there = self.merged.node(path)
                if there is None:
                    yield f"there is no {path}"
                else:
                    yield from self._unlike(inside, node, path, there)

    def changed_handles(self) -> Iterator[str]:
        """Yield nodes that what refers to them no longer finds."""
        for path, handle in self.before.handles.items():
            if self.merged.handles.get(path) != handle:
                yield f"the handle of {path} changed, so what refers to it is lost"

    def _unlike(self, inside: str, node: Node, path: str, there: Node) -> Iterator[str]:
        for name, value in node.properties.items():
            if name in _HANDLES:
                if "phandle" not in there.properties:
                    yield f"{path} has no handle"
            elif there.properties.get(name) != self._wanted(inside, name, value):
                yield f"{name} of {path} is not what the overlay says"

    def _wanted(self, inside: str, name: str, value: bytes) -> bytes:
        """Return a value of the overlay, its references led to the handles of the result."""
        wanted = bytearray(value)
        for (path, key, offset), label in self.overlay.references.items():
            if (path, key) == (inside, name):
                self._refer(wanted, offset, self.before.labels[label])
        for (path, key, offset), own in self.overlay.own_references.items():
            if (path, key) == (inside, name):
                self._refer(wanted, offset, self.overlay.content_path(own, self.before))
        return bytes(wanted)

    def _refer(self, value: bytearray, offset: int, path: str | None) -> None:
        _WORD.pack_into(value, offset, self.merged.handles.get(path or "", 0))
