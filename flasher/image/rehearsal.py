# SPDX-License-Identifier: Apache-2.0
"""Writes the startup file of a root file system: loads what a board loads, and keeps the code.

A program for the board's Python in its build for this host, which starts it with nothing but the
standard library. What is compiled for the board's processor cannot be loaded here: other objects
play its part, just well enough for the modules that import it. What fails is left out.

    python rehearsal.py TREE STDLIB SITE OUTPUT MODULE...

`edge.node.boot.startup` says what the file looks like, and reads it.
"""

import importlib
import importlib.util
import marshal
import os
import sys
import types
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

_HEADER_BYTES = 16


class _Role(type):
    """A class that has every attribute, makes others of its kind, and is a number if need be."""

    def __getattr__(cls, name: str) -> Any:
        return _play(cls, name)

    def __call__(cls, *_given: object, **_named: object) -> Any:
        return _Role(cls.__name__, (), {})

    def __index__(cls) -> int:
        # No two are the same, or enumerations of them would find doubles.
        return id(cls)


class _Player(types.ModuleType):
    """A module that has every attribute."""

    def __getattr__(self, name: str) -> Any:
        return _play(self, name)


def _play(owner: object, name: str) -> _Role:
    if name.startswith("__"):
        raise AttributeError(name)
    role = _Role(name, (), {})
    setattr(owner, name, role)
    return role


class _Cast:
    """Finds the native modules of packages, which are the board's, and has them played."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG004
        """Return how to play a module that is a shared object, or a part of one."""
        package, _, own = name.rpartition(".")
        is_part = isinstance(sys.modules.get(package), _Player)
        is_native = any(list(Path(folder).glob(f"{own}.*.so")) for folder in path or ())
        return ModuleSpec(name, _LOADER, is_package=True) if is_part or is_native else None

    @staticmethod
    def create_module(spec: ModuleSpec) -> types.ModuleType:
        """Return the player."""
        return _Player(spec.name)

    @staticmethod
    def exec_module(module: types.ModuleType) -> None:
        """Do nothing: a player needs no text."""


_LOADER: Any = _Cast


def main() -> None:
    """Write the file that the arguments ask for."""
    tree, stdlib, site, output, *names = sys.argv[1:]
    # The native one would be played, and messages are more than that plays.
    os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"
    folders = (Path(tree, stdlib), Path(tree, site))
    native = [each for each in sys.path if each.endswith("lib-dynload")]
    sys.path[:] = [str(folders[0]), *native, str(folders[1])]
    sys.meta_path.insert(0, _Cast)
    methods = _keep_methods()
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
    _write(Path(output), _bytecode(Path(tree), folders), methods)


def _keep_methods() -> dict[str, types.CodeType]:
    """Return what dataclasses are about to generate: the code by its source."""
    import dataclasses

    methods: dict[str, types.CodeType] = {}

    def keep(source: str, space: dict[str, Any], own: dict[str, Any]) -> None:
        methods[source] = compile(source, "<string>", "exec", dont_inherit=True)
        exec(methods[source], space, own)  # noqa: S102 - what dataclasses do

    vars(dataclasses)["exec"] = keep
    return methods


def _bytecode(tree: Path, folders: Iterable[Path]) -> dict[str, tuple[str, bool, bytes]]:
    """Return place on the board, kind and code of every module that is loaded now."""
    found = {}
    for name in sorted(sys.modules):
        for source in _sources(name, folders):
            cached = Path(importlib.util.cache_from_source(str(source)))
            if cached.is_file():
                where = f"/{source.relative_to(tree).as_posix()}"
                is_package = source.name == "__init__.py"
                found[name] = (where, is_package, cached.read_bytes()[_HEADER_BYTES:])
                break
    return found


def _sources(name: str, folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        place = folder.joinpath(*name.split("."))
        yield place / "__init__.py"
        yield place.with_name(f"{place.name}.py")


def _write(
    output: Path, modules: dict[str, tuple[str, bool, bytes]], methods: dict[str, types.CodeType]
) -> None:
    index, offset = {}, 0
    for name, (where, is_package, code) in modules.items():
        index[name] = (where, is_package, offset, len(code))
        offset += len(code)
    head = marshal.dumps((index, dict(sorted(methods.items()))))
    with output.open("wb") as file:
        file.write(len(head).to_bytes(4, "little") + head)
        for _, _, code in modules.values():
            file.write(code)


if __name__ == "__main__":
    main()
