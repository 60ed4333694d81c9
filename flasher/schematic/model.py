# SPDX-License-Identifier: Apache-2.0
"""A schematic: all that somebody decided about an image, in whatever form it was written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
            OSError: when the file cannot be read.
        """
        return self.text if self.file is None else self.file.read_text()


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
            if overlay.file and not overlay.file.is_file():
                yield f"overlays.{index}: there is no file {overlay.file}"
        for index, extension in enumerate(self.extensions):
            if extension.folder and not extension.folder.is_dir():
                yield f"extensions.{index}: there is no folder {extension.folder}"
        for name, content in (("config_txt", self.config_txt), ("grub", self.grub)):
            if content.file and not content.file.is_file():
                yield f"{name}: there is no file {content.file}"
        for name, path in self.pieces.items():
            if not path.exists():
                yield f"pieces.{name}: there is no {path}"
