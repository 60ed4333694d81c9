# SPDX-License-Identifier: Apache-2.0
"""From a schematic to what is built."""

from boards.catalog import load_profile
from flasher.extension.catalog import load_extension, read_extension
from flasher.image.wishes import Wishes
from flasher.schematic.canonical import schematic_id
from flasher.schematic.model import Schematic


def to_wishes(schematic: Schematic) -> tuple[str, Wishes]:
    """Return the name of the board and what is wanted of its image.

    Raises:
        BoardError: when there is no such board.
        InputError: when there is no such extension, or a file cannot be read.
        ConfigError: when the document of an extension, or a text, is wrong.
    """
    board = load_profile(schematic.board).name
    return board, Wishes(
        overlays=tuple(each.choice for each in schematic.overlays),
        extensions=tuple(
            read_extension(each.folder) if each.folder else load_extension(each.name)
            for each in schematic.extensions
        ),
        arguments=schematic.arguments,
        pieces=dict(schematic.pieces),
        config_txt=schematic.config_txt.read(),
        grub_cfg=schematic.grub.read(),
        meta={key: value.encode() for key, value in schematic.meta.items()},
        schematic_id=schematic_id(schematic),
    )
