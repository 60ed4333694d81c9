# SPDX-License-Identifier: Apache-2.0
"""YAML that somebody else wrote, meaning harm or not."""

import pytest

from boards.text import load_yaml
from edge.errors import ConfigError
from flasher.extension.document import parse_document
from overlays.description import read_description

BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{each}: &a{each} [{', '.join([f'*a{each - 1}'] * 10)}]\n" for each in range(1, 9)
)
HOSTILE = [
    pytest.param(BOMB, "line 2, column 10: write it out", id="bomb"),
    pytest.param("a: &a [*a]", "line 1, column 8: write it out", id="circle"),
    pytest.param(f"a: {'[' * 3000}", "not plain data", id="depth"),
    pytest.param("a: 2024-02-31", "not plain data", id="no-date"),
    pytest.param("a: 2024-02-28", "not plain data", id="date"),
    pytest.param("a: !!int x", "not plain data", id="no-number"),
    pytest.param("a: !!bool x", "not plain data", id="no-truth"),
    pytest.param("a: !!timestamp x", "not plain data", id="no-time"),
    pytest.param("a: !!map [x]", "expected a mapping", id="no-mapping"),
    pytest.param("a: 0x" + "f" * 20000, "not plain data", id="long-number"),
    pytest.param("a: 1\na: 2", "line 2, column 1: 'a' is there twice", id="twice"),
    pytest.param("1: 2", "is no text", id="number-as-key"),
    pytest.param("? [a]\n: 2", "is no text", id="list-as-key"),
    pytest.param("a: \x00", "special characters", id="character"),
]


def told(error: ConfigError) -> str:
    text = "\n".join((error.message, *error.faults))
    assert "unicode string" not in text
    return text


@pytest.mark.parametrize(("text", "fault"), HOSTILE)
def test_hostile_documents_are_refused(text: str, fault: str) -> None:
    """Each with one plain fault, at once, whoever reads it."""
    with pytest.raises(ConfigError) as caught:
        load_yaml(text, source="x")
    assert fault in told(caught.value)
    with pytest.raises(ConfigError) as caught:
        parse_document(text, source="x")
    assert fault in told(caught.value)
    with pytest.raises(ConfigError) as caught:
        read_description(f"/*---\n{text}\n---*/\n", name="x.dts")
    assert "the description of x.dts" in told(caught.value)
