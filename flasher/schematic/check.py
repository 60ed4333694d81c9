# SPDX-License-Identifier: Apache-2.0
"""Everything that can be said against a schematic before anything is built of it."""

from collections.abc import Callable, Iterator
from functools import partial

from boards.catalog import load_profile
from boards.profile import Profile
from edge.errors import BoardError, ConfigError, EdgeError
from flasher.extension.catalog import load_extension, read_extension
from flasher.image.design import make_design
from flasher.schematic.model import Extension, Schematic
from flasher.schematic.wish import to_wishes
from overlays.resolve import resolve


def check_schematic(schematic: Schematic, *, source: str) -> None:
    """Find out whether its board takes all that it asks for.

    What only the build can know is left to it: whether packages and kernel have what an extension
    names, and whether an overlay fits the device trees.

    Raises:
        ConfigError: with every fault found, each with its field.
    """
    faults = tuple(f"{source}: {fault}" for fault in _faults(schematic))
    if faults:
        raise ConfigError(f"{source} describes no image that can be built", faults=faults)


def _faults(schematic: Schematic) -> Iterator[str]:
    profile = None
    try:
        profile = load_profile(schematic.board)
    except EdgeError as error:
        yield from _told("board", error)
    found = [*_parts(schematic, profile)]
    yield from found
    if found or profile is None:
        return
    try:
        make_design(profile, to_wishes(schematic)[1])
    except EdgeError as error:
        yield from _told("", error)


def _parts(schematic: Schematic, profile: Profile | None) -> Iterator[str]:
    for index, extension in enumerate(schematic.extensions):
        yield from _attempt(f"extensions.{index}", partial(_check_extension, extension, profile))
    for name, content in (("config_txt", schematic.config_txt), ("grub", schematic.grub)):
        yield from _attempt(name, content.read)
    if profile is None:
        return
    soc = profile.soc
    for index, overlay in enumerate(schematic.overlays):
        yield from _attempt(f"overlays.{index}", partial(resolve, overlay.choice, soc))
    known = [piece.name for piece in profile.pieces]
    for name in schematic.pieces:
        if name not in known:
            text = f"there are {', '.join(known)}" if known else "it needs none"
            yield f"pieces.{name}: board {profile.name} has no such piece; {text}"


def _check_extension(wanted: Extension, profile: Profile | None) -> None:
    found = read_extension(wanted.folder) if wanted.folder else load_extension(wanted.name)
    if profile and profile.arch not in found.document.arch:
        arches = ", ".join(found.document.arch)
        raise BoardError(f"{found.name} is for {arches}, board {profile.name} is {profile.arch}")


def _attempt(place: str, look: Callable[[], object]) -> Iterator[str]:
    try:
        look()
    except EdgeError as error:
        yield from _told(place, error)


def _told(place: str, error: EdgeError) -> Iterator[str]:
    prefix = f"{place}: " if place else ""
    faults = error.faults if isinstance(error, ConfigError) else ()
    hint = f" ({error.hint})" if error.hint else ""
    yield from (f"{prefix}{each}" for each in faults or (f"{error.message}{hint}",))
