# SPDX-License-Identifier: Apache-2.0
"""What an overlay says of itself: YAML in a comment of its source, between `/*---` and `---*/`."""

import json
import re
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from boards.fault import find_faults
from boards.section import Fact, ModuleName, Name, Section
from boards.text import load_yaml
from edge.errors import ConfigError

Inert = Annotated[str, Field(pattern=r"^[A-Za-z0-9_,.@/: -]*$")]
"""A value that goes into a source: nothing in it ends a string, a cell or a node."""

_COMMENT = re.compile(r"^/\*---\n(.*?)^---\*/", re.DOTALL | re.MULTILINE)


class Integer(Section):
    """A number within a range; the source gets it times `scale`."""

    type: Literal["integer"]
    text: str
    default: int
    minimum: int
    maximum: int
    scale: int = 1
    unit: str = ""

    @model_validator(mode="after")
    def _default_is_allowed(self) -> "Integer":
        if not self.minimum <= self.default <= self.maximum:
            raise ValueError("the default is outside of minimum and maximum")
        return self


class Choice(Section):
    """One of a few words; each sets the values that the source has gaps for."""

    type: Literal["choice"]
    text: str
    default: str
    choices: dict[str, dict[str, Inert | int]] = Field(min_length=1)

    @model_validator(mode="after")
    def _choices_agree(self) -> "Choice":
        if self.default not in self.choices:
            raise ValueError("the default is not among the choices")
        if len({frozenset(values) for values in self.choices.values()}) > 1:
            raise ValueError("every choice must set the same values")
        return self


class SerialConsole(Section):
    """Where the serial console is once the overlay has moved it."""

    device: Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$")]
    baud: int = Field(default=115200, gt=0)
    connect: str = ""


class Description(Section):
    """Purpose, parameters, effects beside the device tree, and what is known to go wrong."""

    summary: str = ""
    parameters: dict[Name, Annotated[Integer | Choice, Field(discriminator="type")]] = Field(
        default_factory=dict
    )
    console: SerialConsole | None = None
    conflicts: tuple[Name, ...] = ()
    """Overlays that cannot be chosen along with this one, besides another of itself."""
    repeatable: bool = False
    """Several of it can be chosen, with different parameters."""
    modules: tuple[ModuleName, ...] = ()
    """Drivers that the image needs; some kernels have one of them built in."""
    preload: tuple[ModuleName, ...] = ()
    """Those of them that no device asks for: they are loaded by name at boot."""
    absent_on: tuple[str, ...] = ()
    """Boards of the family that lack the hardware, by the `compatible` of their device trees; these
    trees stay as they are."""
    caveats: tuple[Fact, ...] = ()

    @model_validator(mode="after")
    def _preloaded_modules_are_there(self) -> "Description":
        if missing := [name for name in self.preload if name not in self.modules]:
            raise ValueError(f"preload names modules that are not in modules: {', '.join(missing)}")
        return self


def read_description(source: str, *, name: str) -> Description:
    """Return the description in the source of an overlay; an empty one when it has none.

    Raises:
        ConfigError: with every fault of the description, each with its field.
    """
    comment = _COMMENT.search(source)
    if comment is None:
        return Description()
    document = load_yaml(comment[1], source=f"the description of {name}")
    try:
        return Description.model_validate_json(json.dumps(document))
    except ValidationError as error:
        faults = tuple(
            f"{name}: {'.'.join(map(str, place))}: {text}"
            for place, text in find_faults(error, Description)
        )
        raise ConfigError(f"{name} does not describe itself rightly", faults=faults) from error
