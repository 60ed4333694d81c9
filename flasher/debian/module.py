# SPDX-License-Identifier: Apache-2.0
"""Kernel modules: what they need, what hardware they drive, in what order they load.

Debian's kernel packages carry no `modules.dep`, so everything is read from the `.modinfo` section
of the modules themselves.
"""

import lzma
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edge.errors import ImageError

_SECTION = struct.Struct("<IIQQQQIIQQ")  # name, type, flags, address, offset, size, ...
_SECTIONS_AT = struct.Struct("<40xQ10xHHH")  # table offset, entry size, count, name section


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module: where it lies below the modules directory, its bytes and its declarations."""

    name: str
    path: str
    content: bytes
    depends: tuple[str, ...]
    before: tuple[str, ...]
    """Modules wanted in front of it where there are such ("softdep: pre:")."""
    after: tuple[str, ...]
    aliases: tuple[str, ...]
    firmware: tuple[str, ...]


class ModuleTree:
    """The modules of one kernel, unpacked below `folder` (`.../modules/<version>`).

    `builtin` lists those that are part of the kernel itself; newer packages keep it elsewhere.
    """

    def __init__(self, folder: Path, builtin: Path | None = None) -> None:
        self.folder = folder
        self._listing = builtin or folder / "modules.builtin"
        self.version = folder.name
        self._read: dict[str, Module] = {}

    def __contains__(self, name: str) -> bool:
        """Say whether the kernel has this module, as a file or built in."""
        return name in self._builtin or name in self._files

    def built_in(self, names: Iterable[str]) -> list[str]:
        """Return which of these are part of the kernel itself, sorted."""
        return sorted(set(names) & self._builtin)

    def load_order(self, names: Iterable[str]) -> list[Module]:
        """Return these modules and all that they need, each after what it needs.

        Raises:
            ImageError: naming every module that is neither in the package nor built in.
        """
        ordered: dict[str, Module] = {}
        missing: list[str] = []
        for name in names:
            self._visit(name, ordered, missing, wanted_by="the board profile")
        if missing:
            raise ImageError(f"kernel {self.version} has no {'; no '.join(missing)}")
        return list(ordered.values())

    def _visit(
        self, name: str, ordered: dict[str, Module], missing: list[str], *, wanted_by: str
    ) -> None:
        if name in ordered or name in self._builtin:
            return
        if name not in self._files:
            missing.append(f"module {name}, wanted by {wanted_by}")
            return
        module = self._module(name)
        here = [each for each in (*module.before, *module.after) if each in self._files]
        # Marked first: soft dependencies may point in circles.
        ordered[name] = module
        for needed in (*module.depends, *here):
            self._visit(needed, ordered, missing, wanted_by=name)
        if any(needed in ordered for needed in (*module.depends, *module.before)):
            ordered[name] = ordered.pop(name)

    def _module(self, name: str) -> Module:
        if name not in self._read:
            path = self._files[name]
            self._read[name] = parse_module(name, path, _read_module(self.folder / path))
        return self._read[name]

    @cached_property
    def _files(self) -> dict[str, str]:
        found = sorted(self.folder.rglob("*.ko*"))
        return {_name_of(each.name): str(each.relative_to(self.folder)) for each in found}

    @cached_property
    def _builtin(self) -> frozenset[str]:
        lines = self._listing.read_text().splitlines() if self._listing.exists() else []
        return frozenset(_name_of(Path(line).name) for line in lines)


def parse_module(name: str, path: str, content: bytes) -> Module:
    """Return what the module with these (uncompressed) bytes declares.

    Raises:
        ImageError: when it is not an ELF file with a `.modinfo` section.
    """
    fields: dict[str, list[str]] = {}
    for entry in _modinfo(content, path).split(b"\0"):
        key, _, value = entry.decode(errors="replace").partition("=")
        fields.setdefault(key, []).append(value)
    soft = " ".join(fields.get("softdep", []))
    return Module(
        name=name,
        path=re.sub(r"\.(xz|zst|gz)$", "", path),
        content=content,
        depends=tuple(_names(",".join(fields.get("depends", [])).split(","))),
        before=tuple(_names(_soft(soft, "pre"))),
        after=tuple(_names(_soft(soft, "post"))),
        aliases=tuple(fields.get("alias", [])),
        firmware=tuple(fields.get("firmware", [])),
    )


def dependency_index(modules: Iterable[Module]) -> str:
    """Return `modules.dep` in depmod's format: a module's needs, the farthest one last."""
    modules = list(modules)
    known = {each.name: each for each in modules}
    lines = []
    for each in sorted(modules, key=lambda module: module.path):
        needs = reversed(list(_closure(each, known)))
        lines.append(f"{each.path}:" + "".join(f" {needed.path}" for needed in needs))
    return "\n".join(lines) + "\n"


def alias_index(modules: Iterable[Module]) -> str:
    """Return `modules.alias` in depmod's format, by which hardware finds its driver."""
    lines = [
        f"alias {alias} {each.name}"
        for each in sorted(modules, key=lambda module: module.name)
        for alias in each.aliases
    ]
    return "\n".join(lines) + "\n"


def _closure(module: Module, known: dict[str, Module]) -> Iterator[Module]:
    """Yield what `module` needs, nearest to the kernel first, each once."""
    seen: set[str] = set()

    def visit(name: str) -> Iterator[Module]:
        if name in seen or name not in known:
            return
        seen.add(name)
        for needed in (*known[name].depends, *known[name].before):
            yield from visit(needed)
        yield known[name]

    seen.add(module.name)
    for needed in (*module.depends, *module.before):
        yield from visit(needed)


def _modinfo(content: bytes, path: str) -> bytes:
    if content[:6] != b"\x7fELF\x02\x01":
        raise ImageError(f"kernel module {path} is not a 64-bit ELF file")
    at, each, count, names = _SECTIONS_AT.unpack_from(content)
    sections = [_SECTION.unpack_from(content, at + index * each) for index in range(count)]
    names_at = sections[names][4]
    for section in sections:
        start = names_at + section[0]
        if content.startswith(b".modinfo\0", start):
            return content[section[4] : section[4] + section[5]]
    raise ImageError(f"kernel module {path} has no .modinfo section")


def _read_module(path: Path) -> bytes:
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


def _soft(text: str, which: str) -> list[str]:
    """Return the words behind `pre:` or `post:` in softdep declarations."""
    found: list[str] = []
    current = ""
    for word in text.split():
        if word.endswith(":"):
            current = word.removesuffix(":")
        elif current == which:
            found.append(word)
    return found


def _names(words: Iterable[str]) -> Iterator[str]:
    return (_name_of(word) for word in words if word)


def _name_of(text: str) -> str:
    return re.sub(r"\.ko(\.(xz|zst|gz))?$", "", text).replace("-", "_")
