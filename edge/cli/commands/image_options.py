# SPDX-License-Identifier: Apache-2.0
"""What `edgectl image build` is told on the command line, as a schematic."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from flasher.schematic.model import Content, Extension, Overlay, Schematic

# A file, a pipe, or - for standard input: `edge.text` reads all of them.
_TEXT = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
_OPTIONS = (
    click.option("--board", default="", help="The board; see `edgectl boards list`."),
    click.option(
        "--schematic",
        "schematic_file",
        type=_TEXT,
        help="Build what this document describes (- is stdin); the other options add to it.",
    ),
    click.option(
        "--ignore-unknown",
        is_flag=True,
        help="Leave out what a schematic of upstream's names and nobody has here.",
    ),
    click.option(
        "--overlay",
        "overlays",
        multiple=True,
        metavar="NAME[,PARAMETER=VALUE]",
        help="Merge this device-tree overlay too, one of `edgectl overlays list` or a .dts or"
        " .dtbo file. Repeatable.",
    ),
    click.option(
        "--extension",
        "extensions",
        multiple=True,
        metavar="NAME|FOLDER",
        help="Put in this system extension, one of `edgectl extensions list` or a folder of your"
        " own. Repeatable.",
    ),
    click.option(
        "--piece",
        "pieces",
        multiple=True,
        metavar="NAME=PATH",
        help="Something that Debian does not have; `edgectl boards show` tells which. Repeatable.",
    ),
    click.option(
        "--kernel-arg",
        "arguments",
        multiple=True,
        metavar="ARGUMENT",
        help="Start the kernel with this argument too. Repeatable.",
    ),
    click.option(
        "--meta",
        multiple=True,
        metavar="KEY=VALUE",
        help="A value of META, such as 0x0c=rack-4. Repeatable.",
    ),
    click.option("--config-txt", type=_TEXT, help="Your own lines for the Raspberry Pi firmware."),
    click.option("--grub-cfg", type=_TEXT, help="Your own commands for GRUB."),
)


def schematic_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add every option that says what an image shall be."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def read_schematic(words: dict[str, Any]) -> "Schematic":
    """Return the schematic that the options and the file among them describe.

    Raises:
        ConfigError: when the file is wrong.
        InputError, BoardError: when an option is.
    """
    from flasher.image.meta import parse_meta

    _require_one_stdin(words)
    base = _base(words)
    pairs = [(key, value.decode()) for key, value in map(parse_meta, words["meta"])]
    return replace(
        base,
        overlays=(*base.overlays, *map(_overlay, words["overlays"])),
        extensions=(*base.extensions, *map(_extension, words["extensions"])),
        pieces={**base.pieces, **dict(map(_piece, words["pieces"]))},
        arguments=(*base.arguments, *words["arguments"]),
        meta={**base.meta, **dict(pairs)},
        config_txt=_content(words["config_txt"]) or base.config_txt,
        grub=_content(words["grub_cfg"]) or base.grub,
    )


def _require_one_stdin(words: dict[str, Any]) -> None:
    from edge.text import STDIN

    if sum(words[each] == STDIN for each in ("schematic_file", "config_txt", "grub_cfg")) > 1:
        raise click.UsageError("stdin can be read but once: only one option may be -")


def _base(words: dict[str, Any]) -> "Schematic":
    from boards.catalog import load_profile
    from edge.text import name_given
    from flasher.schematic.check import check_schematic
    from flasher.schematic.load import load_schematic
    from flasher.schematic.model import Schematic

    board, file = words["board"], words["schematic_file"]
    if board:
        load_profile(board)
    if file:
        schematic = load_schematic(file, board=board, ignore_unknown=words["ignore_unknown"])
        check_schematic(schematic, source=name_given(file))
        return schematic
    if not board:
        raise click.UsageError("name a --board, or a --schematic that does")
    return Schematic(board=board)


def _content(path: Path | None) -> "Content | None":
    from edge.text import read_given
    from flasher.schematic.model import Content

    return Content(text=read_given(path)) if path else None


def _overlay(text: str) -> "Overlay":
    from flasher.schematic.model import Overlay
    from overlays.choice import parse_choice

    choice = parse_choice(text)
    name = "" if choice.path else choice.name_or_path
    return Overlay(name=name, file=choice.path, parameters=choice.parameters)


def _extension(text: str) -> "Extension":
    from flasher.schematic.model import Extension

    if "/" in text:  # as with overlays, a slash tells a place from a name
        return Extension(folder=Path(text))
    return Extension(name=text)


def _piece(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise click.BadParameter(f"{text!r} is not NAME=PATH", param_hint="--piece")
    return name, Path(path).expanduser()
