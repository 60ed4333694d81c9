# SPDX-License-Identifier: Apache-2.0
"""Upstream's schematic files, read into ours, and the id that upstream gives them.

What has no equivalent here is a fault that names it, unless it shall be ignored.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Literal

import yaml
from pydantic import Field

from edge.errors import ConfigError
from flasher.extension.catalog import all_extensions
from flasher.extension.document import Section, validate
from flasher.schematic.document import MetaDocument
from flasher.schematic.model import Content, Extension, Schematic

KEYS = frozenset({"owner", "overlay", "customization"})
BOARDS = {
    "rpi_generic": "rpi4",
    "rpi_5": "rpi5",
    "jetson_nano": "jetson-nano",
    "rock5b": "rock-5b",
    "turingrk1": "turing-rk1",
}
# Parts of upstream's images that every image of ours has, or that a board brings by itself.
BUILT_IN = frozenset({"siderolabs/intel-ucode"})
# A letter first: 0o17, 1e3 or true would be written otherwise.
_PLAIN = re.compile(r"[a-z][a-z0-9_.-]*(/[a-z0-9_.-]+)*(=[A-Za-z0-9_./-]+)?")
_MACHINE_CONFIG = "a machine configuration goes onto the card: edgectl flash --config"

Texts = tuple[str, ...]


class _Overlay(Section):
    image: str = ""
    name: str = ""
    options: dict[str, Any] = Field(default_factory=dict)


class _Extensions(Section):
    officialExtensions: Texts = ()  # noqa: N815 - upstream's spelling, below as well


class _SecureBoot(Section):
    enrollKeys: Literal["off", "manual", "if-safe", "force"] | None = None  # noqa: N815
    includeWellKnownCertificates: bool = False  # noqa: N815


class _DiskImage(Section):
    sectorSize: int | None = None  # noqa: N815


class _MetaValue(Section):
    key: int
    value: str = ""


class _Customization(Section):
    embeddedMachineConfiguration: str = ""  # noqa: N815
    extraKernelArgs: Texts = ()  # noqa: N815
    meta: tuple[_MetaValue, ...] = ()
    systemExtensions: _Extensions = _Extensions()  # noqa: N815
    bootloader: Literal["grub", "sd-boot", "dual-boot", "auto"] | None = None
    secureboot: _SecureBoot = _SecureBoot()
    diskImage: _DiskImage = _DiskImage()  # noqa: N815


class _Document(Section):
    owner: str = ""
    overlay: _Overlay = _Overlay()
    customization: _Customization = _Customization()


def is_upstream(data: object) -> bool:
    """Say whether a document has the form of upstream's schematics."""
    return isinstance(data, Mapping) and bool(data) and set(data) <= KEYS


def parse_upstream(
    data: object, *, source: str, board: str = "", ignore_unknown: bool = False
) -> Schematic:
    """Return upstream's schematic as ours; `board` is for those without an overlay.

    Raises:
        ConfigError: with everything in it that has no equivalent here.
    """
    document = _read(data, source=source)
    unknown = [] if ignore_unknown else _unknown(document)
    faults = list(unknown)
    named = BOARDS.get(document.overlay.name, "")
    if not named and document.overlay.name:
        known = ", ".join(sorted(BOARDS))
        faults.append(f"overlay.name: no board for {document.overlay.name}; known: {known}")
    elif board and named and board != named:
        faults.append(f"overlay.name: {document.overlay.name} is board {named}, not {board}")
    elif not board and not named:
        faults.append("it is for no board in particular: name one with --board")
    custom = document.customization
    arguments = tuple(each for each in custom.extraKernelArgs if not each.startswith("-"))
    meta = {}
    for index, each in enumerate(custom.meta):
        try:
            meta[MetaDocument(key=each.key, value=each.value).key] = each.value
        except ValueError as error:
            text = str(getattr(error, "errors", list)()[0]["msg"]).removeprefix("Value error, ")
            faults.append(f"customization.meta.{index}: {text}")
    if faults:
        raise ConfigError(
            f"{source} asks for what images here do not have",
            faults=tuple(f"{source}: {fault}" for fault in faults),
            hint="--ignore-unknown leaves out what has no equivalent" if unknown else None,
        )
    return Schematic(
        board=named or board,
        extensions=tuple(Extension(name=name) for name in _known(document)),
        arguments=arguments,
        meta=meta,
        config_txt=Content(text=_config_txt(document)),
    )


