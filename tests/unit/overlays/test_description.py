# SPDX-License-Identifier: Apache-2.0
"""What sources of overlays say of themselves."""

import pytest

from edge.errors import ConfigError
from overlays.description import Choice, Description, Integer, read_description

SOURCE = """\
/* licence */
/*---
summary: A thing.
parameters:
  pin: {type: integer, text: Its pin., default: 4, minimum: 2, maximum: 27}
  chip:
    type: choice
    text: Its chip.
    default: a
    choices: {a: {address: 0x51}, b: {address: 0x68}}
modules: [one, two]
preload: [two]
---*/
/dts-v1/;
"""


def test_a_description_is_read_from_the_comment() -> None:
    """Numbers may be hexadecimal, as in the source below it."""
    found = read_description(SOURCE, name="thing.dts")
    assert found.summary == "A thing."
    assert isinstance(found.parameters["pin"], Integer)
    assert isinstance(found.parameters["chip"], Choice)
    assert found.parameters["chip"].choices["b"] == {"address": 0x68}
    assert found.preload == ("two",)


def test_a_source_without_one_has_no_parameters() -> None:
    """Overlays from elsewhere work as they are."""
    assert read_description("/dts-v1/;\n/plugin/;\n", name="x.dts") == Description()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("default: 4", "default: 1", "outside of minimum and maximum"),
        ("default: a", "default: c", "not among the choices"),
        ("b: {address: 0x68}", "b: {}", "must set the same values"),
        ("b: {address: 0x68}", "b: {address: '\"; x'}", "pattern"),
        (
            "summary: A thing.",
            "console: {device: ttyS0 init=/x}",
            "console.device: 'ttyS0 init=/x' does not fit",
        ),
        ("preload: [two]", "preload: [three]", "not in modules: three"),
        (
            "summary: A thing.",
            "sumary: A thing.",
            "sumary: there is no such field; did you mean summary?",
        ),
        ("summary: A thing.", "summary: [", ": line "),
        ("summary: A thing.", "summary: A.\nsummary: B.", "'summary' is there twice"),
    ],
)
def test_faults_are_told(old: str, new: str, fault: str) -> None:
    """A description is refused with its file and the place in it."""
    with pytest.raises(ConfigError) as caught:
        read_description(SOURCE.replace(old, new), name="thing.dts")
    assert fault in " ".join(caught.value.faults)
    assert "thing.dts" in caught.value.message
