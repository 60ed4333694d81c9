# SPDX-License-Identifier: Apache-2.0
"""A schematic: all that somebody decided about an image, in whatever form it was written."""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.text import read_text
from overlays.choice import OverlayChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A device-tree overlay by name, or by its file."""

    name: str = ""
    file: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def choice(self) -> OverlayChoice:
        """Return it as it is chosen on the command line, where a slash tells a file."""
        name = str(self.file) if self.file else self.name
        if self.file and "/" not in name:
            name = f"./{name}"
        return OverlayChoice(name, dict(self.parameters))


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A system extension by name, or by its folder."""

    name: str = ""
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A text, or the file that holds it."""

    text: str = ""
    file: Path | None = None

    def read(self) -> str:
        """Return the text.

        Raises:
            InputError: when the file cannot be read.
            ConfigError: when it is no text.
        """
        return self.text if self.file is None else read_text(self.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schematic:
    """A whole image."""

    board: str
    overlays: tuple[Overlay, ...] = ()
    extensions: tuple[Extension, ...] = ()
    arguments: tuple[str, ...] = ()
    meta: Mapping[int, str] = field(default_factory=dict)
    config_txt: Content = Content()
    grub: Content = Content()
    pieces: Mapping[str, Path] = field(default_factory=dict)

    def missing(self) -> Iterator[str]:
        """Yield what the schematic names and nobody finds."""
        for index, overlay in enumerate(self.overlays):
            yield from _missing(f"overlays.{index}", overlay.file, "file")
        for index, extension in enumerate(self.extensions):
            yield from _missing(f"extensions.{index}", extension.folder, "folder")
        for name, content in (("config_txt", self.config_txt), ("grub", self.grub)):
            yield from _missing(name, content.file, "file")
        for name, path in self.pieces.items():
            yield from _missing(f"pieces.{name}", path, "")


def _missing(place: str, path: Path | None, wanted: str) -> Iterator[str]:
    if path is None:
        return
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = 0
    except OSError as error:
        yield f"{place}: {path} cannot be read: {error.strerror}"
        return
    is_there = {"file": stat.S_ISREG(mode), "folder": stat.S_ISDIR(mode), "": bool(mode)}
    if not is_there[wanted]:
        yield f"{place}: there is no {f'{wanted} ' if wanted else ''}{path}"
