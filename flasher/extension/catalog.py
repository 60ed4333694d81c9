# SPDX-License-Identifier: Apache-2.0
"""The extensions that ship with the toolkit, and those that somebody has in a folder.

A folder holds `extension.yaml`, beside it a tree `rootfs/` of files if it brings any.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import file_digest, sha256
from importlib.resources import files
from pathlib import Path

from boards.text import LARGEST_BYTES
from edge.errors import InputError
from edge.text import read_text
from flasher.extension.document import Document, parse_document

DOCUMENT = "extension.yaml"
TREE = "rootfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """An extension, and the folder it came from if it is not one of ours."""

    document: Document
    folder: Path | None = None

    @property
    def name(self) -> str:
        """Return its name."""
        return self.document.name

    @property
    def tree(self) -> Path | None:
        """Return the folder of files that it brings, if it has one."""
        tree = self.folder / TREE if self.folder else None
        return tree if tree and tree.is_dir() else None


def extension_names() -> list[str]:
    """Return the name of every extension in the catalogue, sorted."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def all_extensions() -> list[Extension]:
    """Return the catalogue, sorted by name."""
    return [_shipped(name) for name in extension_names()]


def load_extension(wanted: str) -> Extension:
    """Return the extension in the catalogue, or in the folder if `wanted` is a path to one.

    Raises:
        InputError: when there is no such extension; the hint lists the known ones.
        ConfigError: with every fault of its document.
    """
    if "/" in wanted or wanted in {".", ".."}:
        return read_extension(Path(wanted))
    if wanted not in extension_names():
        known = ", ".join(extension_names())
        beside = f"; ./{wanted} for the folder" if Path(wanted).is_dir() else ""
        raise InputError(f"unknown extension {wanted!r}", hint=f"known: {known}{beside}")
    return _shipped(wanted)


def read_extension(folder: Path) -> Extension:
    """Return the extension in `folder`.

    Raises:
        InputError: when it has no document that can be read.
        ConfigError: with every fault of the document.
    """
    path = folder / DOCUMENT
    try:
        text = read_text(path, LARGEST_BYTES)
    except InputError as error:
        reason = error.message.replace(str(path), DOCUMENT, 1)
        raise InputError(
            f"{folder} is no extension: {reason}",
            hint="docs/extensions.md shows one that can be copied",
        ) from error
    return Extension(document=parse_document(text, source=str(path)), folder=folder)


def digest(extension: Extension) -> str:
    """Return the SHA-256 of everything in an extension's folder, or nothing for one of ours.

    Names, bytes, links and whether a file can be executed count; times and owners do not.
    """
    if extension.folder is None:
        return ""
    lines = []
    for path in sorted(extension.folder.rglob("*")):
        name = path.relative_to(extension.folder).as_posix()
        if path.is_symlink():
            lines.append(f"link {path.readlink()} {name}")
        elif path.is_file():
            kind = "program" if path.stat().st_mode & 0o111 else "file"
            with path.open("rb") as file:
                lines.append(f"{kind} {file_digest(file, 'sha256').hexdigest()} {name}")
    return sha256("\n".join(lines).encode()).hexdigest()


@cache
def _shipped(name: str) -> Extension:
    source = f"overlays/extensions/{name}.yaml"
    document = parse_document((_folder() / f"{name}.yaml").read_text(), source=source)
    assert document.name == name, f"{source} describes extension {document.name!r}"
    return Extension(document=document)


def _folder() -> Path:
    return Path(str(files("overlays"))) / "extensions"
