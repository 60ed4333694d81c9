# SPDX-License-Identifier: Apache-2.0
"""A document for every key that upstream knows."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from edge.config.shape import Shape, document_shape

GOLDEN = Path(__file__).parents[1] / "golden/config"

# Leaves of upstream's documents, `*` standing for the keys of a free mapping; the root has no kind.
KEYS = [("", path) for path in (GOLDEN / "root-keys.txt").read_text().split()] + [
    (kind, path)
    for kind, path in map(str.split, (GOLDEN / "document-keys.txt").read_text().splitlines())
]

_CANDIDATES = (
    7,
    "https://10.2.2.2",
    "10.9.8.1",
    "10.7.0.0/16",
    "3m",
    "1GB",
    "eA==",
    "02:00:00:00:00:01",
    "main",
    "/run/main",
)

# What has an effect where another value, or the lack of one, has none.
_PARTICULAR: dict[tuple[str, str], Any] = {
    ("", "machine.type"): "worker",
    ("", "machine.network.interfaces.dhcpOptions.ipv4"): False,
    ("LinkConfig", "up"): False,
    ("TimeSyncConfig", "enabled"): False,
}


def value_at(kind: str, path: str) -> dict[str, Any]:
    """Return a document that says something at `path` and nothing else of its own."""
    value: dict[str, Any] = {"version": "v1alpha1"}
    if kind:
        value = {"apiVersion": "v1alpha1", "kind": kind}
        if "name" in document_shape(value).keys:
            value["name"] = "10.1.1.1" if kind == "StaticHostConfig" else "eth0"
    holder, shape, keys = value, document_shape(value), path.split(".")
    for at, key in enumerate(keys[:-1]):
        shape, inner = shape.child(key), dict[str, Any]()
        holder[key] = [inner] if shape.item != Shape() else inner
        shape = shape.item if shape.item != Shape() else shape
        _complete(keys[: at + 1], inner)
        holder = inner
    if (kind, path) == ("WatchdogTimerConfig", "timeout"):
        holder["device"] = "/dev/watchdog0"
    last = shape.child(keys[-1])
    holder[keys[-1]] = [_sample(last.item)] if last.item != Shape() else _sample(last)
    if (kind, path) in _PARTICULAR:
        holder[keys[-1]] = _PARTICULAR[kind, path]
    return value


def _complete(keys: list[str], holder: dict[str, Any]) -> None:
    """Add what a value needs beside it to have a meaning."""
    beside: dict[str, dict[str, Any]] = {
        "interfaces": {"interface": "eth0", "dhcp": True},
        "routes": {"gateway": "10.9.8.1"},
        "extraHostEntries": {"ip": "10.1.1.1", "aliases": ["x"]},
    }
    holder.update(beside.get(keys[-1], {}))


def _sample(shape: Shape) -> Any:
    if get_origin(shape.annotation) is Literal:
        return get_args(shape.annotation)[-1]
    if shape.is_struct:
        return {}
    if get_origin(shape.annotation) is dict:
        return {"x": _sample(shape.child("x"))}
    if shape.annotation in (bool, Any):
        return True
    return next(each for each in _CANDIDATES if _is_valid(each, shape))


def _is_valid(value: Any, shape: Shape) -> bool:
    # Texts take numbers, too; those that want a form shall get it.
    if shape.annotation is str and not isinstance(value, str):
        return False
    try:
        annotated: Any = Annotated[shape.annotation, *shape.markers]
        TypeAdapter(annotated).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True
