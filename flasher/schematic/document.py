# SPDX-License-Identifier: Apache-2.0
"""Our schematic as it is written: one strict YAML document."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from boards.text import load_yaml
from edge.errors import ConfigError
from flasher.extension.document import Section, validate
from flasher.image.meta import key_fault
from flasher.schematic.model import Content, Extension, Overlay, Schematic


def _as_text(value: object) -> object:
    """Return a number or a truth value in the one way it is written on the command line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _as_named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _as_extension(value: object) -> object:
    if not isinstance(value, str):
        return value
    return {"folder": value} if "/" in value else {"name": value}


def _as_key(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return int(value, 0)
    except ValueError as error:
        raise ValueError("must be a number such as 12 or 0x0c") from error


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Value = Annotated[str, BeforeValidator(_as_text)]
Place = Annotated[str, Field(min_length=1)]


class OverlayDocument(Section):
    """A device-tree overlay: one of ours by name, or a file."""

    name: Name | None = None
    file: Place | None = None
    parameters: dict[Name, Value] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.name is None) == (self.file is None):
            raise ValueError("needs either name or file")
        return self


class ExtensionDocument(Section):
    """A system extension: one of ours by name, or a folder."""

    name: Name | None = None
    folder: Place | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.name is None) == (self.folder is None):
            raise ValueError("needs either name or folder")
        return self


class KernelDocument(Section):
    """What is added to the board's kernel."""

    arguments: tuple[Annotated[str, Field(pattern=r"^[^\s-]\S*$")], ...] = ()


class MetaDocument(Section):
    """A value of META."""

    key: Annotated[int, BeforeValidator(_as_key)]
    value: str

    @model_validator(mode="after")
    def _may_be_set(self) -> Self:
        if fault := key_fault(self.key):
            raise ValueError(f"key {self.key:#04x} {fault}")
        return self


class FileDocument(Section):
    """A text that lies in a file of its own."""

    file: Place


class SchematicDocument(Section):
    """A whole image; only the board has to be named."""

    board: Name
    overlays: tuple[Annotated[OverlayDocument, BeforeValidator(_as_named)], ...] = ()
    extensions: tuple[Annotated[ExtensionDocument, BeforeValidator(_as_extension)], ...] = ()
    kernel: KernelDocument = KernelDocument()
    meta: tuple[MetaDocument, ...] = ()
    config_txt: str | FileDocument = ""
    """Lines of your own for the Raspberry Pi firmware."""
    grub: str | FileDocument = ""
    """Commands of your own for GRUB."""
    pieces: dict[Name, Place] = Field(default_factory=dict)
    """Files and folders that the board needs and Debian does not have."""

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        for what, values in (
            ("extensions", [each.name for each in self.extensions if each.name]),
            ("meta", [f"key {each.key:#04x}" for each in self.meta]),
        ):
            if twice := sorted({each for each in values if values.count(each) > 1}):
                raise ValueError(f"{what} has {', '.join(twice)} twice")
        return self


def parse_ours(text: str, folder: Path, *, source: str) -> Schematic:
    """Return the schematic in YAML `text`; files that it names lie below `folder`.

    Raises:
        ConfigError: with every fault found, each with its field.
    """
    data = load_yaml(text, source=source)
    document = validate(SchematicDocument, data, source=source, what="a schematic")
    schematic = Schematic(
        board=document.board,
        overlays=tuple(
            Overlay(
                name=each.name or "",
                file=folder / each.file if each.file else None,
                parameters=dict(each.parameters),
            )
            for each in document.overlays
        ),
        extensions=tuple(
            Extension(name=each.name or "", folder=folder / each.folder if each.folder else None)
            for each in document.extensions
        ),
        arguments=document.kernel.arguments,
        meta={each.key: each.value for each in document.meta},
        config_txt=_content(document.config_txt, folder),
        grub=_content(document.grub, folder),
        pieces={name: folder / path for name, path in document.pieces.items()},
    )
    if faults := tuple(f"{source}: {fault}" for fault in schematic.missing()):
        raise ConfigError(f"{source} names what is not there", faults=faults)
    return schematic


def _content(value: str | FileDocument, folder: Path) -> Content:
    if isinstance(value, str):
        return Content(text=value)
    return Content(file=folder / value.file)
