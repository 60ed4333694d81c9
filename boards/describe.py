# SPDX-License-Identifier: Apache-2.0
"""A board's page for somebody who is about to buy or to flash it: what works, what does not."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from boards.boot import Loader
from boards.hardware import Promise
from boards.kernel import one_of
from boards.profile import Profile
from boards.section import Fact
from edge.units import format_size

WIDTH = 96

TIERS = {
    "A": "all of it comes from Debian, and what can be emulated is",
    "B": "Debian's parts, but a newer kernel than stable's or a loader that must be there already;"
    " never emulated",
    "C": "firmware or kernel come from you; what is checked is the image, not the board",
}
_EVIDENCE = {
    "emulated": "seen in an emulator",
    "package": "read out of Debian's packages, such as drivers, trees and firmware that fit",
    "source": "read in source code",
    "documentation": "said by the vendor or by reports of real boards",
    "unverified": "not checked; see for yourself before you rely on it",
}
_ORIGINS = {
    "package": "comes with the image, from Debian",
    "preinstalled": "must be on the board already",
    "file": "comes from you",
}


def describe(profile: Profile, *, source: str = "") -> str:
    """Return the page of a board; `source` says where its profile comes from if not from us."""
    blocks = [
        _head(profile, source),
        _block("What works", _promises(profile)),
        _block("Good to know", _facts(profile.pitfalls)),
        _block("You supply", _pieces(profile)),
        _block("Firmware", _platform(profile)),
        _block("How it starts", _chain(profile)),
        _block("What is on the disk", _disk(profile)),
        _block("Console", _console(profile)),
        _block("Sensors and watchdog", _sensors(profile)),
        _block("On the USB of your machine", _usb(profile)),
        _block("Recognised by", _match(profile)),
        _block("Tried without the board", _emulators(profile)),
        _block("In brackets: how it is known", _legend(profile)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def verdict(promise: Promise) -> str:
    """Return what a buyer may expect: what works is only "yes" where it was seen to."""
    if promise.state != "works":
        return promise.state
    return "yes" if promise.evidence == "emulated" else "should"


def _head(profile: Profile, source: str) -> str:
    rows = [("tier", f"{profile.tier}: {TIERS[profile.tier]}")]
    rows += [("covers" if not index else "", model) for index, model in enumerate(profile.models)]
    rows += [("profile", source)] if source else []
    lines = [f"{profile.title} ({profile.name}, {profile.arch})", *_wrap(profile.summary, "")]
    return "\n".join([*lines, "", *_table(rows, indent="")])


def _block(title: str, lines: Iterable[str]) -> str:
    body = list(lines)
    return "\n".join([title.upper(), *body]) if body else ""


def _promises(profile: Profile) -> Iterator[str]:
    rows = [(each.feature, verdict(each), f"{each.text} {_tag(each)}") for each in profile.works]
    if not rows:
        yield "  Nothing is promised; the profile does not say."
        return
    wide = max(len(feature) for feature, _, _ in rows)
    for feature, state, text in rows:
        yield from _wrap(text, f"  {feature:{wide}}  {state:7}  ")


def _facts(facts: Iterable[Fact]) -> Iterator[str]:
    for each in facts:
        yield from _wrap(f"{each.text} {_tag(each)}", "  - ")


def _pieces(profile: Profile) -> Iterator[str]:
    for each in profile.pieces:
        needed = "" if each.required else " (if you want it)"
        yield from _wrap(f"{each.title}{needed} {_tag(each)}", f"  --piece {each.name}=PATH  ")
        yield from _wrap(f"from {each.origin}: {each.action}", "      ")


def _platform(profile: Profile) -> Iterator[str]:
    where = _ORIGINS[profile.platform.origin]
    yield from _wrap(f"{where[:1].upper()}{where[1:]}. {_said(profile.platform)}", "  ")


def _chain(profile: Profile) -> Iterator[str]:
    for number, step in enumerate(profile.boot_chain, start=1):
        yield from _wrap(f"{step.stage}: {_said(step)}", f"  {number} ")


def _disk(profile: Profile) -> Iterator[str]:
    table, kernel, media = profile.partition_table, profile.kernel, profile.media
    origin = "from you" if kernel.origin == "file" else f"{kernel.package}, {kernel.origin}"
    disk = profile.install_disk
    named = f"{disk.path}: {disk.text}" if disk.path else disk.text
    rows = [
        ("medium", f"{', '.join(media.kinds)}; {format_size(media.smallest_bytes)} or more"),
        ("partitions", f"{table.kind.upper()}. {table.reason} {_tag(table)}"),
        ("kernel", f"{origin}. {_said(kernel)}".strip()),
        ("drivers", "; ".join(_needs(profile))),
        ("firmware", "; ".join(_files(profile))),
        ("loader", _loader(profile.loader)),
        ("trees", ", ".join(_trees(profile))),
        ("lives on", f"{named} {_tag(disk)}" if named else ""),
    ]
    yield from _table([(name, text) for name, text in rows if text])


def _needs(profile: Profile) -> Iterator[str]:
    needs = profile.kernel.needs
    for what, entries in (("disk", needs.disk), ("network", needs.network)):
        if entries:
            yield f"for the {what} {', '.join(' or '.join(one_of(each)) for each in entries)}"


def _trees(profile: Profile) -> Iterator[str]:
    for each in profile.device_trees:
        models = f" ({', '.join(each.models)})" if each.models else ""
        yield f"{each.path.rsplit('/', 1)[-1]}{models}{_text(each)} {_tag(each)}"


def _files(profile: Profile) -> Iterator[str]:
    for each in (*profile.driver_firmware, *([profile.microcode] if profile.microcode else [])):
        yield f"{', '.join(each.patterns)} of {each.package}{_text(each)} {_tag(each)}"


def _loader(loader: Loader) -> str:
    what = f"GRUB, {loader.package}" if loader.kind == "grub-efi" else "none of its own"
    suite = "" if loader.suite == "stable" else f", {loader.suite}"
    return f"{what}{suite}. {_said(loader)}"


def _console(profile: Profile) -> Iterator[str]:
    console = profile.console
    rows = [
        ("in Linux", f"{console.device} at {console.baud} baud"),
        ("connect", f"{console.connect} {_tag(console)}" if console.connect else ""),
        ("adapter", f"{console.adapter}, port {console.adapter_port}" if console.adapter else ""),
    ]
    yield from _table([(name, text) for name, text in rows if text])


def _sensors(profile: Profile) -> Iterator[str]:
    rows = [(each.name, f"{each.where} {_tag(each)}") for each in profile.sensors]
    if dog := profile.watchdog:
        longest = f", at most {dog.longest_s} s" if dog.longest_s else ""
        rows.append(("watchdog", f"{dog.identity or dog.module}{longest} {_tag(dog)}"))
    yield from _table(rows)


def _usb(profile: Profile) -> Iterator[str]:
    for each in profile.usb:
        yield from _wrap(f"{each.name}: {_said(each)}", f"  {each.id}  ")


def _match(profile: Profile) -> Iterator[str]:
    match = profile.match
    rows = [("device tree", ", ".join(match.compatible))] if match.compatible else []
    for each in match.dmi:
        given = each.model_dump(exclude_none=True).items()
        rows.append(("DMI", ", ".join(f"{name} {pattern}" for name, pattern in given)))
    if match.fallback:
        rows.append(("UEFI", "where no other board fits"))
    yield from _table(rows)


def _emulators(profile: Profile) -> Iterator[str]:
    for each in profile.emulators:
        program = f"QEMU {each.at_least} or later, machine {each.machine}"
        yield from _wrap(f"{program}. {_said(each)}", f"  {each.name}  ")
    if profile.emulators:
        yield f"  edgectl demo --board {profile.name}"


def _legend(profile: Profile) -> Iterator[str]:
    used = {fact.evidence for fact in _all_facts(profile)}
    rows: list[tuple[str, str]] = [each for each in _EVIDENCE.items() if each[0] in used]
    if any(verdict(each) == "should" for each in profile.works):
        rows.append(
            ("should", "it is there and fits, or its maker says so; nobody here saw it work")
        )
    yield from _table(rows)


def _all_facts(profile: Profile) -> Iterator[Fact]:
    yield from (*profile.works, *profile.pitfalls, *profile.pieces, *profile.boot_chain)
    yield from (*profile.usb, *profile.sensors, *profile.emulators)
    yield from (*profile.device_trees, *profile.driver_firmware, profile.loader)
    yield from (profile.platform, profile.partition_table, profile.kernel, profile.console)
    yield profile.install_disk
    yield from filter(None, (profile.watchdog, profile.microcode))


def _text(fact: Fact) -> str:
    return f": {fact.text}" if fact.text else ""


def _said(fact: Fact) -> str:
    return f"{fact.text} {_tag(fact)}".strip()


def _tag(fact: Fact) -> str:
    return f"[{fact.evidence}: {fact.source}]" if fact.source else f"[{fact.evidence}]"


def _table(rows: Sequence[tuple[str, str]], indent: str = "  ") -> Iterator[str]:
    wide = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        yield from _wrap(text, f"{indent}{name:{wide}}  ")


def _wrap(text: str, first: str) -> list[str]:
    """Return `text` in lines of at most WIDTH, the later ones as far in as `first` is long."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
