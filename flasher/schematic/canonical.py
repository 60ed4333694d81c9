# SPDX-License-Identifier: Apache-2.0
"""The canonical form of a schematic and its id: the SHA-256 of that form.

JSON with sorted keys and no blanks. What is not said is left out; local files are their SHA-256, so
that the id is the same wherever they lie. Parameters of overlays are told where they are not the
default, in one spelling. The order of extensions, META keys, pieces and
parameters means nothing; that of overlays and kernel arguments does.
"""

import json
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from boards.catalog import load_profile
from edge.errors import EdgeError, InputError
from flasher.extension.catalog import digest, read_extension
from flasher.schematic.model import Content, Extension, Overlay, Schematic
from overlays.resolve import resolve

VERSION = 1


def schematic_id(schematic: Schematic) -> str:
    """Return the id, 64 hexadecimal digits.

    Raises:
        InputError: when a file that it names cannot be read.
    """
    return sha256(canonical_text(schematic).encode()).hexdigest()


def canonical_text(schematic: Schematic) -> str:
    """Return the form that the id is the hash of.

    Raises:
        InputError: when a file that it names cannot be read.
    """
    return json.dumps(
        canonical_form(schematic), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


def canonical_form(schematic: Schematic) -> dict[str, Any]:
    """Return the schematic as plain data in which equal images are equal.

    Raises:
        InputError: when a file that it names cannot be read.
    """
    try:
        form = {
            "board": schematic.board,
            "overlays": [_overlay(each, _family(schematic)) for each in schematic.overlays],
            "extensions": sorted(
                (_extension(each) for each in schematic.extensions), key=json.dumps
            ),
            "kernel": {"arguments": list(schematic.arguments)} if schematic.arguments else {},
            "meta": {f"{key:#04x}": value for key, value in schematic.meta.items()},
            "config_txt": _content(schematic.config_txt),
            "grub": _content(schematic.grub),
            "pieces": {name: _path(path) for name, path in schematic.pieces.items()},
        }
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: {error.strerror}") from error
    return {"version": VERSION, **{key: value for key, value in form.items() if value}}


def _overlay(overlay: Overlay, soc: str) -> dict[str, Any]:
    origin = {"sha256": _file(overlay.file)} if overlay.file else {"name": overlay.name}
    parameters = _parameters(overlay, soc) if overlay.parameters else {}
    return {**origin, **({"parameters": parameters} if parameters else {})}


def _parameters(overlay: Overlay, soc: str) -> dict[str, str]:
    """Return those that differ from their defaults, each in the one way it is spelled."""
    try:
        found = resolve(overlay.choice, soc)
    except EdgeError:
        # Whoever checks or builds it is told; an id is not the place.
        return dict(overlay.parameters)
    known = found.description.parameters
    return {
        key: value for key, value in found.parameters.items() if value != str(known[key].default)
    }


def _family(schematic: Schematic) -> str:
    try:
        return load_profile(schematic.board).soc
    except EdgeError:
        return ""


def _extension(extension: Extension) -> dict[str, str]:
    if extension.folder is None:
        return {"name": extension.name}
    found = read_extension(extension.folder)
    return {"name": found.name, "sha256": digest(found)}


def _content(content: Content) -> str:
    """Return the hash of a text, wherever it is kept."""
    data = content.file.read_bytes() if content.file else content.text.encode()
    return sha256(data).hexdigest() if data else ""


def _path(path: Path) -> str:
    if path.is_file():
        return _file(path)
    names = sorted(each for each in path.rglob("*") if each.is_file())
    lines = [f"{_file(each)} {each.relative_to(path).as_posix()}" for each in names]
    return sha256("\n".join(lines).encode()).hexdigest()


def _file(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
