# SPDX-License-Identifier: Apache-2.0
"""The image's startup file: what Python would else find and compile, module by module, at boot.

`flasher.image.rehearsal` writes it for the image's own Python: the bytecode of every module that
is loaded before maintenance, and of the methods that dataclasses generate. Whatever is not in it
is loaded the ordinary way, so that a file that is missing or lacks something costs time alone.

Layout: 4 bytes, little-endian, length of the index; the index in `marshal`'s form; bytecode. The
index is `(modules, methods)`: name to (file, whether a package, offset, length), and source text
to code.
"""

import marshal
import sys
from mmap import ACCESS_READ, mmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any

STARTUP_FILE = "/usr/lib/edge/startup"
_LENGTH_BYTES = 4
# Its class is importlib's for specifications, and is there without importing anything.
_SPEC: "Any" = sys.__spec__


class Startup:
    """Finds modules in a startup file, as one of `sys.meta_path`."""

    def __init__(self, content: "bytes | mmap") -> None:
        start = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
        # Of this very image, which is read-only, as what Python would load instead is.
        self._modules, self.methods = marshal.loads(content[_LENGTH_BYTES:start])  # noqa: S302
        self._code = memoryview(content)[start:]

    def find_spec(
        self,
        name: str,
        path: "Sequence[str] | None" = None,  # noqa: ARG002 - part of the protocol
        target: "ModuleType | None" = None,  # noqa: ARG002
    ) -> "ModuleSpec | None":
        """Return how to load a module, or nothing when it is not in the file."""
        found = self._modules.get(name)
        if found is None:
            return None
        file, is_package, *place = found
        loader: Any = self
        spec: ModuleSpec = type(_SPEC)(name, loader, origin=file, is_package=is_package)
        spec.has_location = True
        spec.loader_state = place
        if is_package:
            spec.submodule_search_locations = [file.rpartition("/")[0]]
        return spec

    def create_module(self, spec: "ModuleSpec") -> None:
        """Leave making the module to importlib."""

    def exec_module(self, module: "ModuleType") -> None:
        """Run a module's code in it."""
        assert module.__spec__, "importlib sets it"
        offset, length = module.__spec__.loader_state
        code = marshal.loads(self._code[offset : offset + length])  # noqa: S302 - see above
        exec(code, module.__dict__)  # noqa: S102 - what importlib does


def use_startup(path: str = STARTUP_FILE) -> None:
    """Have modules loaded from the startup file from here on, if there is one."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib is one of the things in the file
            startup = Startup(mmap(file.fileno(), 0, access=ACCESS_READ))
    except (OSError, ValueError, EOFError, TypeError) as error:
        print(f"edge: no startup file: {error}", file=sys.stderr)
        return
    sys.meta_path.insert(0, startup)


def use_methods() -> None:
    """Have dataclasses take the methods that they generate from the startup file, too.

    It hands the source of a class's methods to `exec`; a name of its own hides the built-in one.
    """
    known: Mapping[str, CodeType] = {}
    for finder in sys.meta_path:
        if isinstance(finder, Startup):
            known = finder.methods
    if not known:
        return
    import dataclasses

    def run(source: str, space: "dict[str, Any]", own: "dict[str, Any]") -> None:
        exec(known.get(source, source), space, own)  # noqa: S102 - what dataclasses do

    vars(dataclasses)["exec"] = run
