# SPDX-License-Identifier: Apache-2.0
"""Which pins of the chip the devices of a tree take, and whether two take the same one.

Linux gives a pin to the first that asks; the other device fails without anybody noticing.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from edge.errors import ImageError
from flasher.devicetree.tree import Node, Tree, strings

_WORD = struct.Struct(">I")
_ROCKCHIP_WORDS = 4  # bank, pin, function, reference to its electrical setting

Pin = tuple[str, str]
"""Path of the controller and name of the pin."""


def require_free_pins(before: Tree, after: Tree) -> None:
    """Check that overlays have not given one pin to two devices.

    Raises:
        ImageError: naming the pin and the devices.
    """
    known = shared_pins(before)
    for (controller, pin), users in shared_pins(after).items():
        if users != known.get((controller, pin)):
            raise ImageError(
                f"{' and '.join(sorted(users))} of {after.name} both take pin {pin}",
                hint="give one of the overlays another pin, port or bus, or leave it out",
            )


def shared_pins(tree: Tree) -> Mapping[Pin, frozenset[str]]:
    """Return the pins that more than one enabled device takes, and these devices."""
    users: dict[Pin, set[str]] = {}
    lines: dict[Pin, set[str]] = {}
    wiring = _Wiring(tree)
    for pin, user in wiring.functions():
        users.setdefault(pin, set()).add(user)
    for pin, user in wiring.lines():
        lines.setdefault(pin, set()).add(user)
    for pin, found in lines.items():
        # What a controller sets up for itself is free to be used as a line.
        others = users.get(pin, set()) - {pin[0]}
        users[pin] = others | found
    return {pin: frozenset(found) for pin, found in users.items() if _apart(found)}


def _apart(users: set[str]) -> bool:
    """Tell whether two of the devices are not part of each other."""
    first = min(users, key=len)
    return any(not f"{user}/".startswith(f"{first}/") for user in users)


@dataclass(frozen=True)
class _Wiring:
    """The references of a tree followed to pins."""

    tree: Tree

    def functions(self) -> Iterator[tuple[Pin, str]]:
        """Yield every pin that an enabled device has given a function, with the device."""
        for path, node in _enabled(self.tree.root):
            for handle in _words(node.properties.get("pinctrl-0", b"")):
                for pin in self._group(handle):
                    yield pin, path

    def lines(self) -> Iterator[tuple[Pin, str]]:
        """Yield every pin that an enabled device reads or switches itself, with the device."""
        for path, node in _enabled(self.tree.root):
            for name, value in node.properties.items():
                if name == "gpios" or name.endswith("-gpios"):
                    yield from ((pin, path) for pin in self._gpios(value))

    @cached_property
    def _paths(self) -> Mapping[int, str]:
        return {handle: path for path, handle in self.tree.handles.items()}

    def _group(self, handle: int) -> Iterator[Pin]:
        path = self._paths.get(handle, "")
        group = self.tree.node(path) if path else None
        if group is None:
            return
        controller = self._controller(path)
        for _, node in group.walk():
            for pin in _named(node):
                yield (controller, pin)

    def _gpios(self, value: bytes) -> Iterator[Pin]:
        words = _words(value)
        while words:
            path = self._paths.get(words[0], "")
            node = self.tree.node(path) if path else None
            cells = _words(node.properties.get("#gpio-cells", b"")) if node else []
            if len(cells) != 1 or len(words) <= cells[0]:
                return
            yield self._line(path, words[1])
            words = words[1 + cells[0] :]

    def _line(self, path: str, number: int) -> Pin:
        """Return a line of a GPIO controller by the name that its pin has in groups."""
        parent = path.rpartition("/")[0]
        controller = self.tree.node(parent)
        bank = self._bank(path)
        if bank and controller and "compatible" in controller.properties:
            return parent, _rockchip(int(bank), number)
        return path, f"gpio{number}"

    def _bank(self, path: str) -> str:
        """Return the number of a bank of pins below one controller, as Rockchip has them."""
        aliases = self.tree.root.children.get("aliases", Node()).properties
        names = (name for name, value in aliases.items() if strings(value) == (path,))
        return next((name[4:] for name in names if name[:4] == "gpio" and name[4:].isdigit()), "")

    def _controller(self, path: str) -> str:
        """Return the path of the nearest node above that is a device."""
        while path and "compatible" not in (self.tree.node(path) or Node()).properties:
            path = path.rpartition("/")[0]
        return path


def _enabled(root: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    status = strings(root.properties.get("status", b"okay\0"))
    if status and status[0] not in ("okay", "ok"):
        return
    yield path or "/", root
    for name, child in root.children.items():
        yield from _enabled(child, f"{path}/{name}")


def _named(node: Node) -> Iterator[str]:
    """Yield the pins that a pin group names, in the ways of the families."""
    yield from (f"gpio{number}" for number in _words(node.properties.get("brcm,pins", b"")))
    yield from strings(node.properties.get("pins", b""))
    yield from strings(node.properties.get("groups", b""))
    yield from strings(node.properties.get("nvidia,pins", b""))
    quads = _words(node.properties.get("rockchip,pins", b""))
    for at in range(0, len(quads) - _ROCKCHIP_WORDS + 1, _ROCKCHIP_WORDS):
        yield _rockchip(quads[at], quads[at + 1])


def _rockchip(bank: int, number: int) -> str:
    """Return a pin's name as schematics print it, such as GPIO1_B3."""
    return f"GPIO{bank}_{chr(ord('A') + number // 8)}{number % 8}"


def _words(value: bytes) -> list[int]:
    return [] if len(value) % _WORD.size else [word for (word,) in _WORD.iter_unpack(value)]
