# SPDX-License-Identifier: Apache-2.0
"""The Raspberry Pi firmware's configuration, rendered from the profile and the user's own lines.

The user's lines are kept in a file of their own beside it. Whatever writes `config.txt` again, an
upgrade above all, renders it from the new profile and that file, so that no line of theirs is lost.
"""

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby

from boards.boot import ConfigLine
from edge.errors import ConfigError

CONFIG = "config.txt"
USER_CONFIG = "user-config.txt"
LONGEST_LINE = 98  # the firmware cuts what is behind
_HEAD = f"Written by edgectl from the board profile. Your own lines belong into {USER_CONFIG}."


def slot_lines(slot: str) -> tuple[ConfigLine, ...]:
    """Return the lines by which the firmware starts the kernel of a slot, without a loader."""
    reason = f"Kernel, initramfs, command line and device trees are those in {slot}/."
    return (
        ConfigLine(line=f"os_prefix={slot}/", reason=reason),
        ConfigLine(line="kernel=vmlinuz"),
        ConfigLine(line="initramfs initramfs followkernel"),
    )


def render_config(lines: Sequence[ConfigLine], user: str = "") -> str:
    """Return `config.txt` with the profile's lines first and those of `user` behind them.

    Raises:
        ConfigError: when a line of `user` is longer than the firmware reads.
    """
    text = "".join(_comment(_HEAD))
    before = "all"
    for section, members in groupby(lines, key=lambda line: line.section):
        # Filters of different kinds add up, such as one for a model and one for a pin.
        text += "[all]\n" if before != "all" != section else ""
        text += f"[{section}]\n" + "".join(_entry(line) for line in members)
        before = section
    own = user.strip()
    if own:
        text += "[all]\n" + "".join(_comment(f"From {USER_CONFIG}.")) + _checked(own) + "\n"
    return text + "[all]\n"


def _entry(line: ConfigLine) -> str:
    return "".join(_comment(line.reason)) + f"{line.line}\n"


def _comment(text: str) -> Iterable[str]:
    return (f"# {line}\n" for line in textwrap.wrap(text, LONGEST_LINE - 2))


def _checked(user: str) -> str:
    for number, line in enumerate(user.splitlines(), 1):
        if (size := len(line.encode())) > LONGEST_LINE:
            raise ConfigError(
                f"line {number} of your config.txt has {size} characters",
                hint=f"the firmware reads {LONGEST_LINE} of a line; split it or shorten it",
            )
    return user
