# SPDX-License-Identifier: Apache-2.0
"""The catalogue of board profiles that ship with the toolkit."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import ValidationError

from boards.profile import Profile
from edge.errors import BoardError, ConfigError


def board_names() -> list[str]:
    """Return the name of every known board, sorted."""
    return sorted(each.name.removesuffix(".yaml") for each in _folder().iterdir() if _is_yaml(each))


def load_profile(name: str) -> Profile:
    """Return the profile of board `name`.

    Raises:
        BoardError: when there is no such board; the hint lists the known ones.
    """
    if name not in board_names():
        raise BoardError(
            f"unknown board {name!r}", hint=f"known boards: {', '.join(board_names())}"
        )
    return _shipped(name)


def all_profiles() -> list[Profile]:
    """Return every profile, sorted by name."""
    return [_shipped(name) for name in board_names()]


def parse_profile(text: str, *, source: str) -> Profile:
    """Return the profile that the YAML `text` describes; `source` names it in faults.

    Raises:
        ConfigError: with every fault found, each with its field.
    """
    try:
        document = yaml.safe_load(text)
        return Profile.model_validate_json(json.dumps(document))
    except yaml.YAMLError as error:
        fault = " ".join(str(error).split())
        raise ConfigError(f"{source} is not YAML", faults=(f"{source}: {fault}",)) from error
    except TypeError as error:
        raise ConfigError(f"{source} holds a value that is not plain data: {error}") from error
    except ValidationError as error:
        faults = tuple(_fault(source, each["loc"], each["msg"]) for each in error.errors())
        raise ConfigError(f"{source} is not a valid board profile", faults=faults) from error


@cache
def _shipped(name: str) -> Profile:
    source = f"boards/profiles/{name}.yaml"
    profile = parse_profile((_folder() / f"{name}.yaml").read_text(), source=source)
    if profile.name != name:
        raise ConfigError(f"{source} describes board {profile.name!r}")
    return profile


def _folder() -> Path:
    return Path(str(files("boards"))) / "profiles"


def _is_yaml(path: Path) -> bool:
    return path.suffix == ".yaml"


def _fault(source: str, place: tuple[int | str, ...], text: str) -> str:
    where = ".".join(str(part) for part in place)
    return f"{source}: {where}: {text}" if where else f"{source}: {text}"
