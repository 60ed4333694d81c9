# SPDX-License-Identifier: Apache-2.0
"""What a station has to make: the cards of a list, a number of like cards, or cards for ever."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from flasher.card.spec import CardSpec
from flasher.source import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One card to be made; it is made once."""

    number: int
    """From 1, in the order of the list."""
    spec: CardSpec

    @property
    def name(self) -> str:
        """Return what people call it."""
        return self.spec.name or f"card {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All that a station has to make, and a digest that tells it from other orders."""

    digest: str
    specs: tuple[CardSpec, ...]
    """The list; or the one card that all are like."""
    count: int | None
    """How many; None for as many as are put in."""

    def item(self, number: int) -> Item | None:
        """Return the item of that number, or None behind the last."""
        if self.count is not None and number > self.count:
            return None
        spec = self.specs[number - 1] if len(self.specs) == self.count else self.specs[0]
        return Item(number=number, spec=spec)

    @property
    def is_list(self) -> bool:
        """Return whether every card has a name of its own."""
        return bool(self.specs[0].name)


def order_list(image: Image, specs: Sequence[CardSpec]) -> Order:
    """Return the order to make one card for each of `specs`, in their order."""
    return Order(digest=_digest(image, *specs), specs=tuple(specs), count=len(specs))


def order_alike(image: Image, count: int | None, spec: CardSpec | None = None) -> Order:
    """Return the order to make `count` cards that are alike, or as many as come."""
    alike = spec or CardSpec()
    return Order(digest=_digest(image, alike, count), specs=(alike,), count=count)


def _digest(image: Image, *parts: object) -> str:
    """Return what stays the same while image, list and count do."""
    made = hashlib.sha256((image.sha256 or _unread(image)).encode())
    for part in parts:
        made.update(_words(part).encode())
    return made.hexdigest()[:16]


def _unread(image: Image) -> str:
    """Return what tells an image from others that was never read through."""
    name = image.origin or f"{image.path} {image.stamp.changed_ns}"
    return f"{name} {image.size_bytes} {_hash(image.head)}"


def _words(part: object) -> str:
    if not isinstance(part, CardSpec):
        return f"\n{part!r}"
    given = part.enrolment.id if part.enrolment else ""
    plain = (part.name, part.hostname, part.network, part.enrol, given, part.asset_tag)
    files = sorted((name, _hash(data)) for name, data in part.files.items())
    meta = sorted((key, _hash(value)) for key, value in part.meta.items())
    return f"\n{plain!r} {_hash(part.configuration)} {files} {meta}"


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
