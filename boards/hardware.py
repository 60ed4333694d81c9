# SPDX-License-Identifier: Apache-2.0
"""What a board is and does: identity, boot chain, promises, console, sensors, recovery."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from boards.section import Fact, Section


def _regular(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_regular)]


class DmiMatch(Section):
    """Patterns (regular expressions) that this machine's DMI strings must all contain."""

    sys_vendor: Pattern | None = None
    product_name: Pattern | None = None
    board_name: Pattern | None = None

    @model_validator(mode="after")
    def _something(self) -> "DmiMatch":
        if not any((self.sys_vendor, self.product_name, self.board_name)):
            raise ValueError("needs at least one of sys_vendor, product_name, board_name")
        return self


class Match(Section):
    """How a running machine is recognised: device tree first, DMI where there is none."""

    compatible: tuple[Annotated[str, Field(pattern=r"^[^,\s]+,[^\s]+$")], ...] = ()
    dmi: tuple[DmiMatch, ...] = ()
    fallback: bool = False
    """Fits every machine with UEFI and this processor that no other board fits."""


class Step(Fact):
    """One stage of the boot chain: who runs, and what it does or looks for."""

    stage: str


class Promise(Fact):
    """Whether something that people buy the board for works with this kernel."""

    feature: str
    state: Literal["works", "partly", "no", "unknown"]


class Console(Fact):
    """The serial console: its name in Linux, its speed, and where to connect."""

    device: Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$")]
    baud: int = Field(default=115200, gt=0)
    connect: str = ""
    adapter: Annotated[str, Field(pattern=r"^([0-9a-f]{4}:[0-9a-f]{4})?$")] = ""
    """USB vendor and product of an adapter that is part of the board."""
    adapter_port: int = Field(default=0, ge=0)
    """Which of that adapter's ports is the console, counted from 0."""


class Watchdog(Fact):
    """What restarts a hung board."""

    module: str
    identity: str = ""
    """What the driver calls itself in /sys/class/watchdog."""
    longest_s: int | None = Field(default=None, gt=0)


class Sensor(Fact):
    """Something that can be read at run time: a thermal zone, a voltage, a fan."""

    name: str
    where: str = ""
    """The thermal zone's type, the hwmon name or the path."""


class UsbId(Fact):
    """How the board shows itself on the USB of the machine at the desk; `text` says what to do."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]
    mode: Literal["recovery", "storage", "running", "console"]
    name: str
