# SPDX-License-Identifier: Apache-2.0
"""Everything that is wrong with the file of a board, at once, and what is odd but allowed."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from boards.catalog import SHIPPED, all_profiles, base_document
from boards.document import (
    Document,
    inherit,
    module_sets,
    with_module_sets,
)
from boards.fault import Place, find_faults, name_place
from boards.profile import Profile
from boards.text import IMPOSSIBLE, LARGEST_BYTES, UserLoader
from edge.errors import EdgeError
from edge.text import STDIN, read_given

FEATURES = (
    "network",
    "USB",
    "serial console",
    "temperature",
    "watchdog",
    "power button",
    "clock (RTC)",
)
"""What a buyer asks of every board, besides its disks."""

_BAUDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1500000)
_FAT32_MIB = 256  # below that it counts as FAT16 for the Raspberry Pi firmware


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """Something about a line of the file; `place` is the field, where there is one."""

    line: int
    column: int
    place: str
    text: str

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}: " if self.line else ""
        return f"{where}{self.place}: {self.text}" if self.place else f"{where}{self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is wrong, what is worth a look, and the profile if nothing is wrong."""

    faults: tuple[Finding, ...]
    notes: tuple[Finding, ...] = ()
    profile: Profile | None = None


def check_board(path: Path) -> Findings:
    """Return everything that can be said against the board in the file `path`.

    Raises:
        InputError: when the file cannot be read.
        ConfigError: when it is no text.
    """
    text = read_given(path, LARGEST_BYTES)
    try:
        root = yaml.compose(text, Loader=UserLoader)
        own = yaml.load(text, Loader=UserLoader)  # noqa: S506 -- derived from the safe one
    except yaml.YAMLError as error:
        return Findings(faults=(_syntax_fault(error),))
    except IMPOSSIBLE as error:
        return Findings(faults=(_finding("", f"it holds an impossible value: {error}"),))
    if not isinstance(own, dict):
        return Findings(faults=(_finding("", "it is not a mapping of fields to values"),))
    return _check(path, own, _Marks(root))


class _Marks:
    """Where in the file each field is, and which keys are there twice."""

    def __init__(self, root: Any) -> None:
        self.places: dict[Place, tuple[int, int]] = {}
        self.twice: list[Place] = []
        self._seen: set[int] = set()
        self._walk(root, ())

    def find(self, place: Sequence[int | str]) -> tuple[int, int]:
        """Return line and column of the field or of the nearest one that holds it; 0 for none."""
        for length in range(len(place), 0, -1):
            if found := self.places.get(tuple(place[:length])):
                return found
        return (0, 0)

    def _walk(self, node: Any, place: Place) -> None:
        if id(node) in self._seen:  # an alias; it may even hold itself
            return
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = (*place, str(key.value))
                if below in self.places and place not in self.twice:
                    self.twice.append(below)
                self.places[below] = (key.start_mark.line + 1, key.start_mark.column + 1)
                self._walk(value, below)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self.places[*place, index] = (
                    value.start_mark.line + 1,
                    value.start_mark.column + 1,
                )
                self._walk(value, (*place, index))


def _check(path: Path, own: Document, marks: _Marks) -> Findings:
    faults = [(place, "is there twice; the last one counts") for place in marks.twice]
    try:
        whole, orphan = inherit(own, base_document), False
    except EdgeError as error:
        hint = f" ({error.hint})" if error.hint else ""
        faults.append((("extends",), f"{error.message}{hint}"))
        whole = {key: value for key, value in own.items() if key not in ("extends", "replaces")}
        orphan = True
    faults += _unknown_sets(whole)
    profile, more = _profile(whole)
    # Without its base, what is missing is the base's to have.
    faults += [each for each in more if not (orphan and each[1] == "is missing")]
    faults += _name_faults(path, whole, own)
    faults += _collisions(whole, _others(str(whole.get("name"))))
    placed = sorted({_finding_at(place, text, marks) for place, text in faults})
    if placed or profile is None:
        return Findings(faults=tuple(placed))
    notes = (_finding_at(place, text, marks) for place, text in _notes(profile, own))
    return Findings(faults=(), notes=tuple(sorted(set(notes))), profile=profile)


def _profile(whole: Document) -> tuple[Profile | None, list[tuple[Place, str]]]:
    spelt_out = with_module_sets(whole, known_only=True)
    try:
        return Profile.model_validate_json(json.dumps(spelt_out)), []
    except ValidationError as error:
        found = find_faults(error, Profile)
        return None, [(_written_at(place, whole, spelt_out), text) for place, text in found]
    except (TypeError, ValueError, RecursionError) as error:
        return None, [((), f"holds a value that is not plain data, such as a date: {error}")]


def _written_at(place: Place, whole: Document, spelt_out: Document) -> Place:
    """Return where a module stands in the file, in front of which its sets were spelt out."""
    if place[:2] != ("kernel", "modules") or len(place) < 3:
        return place
    module = spelt_out["kernel"]["modules"][place[2]]
    own = whole["kernel"]["modules"]
    return ("kernel", "modules", own.index(module)) if module in own else place


def _unknown_sets(whole: Document) -> Iterator[tuple[Place, str]]:
    kernel = whole.get("kernel")
    sets = kernel.get("sets") if isinstance(kernel, dict) else None
    known = module_sets()
    for index, name in enumerate(sets if isinstance(sets, list) else ()):
        if isinstance(name, str) and name not in known:
            place = ("kernel", "sets", index)
            yield place, f"there is no set of modules {name!r}; there are {', '.join(known)}"


