# SPDX-License-Identifier: Apache-2.0
"""Schematics from files, ours and upstream's."""

from dataclasses import dataclass
from pathlib import Path

from boards.text import LARGEST_BYTES, load_yaml
from edge.errors import InputError
from edge.text import folder_of, name_given, read_given
from flasher.schematic.document import parse_ours
from flasher.schematic.model import Schematic
from flasher.schematic.upstream import is_upstream, parse_upstream, upstream_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A schematic, and the id that upstream gives it where it is one of theirs."""

    schematic: Schematic
    upstream_id: str = ""


def load_schematic(path: Path, *, board: str = "", ignore_unknown: bool = False) -> Schematic:
    """Return the schematic in the file at `path`, or in a pipe, or for `-` in standard input.

    `board` is for upstream's that are for any; ours name theirs.

    Raises:
        InputError: when it cannot be read, or is for another board.
        ConfigError: with every fault found, or all that has no equivalent here.
    """
    return load_either(path, board=board, ignore_unknown=ignore_unknown).schematic


def load_either(path: Path, *, board: str = "", ignore_unknown: bool = False) -> Loaded:
    """Return the schematic in the file, and upstream's id of it if it is one of theirs.

    Raises:
        InputError: when it cannot be read, or is for another board.
        ConfigError: with every fault found, or all that has no equivalent here.
    """
    text, source = read_given(path, LARGEST_BYTES), name_given(path)
    data = load_yaml(text, source=source)
    if is_upstream(data):
        schematic = parse_upstream(data, source=source, board=board, ignore_unknown=ignore_unknown)
        return Loaded(schematic=schematic, upstream_id=upstream_id(data, source=source))
    schematic = parse_ours(text, folder_of(path), source=source)
    if board and board != schematic.board:
        raise InputError(f"{source} is for board {schematic.board}, not {board}")
    return Loaded(schematic=schematic)


def read_upstream_id(path: Path) -> str:
    """Return upstream's id of its schematic in the file, whether it can be built here or not.

    Raises:
        ConfigError: when it is no schematic of upstream's.
    """
    text, source = read_given(path, LARGEST_BYTES), name_given(path)
    return upstream_id(load_yaml(text, source=source), source=source)
