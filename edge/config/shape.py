# SPDX-License-Identifier: Apache-2.0
"""Walk the types of a model alongside plain values: what is at a key, and how it is marked."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin

from edge.config.document import kind_model
from edge.config.model import Model
from edge.config.root import Root

_Marker = TypeVar("_Marker")


@dataclass(frozen=True, slots=True)
class Shape:
    """The type of a value and the markers beside it."""

    annotation: Any = Any
    markers: tuple[Any, ...] = ()

    @property
    def is_struct(self) -> bool:
        """Say whether the value is a mapping with known keys."""
        return isinstance(self.annotation, type) and issubclass(self.annotation, Model)

    def child(self, key: str) -> "Shape":
        """Return the shape of what `key` of this mapping holds."""
        if self.is_struct:
            return _fields(self.annotation).get(key, Shape())
        if get_origin(self.annotation) is dict:
            return shape_of(get_args(self.annotation)[1])
        return Shape()

    @property
    def item(self) -> "Shape":
        """Return the shape of the elements of this list."""
        return (
            shape_of(get_args(self.annotation)[0])
            if get_origin(self.annotation) is list
            else Shape()
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys of this mapping in the order in which they are written."""
        return tuple(_fields(self.annotation)) if self.is_struct else ()

    def marker(self, kind: type[_Marker]) -> _Marker | None:
        """Return the marker of `kind`, or nothing when the value does not carry it."""
        return next((marker for marker in self.markers if isinstance(marker, kind)), None)


def document_shape(value: Mapping[str, Any]) -> Shape:
    """Return the shape of a document by its kind; without a kind it is the root."""
    if "kind" not in value:
        return Shape(Root)
    return Shape(kind_model(str(value["kind"])) or Any)


def shape_of(annotation: Any, markers: tuple[Any, ...] = ()) -> Shape:
    """Return the shape that a type annotation describes."""
    if get_origin(annotation) is Annotated:
        inner, *extra = get_args(annotation)
        return shape_of(inner, (*markers, *extra))
    parts = [part for part in get_args(annotation) if part is not NoneType]
    if NoneType in get_args(annotation) and len(parts) == 1:
        return shape_of(parts[0], markers)
    return Shape(annotation, markers)


@cache
def _fields(model: type[Model]) -> dict[str, Shape]:
    return {
        info.alias or name: shape_of(info.annotation, tuple(info.metadata))
        for name, info in model.model_fields.items()
    }