def upstream_id(data: object, *, source: str) -> str:
    """Return the id that upstream gives its schematic; nothing where that is not certain.

    How upstream writes META values, options and texts that need quotes is not proven by any id
    that it published.

    Raises:
        ConfigError: when it is no schematic of upstream's.
    """
    document = _read(data, source=source)
    custom = document.customization
    texts = (
        *(document.overlay.image, document.overlay.name, document.owner),
        *(*custom.extraKernelArgs, *custom.systemExtensions.officialExtensions),
    )
    plain = all(_PLAIN.fullmatch(text) for text in texts if text)
    if custom.meta or document.overlay.options or custom.embeddedMachineConfiguration or not plain:
        return ""
    return sha256(_canonical(document).encode()).hexdigest()


def _read(data: object, *, source: str) -> _Document:
    return validate(
        _Document, _without_nulls(data), source=source, what="one of upstream's schematics"
    )


def _without_nulls(value: Any) -> Any:
    """Leave out what says nothing, as upstream does."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return value


def _equivalents() -> dict[str, str]:
    return {theirs: each.name for each in all_extensions() for theirs in each.document.upstream}


def _known(document: _Document) -> list[str]:
    ours = _equivalents()
    wanted = document.customization.systemExtensions.officialExtensions
    return sorted({ours[name] for name in wanted if name in ours})


def _config_txt(document: _Document) -> str:
    if not document.overlay.name.startswith("rpi"):
        return ""
    value = document.overlay.options.get("configTxtAppend", "")
    return value if isinstance(value, str) else ""


def _unknown(document: _Document) -> list[str]:
    custom, ours = document.customization, _equivalents()
    found = [
        f"customization.systemExtensions: no equivalent of {name}"
        for name in custom.systemExtensions.officialExtensions
        if name not in ours and name not in BUILT_IN
    ]
    found += [
        f"customization.extraKernelArgs: {each} takes an argument away, which is not possible"
        for each in custom.extraKernelArgs
        if each.startswith("-")
    ]
    is_pi = document.overlay.name.startswith("rpi")
    for name, value in sorted(document.overlay.options.items()):
        if name != "configTxtAppend" or not is_pi or not isinstance(value, str):
            found.append(f"overlay.options.{name}: not an option of this board's")
    if document.owner:
        found.append("owner: images here have none")
    if custom.embeddedMachineConfiguration:
        found.append(f"customization.embeddedMachineConfiguration: {_MACHINE_CONFIG}")
    if custom.bootloader not in {None, "grub", "auto"}:
        found.append(f"customization.bootloader: {custom.bootloader}; images here start by GRUB")
    if custom.secureboot != _SecureBoot():
        found.append("customization.secureboot: images here are not signed")
    if custom.diskImage.sectorSize not in {None, 512}:
        found.append(f"customization.diskImage.sectorSize: {custom.diskImage.sectorSize}, not 512")
    return found


def _canonical(document: _Document) -> str:
    """Return the YAML that upstream hashes: fixed order, empty fields left out, four blanks."""
    custom = document.customization
    customization = _filled(
        extraKernelArgs=list(custom.extraKernelArgs),
        systemExtensions=_filled(
            officialExtensions=list(custom.systemExtensions.officialExtensions)
        ),
        bootloader=custom.bootloader,
        secureboot=_filled(
            enrollKeys=custom.secureboot.enrollKeys,
            includeWellKnownCertificates=custom.secureboot.includeWellKnownCertificates,
        ),
        diskImage=_filled(sectorSize=custom.diskImage.sectorSize),
    )
    overlay = _filled(
        image=document.overlay.image,
        name=document.overlay.name,
    )
    whole = {**_filled(owner=document.owner, overlay=overlay), "customization": customization}
    return yaml.dump(whole, Dumper=_Dumper, indent=4, sort_keys=False, width=1 << 20)


def _filled(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


class _Dumper(yaml.SafeDumper):
    """Writes as upstream's library does: lists are indented."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)
