# SPDX-License-Identifier: Apache-2.0
"""The catalogue of board profiles: those that ship with the toolkit, and the user's own.

A user's boards are YAML files in the folder `boards` of the configuration, and in the folders that
`EDGECTL_BOARDS` names. They may extend any board, and take the name of a shipped one only where
they say `replaces: true`. A file that is wrong takes nothing away from the others.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from boards.document import Document, inherit, read_document, to_profile
from boards.profile import Profile
from boards.text import LARGEST_BYTES
from edge.errors import BoardError, ConfigError, EdgeError
from edge.paths import config_dir
from edge.text import read_text

_LOOKS_LIKE_ONE = re.compile(r"^[^.].*\.ya?ml$")

SHIPPED = Path(__file__).with_name("profiles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Which file each board is in, and which files of the user's were left out, and why."""

    files: Mapping[str, Path]
    refused: Mapping[Path, ConfigError] = field(default_factory=dict)

    def find(self, name: str) -> Path:
        """Return the file of board `name`.

        Raises:
            BoardError: when there is no such board; the hint lists the known ones.
        """
        if name not in self.files:
            known = ", ".join(sorted(self.files))
            raise BoardError(f"unknown board {name!r}", hint=f"known boards: {known}")
        return self.files[name]


def board_names() -> list[str]:
    """Return the name of every known board, sorted."""
    return sorted(find_boards().files)


def load_profile(name: str) -> Profile:
    """Return the profile of board `name`.

    Raises:
        BoardError: when there is no such board; the hint lists the known ones.
        ConfigError: when it is one of the user's and wrong, with every fault.
    """
    shelf = find_boards()
    return _load(shelf.find(name), shelf)


def all_profiles() -> list[Profile]:
    """Return every sound profile, sorted by name; `faulty_boards` tells of the others."""
    return [profile for profile, _ in _sort_out(find_boards())]


def faulty_boards() -> dict[Path, ConfigError]:
    """Return the user's board files that do not count, and what is wrong with them."""
    shelf = find_boards()
    faults = dict(shelf.refused)
    sound = {path for _, path in _sort_out(shelf)}
    for path in shelf.files.values():
        if path not in sound:
            faults[path] = _fault_of(path, shelf)
    return faults


def parse_profile(text: str, *, source: str) -> Profile:
    """Return the profile that the YAML `text` describes; `source` names it in faults.

    Raises:
        ConfigError: with every fault found, each with its field.
        BoardError: when it extends a board that is not known.
    """
    document = inherit(read_document(text, source=source), base_document)
    return to_profile(document, source=source)


def base_document(name: str) -> Document:
    """Return the whole document of board `name`, as one that extends it sees it.

    Raises:
        BoardError: when there is no such board.
        ConfigError: when it is no mapping, or extends itself in the end.
    """
    shelf = find_boards()
    return _whole_document(shelf.find(name), shelf)


def find_boards() -> Shelf:
    """Look for boards in all folders; shipped ones first, then the user's in their order."""
    files = {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}
    refused: dict[Path, ConfigError] = {}
    for folder in user_folders():
        try:
            entries = sorted(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            refused[folder] = ConfigError(
                f"{folder} cannot be read: {error.strerror}", hint="boards in it are left out"
            )
            continue
        for path in (each for each in entries if _LOOKS_LIKE_ONE.search(each.name)):
            if fault := _refuse(path, files):
                refused[path] = fault
            else:
                files[path.stem] = path
    return Shelf(files=files, refused=refused)


def user_folders() -> list[Path]:
    """Return the folders that hold the user's own boards, whether they exist or not."""
    named = os.environ.get("EDGECTL_BOARDS", "")
    return [config_dir() / "boards", *(Path(each) for each in named.split(os.pathsep) if each)]


def _refuse(path: Path, files: Mapping[str, Path]) -> ConfigError | None:
    """Say why a user's file cannot be the board that it is called after."""
    name = path.stem
    if path.suffix != ".yaml":
        return ConfigError(f"{path} is left out", hint=f"call it {name}.yaml")
    if name not in files:
        return None
    if files[name].parent != SHIPPED:
        return ConfigError(f"{path} is left out: board {name} is in {files[name]} already")
    try:
        replaces = _document(path, path.stat().st_mtime_ns).get("replaces")
    except (ConfigError, OSError, UnicodeDecodeError):
        replaces = None  # it will be told what is wrong with it under another name
    if replaces is True:
        return None
    hint = 'choose another name, or write "replaces: true" into it'
    return ConfigError(f"{path} is left out: {name} is a board of the toolkit", hint=hint)


def _sort_out(shelf: Shelf) -> list[tuple[Profile, Path]]:
    """Return the sound boards with their files, by name."""
    found = []
    for name in sorted(shelf.files):
        path = shelf.files[name]
        try:
            found.append((_load(path, shelf), path))
        except (EdgeError, OSError, UnicodeDecodeError):
            if path.parent == SHIPPED:
                raise
    return found


def _fault_of(path: Path, shelf: Shelf) -> ConfigError:
    told = f"{path} changed while it was read"
    try:
        _load(path, shelf)
    except EdgeError as error:
        told = error.message if str(path) in error.message else f"{path}: {error.message}"
    except (OSError, UnicodeDecodeError) as error:
        told = f"{path} cannot be read: {error}"
    return ConfigError(told, hint=f"edgectl boards validate {path}")


def _load(path: Path, shelf: Shelf) -> Profile:
    if path.parent == SHIPPED:
        return _shipped(path.stem)
    return _read(path, shelf)


@cache
def _shipped(name: str) -> Profile:
    return _read(SHIPPED / f"{name}.yaml", Shelf(files={}))


def _read(path: Path, shelf: Shelf) -> Profile:
    profile = to_profile(_whole_document(path, shelf), source=_source(path))
    if profile.name != path.stem:
        raise ConfigError(f"{path} describes board {profile.name!r}", hint="name the file after it")
    return profile


def _whole_document(path: Path, shelf: Shelf, above: tuple[Path, ...] = ()) -> Document:
    """Return the document in `path`, which those `above` extend, with all that it extends."""
    if path in above:
        circle = " -> ".join(each.stem for each in (*above, path))
        raise ConfigError(f"boards extend each other in a circle: {circle}")
    document = _document(path, path.stat().st_mtime_ns)

    def base(name: str) -> Document:
        return _whole_document(_base_file(name, path, shelf), shelf, (*above, path))

    return inherit(document, base)


def _base_file(name: str, path: Path, shelf: Shelf) -> Path:
    """Return the file that board `name` is in for one in `path` that extends it."""
    shipped = SHIPPED / f"{name}.yaml"
    replaced = name == path.stem and shipped.is_file() and path != shipped
    if path.parent == SHIPPED or replaced:
        return shipped
    return shelf.find(name)


@cache
def _document(path: Path, _changed_ns: int) -> Document:
    text = read_text(path, LARGEST_BYTES)
    return read_document(text, source=_source(path), ours=path.parent == SHIPPED)


def _source(path: Path) -> str:
    return f"boards/profiles/{path.name}" if path.parent == SHIPPED else str(path)
