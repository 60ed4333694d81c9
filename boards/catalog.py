# SPDX-License-Identifier: Apache-2.0
"""The catalogue of board profiles: those that ship with the toolkit, and the user's own.

A user's boards are YAML files in the folder `boards` of the configuration, and in the folders that
`EDGECTL_BOARDS` names. They may extend a shipped board but not take the name of one.
"""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from boards.document import Document, inherit, read_document, to_profile
from boards.profile import Profile
from edge.errors import BoardError, ConfigError
from edge.paths import config_dir

SHIPPED = Path(__file__).with_name("profiles")


def board_names() -> list[str]:
    """Return the name of every known board, sorted."""
    return sorted(_files())


def load_profile(name: str) -> Profile:
    """Return the profile of board `name`.

    Raises:
        BoardError: when there is no such board; the hint lists the known ones.
        ConfigError: when it is one of the user's and wrong, with every fault.
    """
    path = _find(name)
    profile = _load(path, path.stat().st_mtime_ns)
    if profile.name != name:
        raise ConfigError(f"{path} describes board {profile.name!r}", hint="name the file after it")
    return profile


def all_profiles() -> list[Profile]:
    """Return every sound profile, sorted by name; `faulty_boards` tells of the others."""
    return [load_profile(name) for name in board_names() if is_shipped(name) or not _fault_of(name)]


def faulty_boards() -> dict[Path, ConfigError]:
    """Return the user's board files that are no profiles, and what is wrong with them."""
    found = {_find(name): _fault_of(name) for name in board_names() if not is_shipped(name)}
    return {path: error for path, error in found.items() if error}


def parse_profile(text: str, *, source: str) -> Profile:
    """Return the profile that the YAML `text` describes; `source` names it in faults.

    Raises:
        ConfigError: with every fault found, each with its field.
        BoardError: when it extends a board that is not known.
    """
    document = inherit(read_document(text, source=source), _whole_document)
    return to_profile(document, source=source)


def user_folders() -> list[Path]:
    """Return the folders that hold the user's own boards, whether they exist or not."""
    named = os.environ.get("EDGECTL_BOARDS", "")
    return [config_dir() / "boards", *(Path(each) for each in named.split(os.pathsep) if each)]


def is_shipped(name: str) -> bool:
    """Say whether board `name` came with the toolkit."""
    return (SHIPPED / f"{name}.yaml").is_file()


@cache
def _load(path: Path, _changed_ns: int) -> Profile:
    return parse_profile(path.read_text(), source=_source(path))


def _whole_document(name: str, above: Sequence[str] = ()) -> Document:
    """Return the document of board `name`, which those `above` extend."""
    if name in above:
        raise ConfigError(f"boards extend each other in a circle: {' -> '.join((*above, name))}")
    path = _find(name)
    document = read_document(path.read_text(), source=_source(path))
    return inherit(document, lambda parent: _whole_document(parent, (*above, name)))


def _find(name: str) -> Path:
    path = _files().get(name)
    if path is None:
        known = ", ".join(board_names())
        raise BoardError(f"unknown board {name!r}", hint=f"known boards: {known}")
    return path


def _files() -> dict[str, Path]:
    folders = [*reversed(user_folders()), SHIPPED]  # shipped names are never taken by others
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def _fault_of(name: str) -> ConfigError | None:
    try:
        load_profile(name)
    except ConfigError as error:
        return error
    except (BoardError, OSError) as error:
        return ConfigError(f"{_find(name)}: {error}")
    return None


def _source(path: Path) -> str:
    return f"boards/profiles/{path.name}" if path.parent == SHIPPED else str(path)
