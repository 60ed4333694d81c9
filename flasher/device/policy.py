# SPDX-License-Identifier: Apache-2.0
"""Which disks are never written, and which ports may be: the flasher's configuration files.

`flash.yaml` and `flash.d/*.yaml`, in /etc/edgectl and in the operator's own folder, are read as
one: a disk is protected when any file says so, and a port is allowed when any file lists it.

    protect:              # never written, whatever options say
      - usb-WD_Elements*  # a name below /dev/disk/by-id, a serial, a CID, a model, or a path
      - /dev/disk/by-label/photos
    ports:                # when given, no disk in another port is written
      - usb-0:1.3         # as `edgectl devices -o wide` shows them

A file that cannot be read or understood is an error: nobody may believe to be protected by it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError
from edge.paths import config_dir
from flasher.device.facts import Device, DeviceKind
from flasher.device.host import Host
from flasher.device.port import matches_port

if TYPE_CHECKING:
    from edge.config.stream import RawDocument

_NAME, _DROP_INS = "flash.yaml", "flash.d"
_KEYS = ("protect", "ports")


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern, and the file and line that it is written in."""

    pattern: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What all configuration files say together."""

    protect: tuple[Rule, ...] = ()
    ports: tuple[Rule, ...] = ()
    """Without any, every port is allowed."""


def load_policy(host: Host) -> Policy:
    """Return what the configuration files on `host` say; nothing where there are none.

    Raises:
        ConfigError: with every fault in every file.
    """
    faults: list[str] = []
    rules: dict[str, list[Rule]] = {key: [] for key in _KEYS}
    for file in _files(host):
        for key, rule in _read_file(file, faults):
            rules[key].append(rule)
    if faults:
        raise ConfigError(
            "the flasher's configuration cannot be used",
            faults=tuple(faults),
            hint="correct it: disks that it protects would not be protected without it",
        )
    return Policy(protect=tuple(rules["protect"]), ports=tuple(rules["ports"]))


def apply_policy(device: Device, policy: Policy) -> Device:
    """Return `device` with what `policy` says about it."""
    return replace(
        device, protection=_protection(device, policy), wrong_port=_wrong_port(device, policy)
    )


def _protection(device: Device, policy: Policy) -> str:
    names = {name.lower() for name in _names(device)}
    for rule in policy.protect:
        pattern = rule.pattern.lower()
        if any(fnmatchcase(name, pattern) for name in names) or _leads_to(rule.pattern, device):
            return f"{rule.pattern!r} in {rule.source}"
    return ""


def _names(device: Device) -> Iterator[str]:
    """Yield everything that a person may call this disk."""
    yield str(device.path)
    for link in device.by_id:
        yield from (str(link), link.name)
    for text in (device.serial, device.cid, device.model, f"{device.vendor} {device.model}"):
        if text.strip():
            yield text.strip()
    if device.backing_file:
        yield str(device.backing_file)


def _leads_to(pattern: str, device: Device) -> bool:
    """Return whether a path, such as one by label, is a link to the disk or something on it."""
    if not pattern.startswith("/"):
        return False
    own = {device.path, device.backing_file, *(volume.path for volume in device.volumes)}
    below = pattern.lstrip("/")
    return bool(below) and any(found.resolve() in own for found in Path("/").glob(below))


def _wrong_port(device: Device, policy: Policy) -> str:
    """Return why the port is none to write in; attached files and files are in no port."""
    if device.kind is not DeviceKind.DISK or not policy.ports:
        return ""
    if any(matches_port(rule.pattern, device.port, device.topology) for rule in policy.ports):
        return ""
    files = sorted({rule.source.rpartition(":")[0] for rule in policy.ports})
    return f"{device.port or 'an unknown one'}, not listed in {' or '.join(files)}"


def _files(host: Host) -> Iterator[Path]:
    folders = (Path("/etc/edgectl"), config_dir()) if host.config is None else host.config
    for folder in folders:
        yield folder / _NAME
        yield from _drop_ins(folder / _DROP_INS)


def _drop_ins(folder: Path) -> list[Path]:
    try:
        files = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ConfigError(
            f"cannot read {folder}: {error.strerror}", hint="see who may read that folder"
        ) from error
    return [file for file in files if file.suffix == ".yaml" and not file.name.startswith(".")]


def _read_file(file: Path, faults: list[str]) -> Iterator[tuple[str, Rule]]:
    try:
        raw = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if file.is_symlink():
            faults.append(f"{file}: leads to nothing")
        return
    except OSError as error:
        faults.append(f"{file}: cannot be read: {error.strerror}")
        return
    from edge.config.stream import parse_stream

    try:
        documents = parse_stream(raw, source=str(file))
    except ConfigError as error:
        faults += error.faults or (error.message,)
        return
    if len(documents) > 1:
        faults.append(f"{file}:{documents[1].line}: a second document; one is all there can be")
    for document in documents[:1]:
        yield from _read_document(document.value, _Lines(file, document), faults)


class _Lines:
    """Says where a value is written."""

    def __init__(self, file: Path, document: "RawDocument") -> None:
        self._file, self._document = file, document

    def __call__(self, *path: str | int) -> str:
        line = self._document.lines.get(path, self._document.line)
        return f"{self._file}:{line}"


def _read_document(value: object, where: _Lines, faults: list[str]) -> Iterator[tuple[str, Rule]]:
    if not isinstance(value, dict):
        faults.append(f"{where()}: must be a mapping with {' and '.join(_KEYS)}")
        return
    for key, patterns in value.items():
        if key not in _KEYS:
            faults.append(f"{where(key)}: unknown key {key!r}; known: {', '.join(_KEYS)}")
        elif not isinstance(patterns, list) or not patterns:
            faults.append(f"{where(key)}: {key} must be a list with at least one pattern")
        else:
            yield from _read_patterns(key, patterns, where, faults)


def _read_patterns(
    key: str, patterns: Iterable[object], where: _Lines, faults: list[str]
) -> Iterator[tuple[str, Rule]]:
    for index, pattern in enumerate(patterns):
        # Serials look like numbers; what was written counts, zeros in front included.
        text = getattr(pattern, "text", pattern)
        if isinstance(text, str) and text.strip():
            yield key, Rule(text.strip(), where(key, index))
        else:
            faults.append(f"{where(key, index)}: {key}[{index}] must be a text")