def _name_faults(path: Path, whole: Document, own: Document) -> Iterator[tuple[Place, str]]:
    name = whole.get("name")
    if path == STDIN or not path.is_file():  # a pipe: it has yet to be given the name of a file
        path = Path(f"{name}.yaml")
    if path.suffix != ".yaml":
        yield (), f"the file must be called {path.stem}.yaml to be found"
    if isinstance(name, str) and name != path.stem:
        yield ("name",), f"is {name!r}, but the file is called {path.name}; make them the same"
    shipped = isinstance(name, str) and (SHIPPED / f"{name}.yaml").is_file()
    if shipped and own.get("replaces") is not True and path.resolve().parent != SHIPPED:
        text = f"{name!r} is a board of the toolkit; choose another name, or write replaces: true"
        yield ("name",), text
    if "replaces" in own and not isinstance(own["replaces"], bool):
        yield ("replaces",), "must be true or false"
    if own.get("replaces") is True and not shipped:
        yield ("replaces",), f"there is no board {name!r} of the toolkit to replace"


def _others(name: str) -> Iterator[Profile]:
    return (each for each in all_profiles() if each.name != name)


def _collisions(whole: Document, others: Iterable[Profile]) -> Iterator[tuple[Place, str]]:
    match = whole.get("match")
    if not isinstance(match, dict):
        return
    for other in others:
        for index, entry in enumerate(_list(match.get("compatible"))):
            if entry in other.match.compatible:
                place = ("match", "compatible", index)
                yield (
                    place,
                    f"{entry!r} is how board {other.name} is recognised; it can be one only",
                )
        theirs = [each.model_dump(exclude_none=True) for each in other.match.dmi]
        for index, entry in enumerate(_list(match.get("dmi"))):
            if entry in theirs:
                yield ("match", "dmi", index), f"board {other.name} is recognised by the same"
        generic = match.get("fallback") is True and other.match.fallback
        if generic and other.arch == whole.get("arch"):
            yield ("match", "fallback"), f"board {other.name} is that already for {other.arch}"


def _notes(profile: Profile, own: Document) -> Iterator[tuple[Place, str]]:
    yield from _recognition_notes(profile)
    yield from _promise_notes(profile)
    yield from _hardware_notes(profile)
    kernel = own.get("kernel")
    named = _list(kernel.get("modules")) if isinstance(kernel, dict) else []
    in_sets = {module for each in profile.kernel.sets for module in module_sets()[each]}
    for index, module in enumerate(named):
        if module in in_sets:
            yield ("kernel", "modules", index), f"{module} is in one of the sets already"
    for module, count in Counter(map(str, named)).items():
        if count > 1:
            yield ("kernel", "modules"), f"{module} is there {count} times"


def _recognition_notes(profile: Profile) -> Iterator[tuple[Place, str]]:
    match = profile.match
    if not (match.compatible or match.dmi or match.fallback):
        yield ("match",), "nothing recognises this board; edgectl boards detect never finds it"
    if not profile.models:
        yield ("models",), "says nothing; people want to know which revisions are meant"


def _promise_notes(profile: Profile) -> Iterator[tuple[Place, str]]:
    told = {each.feature for each in profile.works}
    if missing := [feature for feature in FEATURES if feature not in told]:
        yield ("works",), f"says nothing of {', '.join(missing)}"
    unchecked = [each.feature for each in profile.works if each.evidence == "unverified"]
    if profile.works and len(unchecked) == len(profile.works):
        yield ("works",), "nothing of it was checked"
    if profile.tier == "A" and not profile.emulators:
        yield ("tier",), "is A, but no emulator stands in for the board"
    if profile.tier != "C" and any(piece.required for piece in profile.pieces):
        yield ("tier",), f"is {profile.tier}, but the user has to supply pieces; that is C"


def _hardware_notes(profile: Profile) -> Iterator[tuple[Place, str]]:
    if profile.console.baud not in _BAUDS:
        yield ("console", "baud"), f"{profile.console.baud} is an unusual speed"
    needs = profile.kernel.needs
    if not (needs.disk and needs.network):
        yield ("kernel", "needs"), "nothing is checked of what reaches the disk and the network"
    if profile.media.smallest_bytes > profile.media.largest_expected_bytes:
        yield ("media",), "the smallest disk is larger than the largest"
    if profile.config_txt and profile.partition_table.efi_mib < _FAT32_MIB:
        text = f"is less than {_FAT32_MIB}; the Raspberry Pi firmware may take it for FAT16"
        yield ("partition_table", "efi_mib"), text
    if profile.watchdog is None:
        yield ("watchdog",), "there is none; a hung board stays hung"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _finding_at(place: Place, text: str, marks: _Marks) -> Finding:
    return _finding(name_place(place), text, marks.find(place))


def _finding(place: str, text: str, at: tuple[int, int] = (0, 0)) -> Finding:
    return Finding(line=at[0], column=at[1], place=place, text=text)


def _syntax_fault(error: yaml.YAMLError) -> Finding:
    mark = getattr(error, "problem_mark", None)
    at = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    problem = getattr(error, "problem", None) or str(error)
    context = getattr(error, "context", None)
    told = f"{problem} ({context})" if context else problem
    return _finding("", f"this is not YAML: {told}", at)
