# SPDX-License-Identifier: Apache-2.0
"""Switches with a value, as `--wait=false`: what Go programs take and click does not."""

import re
from collections.abc import Iterable, Sequence

import click

_WITH_VALUE = re.compile(r"(--[a-z][a-z0-9-]*|-[a-zA-Z])=(true|false)", re.IGNORECASE)


def spell_out_switches(params: Iterable[click.Parameter], args: Sequence[str]) -> list[str]:
    """Return `args` with every `--switch=true|false` of `params` as click spells it."""
    switches = {
        name: option
        for option in params
        if isinstance(option, click.Option) and option.is_flag
        for name in option.opts
    }
    spelled: list[str] = []
    for at, word in enumerate(args):
        if word == "--":
            return [*spelled, *args[at:]]
        match = _WITH_VALUE.fullmatch(word)
        option = switches.get(match[1]) if match else None
        if match and option:
            spelled.extend(_spell(option, match[1], on=match[2].lower() == "true"))
        else:
            spelled.append(word)
    return spelled


def _spell(option: click.Option, name: str, *, on: bool) -> list[str]:
    if on:
        return [name]
    # A switch without an opposite is off when it is left out.
    return option.secondary_opts[:1]
