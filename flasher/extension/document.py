# SPDX-License-Identifier: Apache-2.0
"""What somebody wrote about an extension: one strict YAML document."""

import json
import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from boards.fault import Place, find_faults, name_place
from boards.profile import Arch
from boards.section import ModuleName, PackageName
from boards.text import load_yaml
from edge.errors import ConfigError
from edge.units import parse_duration

_TRIPLETS: dict[Arch, str] = {"arm64": "aarch64-linux-gnu", "amd64": "x86_64-linux-gnu"}


def _plain_path(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or str(path) != text:
        raise ValueError("must be a relative path such as usr/sbin/tool, without '..'")
    return text


def _absolute_path(text: str) -> str:
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or str(path) != text:
        raise ValueError("must be an absolute path such as /var/lib/tool, without '..'")
    return text


def _kept_path(text: str) -> str:
    if not _absolute_path(text).startswith(("/var/", "/run/")):
        raise ValueError("must lie below /var or /run; nothing else can be written on a node")
    return text


def _period(text: str) -> str:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise ValueError("must be a duration such as 12h or 30m") from error
    if seconds < 60:
        raise ValueError("must be a minute or more")
    return text


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
FilePath = Annotated[str, Field(min_length=1), AfterValidator(_plain_path)]
NodePath = Annotated[str, AfterValidator(_absolute_path)]
KeptPath = Annotated[str, AfterValidator(_kept_path)]
_Model = TypeVar("_Model", bound=BaseModel)
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Section(BaseModel):
    """A part of the document: nothing unknown in it, nothing converted."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", use_attribute_docstrings=True
    )


class PackageData(Section):
    """Files of the packages that are no programs."""

    source: FilePath
    """A path or a pattern inside the packages; `{triplet}` stands for the library folder."""
    target: FilePath | None = None
    """Where the one file goes, when not under its own name."""

    @model_validator(mode="after")
    def _one_file_for_a_target(self) -> Self:
        if self.target and re.search(r"[*?\[]", self.source):
            raise ValueError("target is for one file, but source is a pattern")
        return self


class Firmware(Section):
    """Files that drivers load: patterns below `usr/lib/firmware` of a package."""

    package: PackageName
    patterns: tuple[FilePath, ...] = Field(min_length=1)


class Text(Section):
    """A small file, written out."""

    path: FilePath
    text: str


class Link(Section):
    """A link, such as one from the read-only `etc` to where a program may write."""

    path: FilePath
    target: NodePath


class KeptFile(Section):
    """A file that the node makes before the first start and never touches again."""

    path: KeptPath
    text: str
    """`{random}` becomes twelve hexadecimal digits of the node's own."""


class Service(Section):
    """A program that the node runs, as service `ext-NAME`."""

    name: Name
    program: FilePath
    arguments: tuple[str, ...] = ()
    environment: dict[Variable, str] = Field(default_factory=dict)
    restart: Literal["always", "on-failure", "never"] = "always"
    every: Annotated[str, AfterValidator(_period)] | None = None
    """Run it again this long after it ended, instead of keeping it running."""
    depends: tuple[NodePath, ...] = ()
    """Paths that must be there before it starts."""
    finds: dict[Annotated[str, Field(pattern=r"^[a-z]+$")], NodePath] = Field(default_factory=dict)
    """Patterns of paths by a word: it starts when all are there, with `{word}` in arguments the
    first that matches."""
    folders: tuple[KeptPath, ...] = ()
    """Folders that are made before it starts."""
    keeps: tuple[KeptFile, ...] = ()

    @model_validator(mode="after")
    def _one_way_to_run(self) -> Self:
        if self.every and self.restart != "always":
            raise ValueError("every and restart exclude each other")
        words = set(re.findall(r"\{([a-z]+)\}", " ".join(self.arguments)))
        if missing := words - self.finds.keys():
            raise ValueError(f"arguments have {{{min(missing)}}}, which finds does not name")
        return self


class Document(Section):
    """An extension: what it takes from packages, what it brings itself, what the node runs."""

    name: Name
    title: str
    summary: str
    version: str | None = None
    """Without one, the version of the first package."""
    author: str = ""
    arch: tuple[Arch, ...] = Field(min_length=1)
    packages: tuple[PackageName, ...] = ()
    dependencies: Literal["all", "named"] = "all"
    """Whether libraries may come from all that the packages depend on, or from them alone."""
    programs: tuple[FilePath, ...] = ()
    libraries: tuple[FilePath, ...] = ()
    """Libraries that programs load by themselves; those they are linked with come unasked."""
    data: tuple[PackageData, ...] = ()
    firmware: tuple[Firmware, ...] = ()
    modules: tuple[ModuleName, ...] = ()
    preload: tuple[ModuleName, ...] = ()
    """Modules that no device asks for, loaded when the node starts."""
    texts: tuple[Text, ...] = ()
    links: tuple[Link, ...] = ()
    images: tuple[FilePath, ...] = ()
    """Container images beside the document, as OCI archives (`.tar`)."""
    services: tuple[Service, ...] = ()
    upstream: tuple[str, ...] = ()
    """What upstream calls the extensions that this one stands for."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if missing := [name for name in self.preload if name not in self.modules]:
            raise ValueError(f"preload names what is not in modules: {', '.join(missing)}")
        if (self.programs or self.libraries or self.data) and not self.packages:
            raise ValueError("programs, libraries and data are taken from packages: name some")
        foreign = {each.package for each in self.firmware} - set(self.packages)
        if foreign:
            raise ValueError(f"firmware of {', '.join(sorted(foreign))} needs it in packages")
        if len({each.name for each in self.services}) < len(self.services):
            raise ValueError("services has a name twice")
        return self


def parse_document(text: str, *, source: str) -> Document:
    """Return the extension that the YAML `text` describes; `source` names it in faults.

    Raises:
        ConfigError: with every fault found, each with its field.
    """
    return validate(Document, load_yaml(text, source=source), source=source, what="an extension")


def validate(model: type[_Model], data: Any, *, source: str, what: str) -> _Model:
    """Return `data` as a `model`.

    Raises:
        ConfigError: with every fault found, each with its field.
    """
    try:
        return model.model_validate_json(json.dumps(data))
    except ValidationError as error:
        found = find_faults(error, model)
        faults = tuple(_fault(source, place, text) for place, text in found)
        raise ConfigError(f"{source} does not describe {what}", faults=faults) from error


def for_arch(path: str, arch: Arch) -> str:
    """Return `path` with the library folder of `arch` in it.

    >>> for_arch("usr/lib/{triplet}/a.so", "arm64")
    'usr/lib/aarch64-linux-gnu/a.so'
    """
    return path.replace("{triplet}", _TRIPLETS[arch])


def triplet(arch: Arch) -> str:
    """Return the name of the folder in which libraries of `arch` lie."""
    return _TRIPLETS[arch]


def _fault(source: str, place: Place, text: str) -> str:
    where = name_place(place)
    return f"{source}: {where}: {text}" if where else f"{source}: {text}"
