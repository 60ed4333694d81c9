# SPDX-License-Identifier: Apache-2.0
"""What a console tells about the machine at its other end: board, kernel, and the node's identity.

A node of ours prints, whenever it changes:

    edge: maintenance ADDRESS[,ADDRESS...] fingerprint DIGEST [card ID]
    edge: running ADDRESS[,ADDRESS...] fingerprint DIGEST [card ID]

A console is a wire: whoever holds it could print anything, noise may change a character, and the
kernel prints what USB devices call themselves. So a fingerprint from here is a pin to check a
connection against, and one that another line of the same boot contradicts is none.
"""

import re
from binascii import a2b_base64
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from edge.errors import EdgeError
from edge.events import Event

MAX_RIVALS: Final = 4
_DIGEST_BYTES: Final = 32
_NODE: Final = re.compile(r"^edge: (maintenance|running)\b(.*)")
_FINGERPRINT: Final = re.compile(r"\bfingerprint (\S+)")
_CARD: Final = re.compile(r"\bcard ([0-9a-f]{16})\b")
_MODEL: Final = re.compile(r"^(?:Machine model|DMI): (.+)")
_BOARD: Final = re.compile(r"^Kernel command line: .*\bedge\.board=([a-z0-9-]+)")
_KERNEL: Final = re.compile(r"^Linux version (\S+)")
# What gives a board's SoC away before anybody named its profile.
_FAMILIES: Final = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        (r"^Machine model: Raspberry Pi (4|400|Compute Module 4)", "bcm2711"),
        (r"^Machine model: Raspberry Pi (5|500|Compute Module 5)", "bcm2712"),
        (r"^Machine model: Raspberry Pi (3|Zero 2|Compute Module 3)", "bcm2837"),
        (r"^Starting start4\.elf @ 0x", "bcm2711"),
        (r"^dt-match: .*brcm,bcm2712", "bcm2712"),
        (r"\[L4T TegraBoot\]|^Machine model: NVIDIA Jetson Nano", "tegra210"),
        (r"MB1 \(version: \S*-t194-|^Machine model: NVIDIA Jetson .*Xavier", "tegra194"),
        (r"MB1 \(version: \S*-t234-|^Machine model: NVIDIA Jetson .*Orin", "tegra234"),
        (r"^Machine model: .*(ROCK 5|Turing (Machines )?RK1|RK3588)", "rk3588"),
        (r"^DMI: ", "pc"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about the machine of the latest boot; empty where it said nothing."""

    board: str = ""
    """The profile that its image was built for."""
    model: str = ""
    kernel: str = ""
    family: str = ""
    """The SoC family, as `soc` of a profile spells it."""
    state: str = ""
    """`maintenance` or `running`, once a node of ours said so."""
    addresses: tuple[str, ...] = ()
    """The node's addresses; those that need a zone to be reached come last."""
    fingerprint: str = ""
    """Of its key, in base64, as pins are."""
    card: str = ""
    """The enrolment id of the card that it booted from."""
    rivals: tuple[str, ...] = ()
    """Other fingerprints that were named in the same boot: not all of them can be the node's."""

    @property
    def is_reachable(self) -> bool:
        """Say whether the node can be called and recognised with this alone."""
        return bool(self.addresses and self.fingerprint)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsLearned(Event):
    """The console of boot number `boot` told something new; `facts` is all that is known now."""

    facts: Facts
    boot: int


def is_about_node(line: str) -> bool:
    """Say whether `line` is one in which a node of ours says who it is."""
    return bool(_NODE.match(line))


def learn(facts: Facts, line: str) -> Facts:
    """Return `facts` with what `line` adds to them."""
    if found := _NODE.match(line):
        return _learn_node(facts, found[1], found[2])
    if found := _KERNEL.match(line):
        facts = replace(facts, kernel=found[1])
    if found := _BOARD.match(line):
        family = facts.family or _family_of(found[1])
        return replace(facts, board=found[1], family=family)
    if found := _MODEL.match(line):
        facts = replace(facts, model=found[1].strip())
    for regex, family in _FAMILIES:
        # The first word counts: "DMI:" of a board with a device tree says less than its MB1.
        if not facts.family and regex.search(line):
            return replace(facts, family=family)
    return facts


def _learn_node(facts: Facts, state: str, words: str) -> Facts:
    pin = _FINGERPRINT.search(words)
    card = _CARD.search(words)
    found = [text for each in re.split(r"[\s,]+", words) if (text := _address(each))]
    named = pin[1] if pin and _is_digest(pin[1]) else facts.fingerprint
    return replace(
        facts,
        state=state,
        addresses=tuple(sorted(found, key=lambda each: ip_address(each).is_link_local)),
        fingerprint=named,
        card=card[1] if card else facts.card,
        rivals=_rivals(facts, named),
    )


def _rivals(facts: Facts, named: str) -> tuple[str, ...]:
    before = {*facts.rivals, facts.fingerprint} - {named, ""}
    return tuple(sorted(before)[:MAX_RIVALS])


def _family_of(board: str) -> str:
    # Late, because most consoles are read without a profile.
    from boards.catalog import load_profile

    try:
        return load_profile(board).soc
    except EdgeError:
        return ""


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def _is_digest(text: str) -> bool:
    try:
        return len(a2b_base64(text, strict_mode=True)) == _DIGEST_BYTES
    except ValueError:
        return False
