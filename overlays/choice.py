# SPDX-License-Identifier: Apache-2.0
"""What a user writes to choose an overlay: a name or a file, and parameters."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import InputError

SUFFIXES = (".dts", ".dtbo")
_FORM = re.compile(r"(?P<name>[^,=]+?)(?P<parameters>(?:,[a-z][a-z0-9-]*=[^,=]+)*)")


@dataclass(frozen=True, slots=True)
class OverlayChoice:
    """An overlay of the toolkit by its name, or a user's by the path of its file."""

    name_or_path: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path | None:
        """The user's file; None when a name was given."""
        is_file = "/" in self.name_or_path or self.name_or_path.endswith(SUFFIXES)
        return Path(self.name_or_path) if is_file else None

    def __str__(self) -> str:
        parameters = (f"{name}={value}" for name, value in self.parameters.items())
        return ",".join((self.name_or_path, *parameters))


def parse_choice(text: str) -> OverlayChoice:
    """Return the choice that `NAME[,PARAMETER=VALUE…]` stands for.

    Raises:
        InputError: when it has another form, or a parameter twice.

    >>> parse_choice("i2c-rtc,chip=pcf8523").parameters
    {'chip': 'pcf8523'}
    """
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise InputError(
            f"cannot read overlay {text!r}",
            hint="write NAME or FILE, then parameters: i2c-rtc,chip=pcf8523,bus=1",
        )
    pairs = [each.partition("=") for each in form["parameters"].split(",")[1:]]
    parameters = {name: value for name, _, value in pairs}
    if len(parameters) < len(pairs):
        raise InputError(f"overlay {text!r} gives a parameter twice")
    return OverlayChoice(form["name"], parameters)
