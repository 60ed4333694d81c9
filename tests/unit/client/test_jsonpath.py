# SPDX-License-Identifier: Apache-2.0
"""The JSONPath subset that columns and `-o jsonpath=` use."""

from typing import Any

import pytest

from edge.client.jsonpath import render, select
from edge.errors import ConfigError

VALUE: dict[str, Any] = {
    "name": "eth0",
    "up": True,
    "mtu": 1500,
    "none": None,
    "addresses": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}],
    "labels": {"talos.dev/a:b": "x"},
    "dotted.key": "y",
    "states": [{"id": 1, "up": True}, {"id": 2, "up": False}],
}


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("{.name}", "eth0"),
        ("name", "eth0"),
        ("$.mtu", 1500),
        ("{.addresses[1].ip}", "10.0.0.2"),
        ("{.addresses[7].ip}", None),
        ("{.addresses[*].ip}", ["10.0.0.1", "10.0.0.2"]),
        ("{.addresses[:].ip}", ["10.0.0.1", "10.0.0.2"]),
        ("{.labels['talos.dev/a:b']}", "x"),
        ('{.labels["talos.dev/a:b"]}', "x"),
        (r"{.dotted\.key}", "y"),
        ("{.addresses[-1].ip}", "10.0.0.2"),
        ("{.addresses[1:].ip}", ["10.0.0.2"]),
        ("{.addresses[:-1].ip}", ["10.0.0.1"]),
        ('{.addresses[?(@.ip=="10.0.0.2")].ip}', ["10.0.0.2"]),
        ("{.addresses[?(@.ip != '10.0.0.2')].ip}", ["10.0.0.1"]),
        ("{.addresses[?(@.mask)].ip}", []),
        ("{.states[?(@.up==true)].id}", [1]),
        ("{.missing.deeper}", None),
        ("{@}", VALUE),
    ],
)
def test_path_selects(path: str, selected: Any) -> None:
    """Fields, indices and wildcards select; what is absent is nothing."""
    assert select(VALUE, path) == selected


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{.name} has {.mtu}", "eth0 has 1500"),
        ("{.up}", "true"),
        ("{.none}{.missing}", ""),
        ("{.addresses[0]}", '{"ip":"10.0.0.1"}'),
        ("{.addresses[*].ip}", "10.0.0.1 10.0.0.2"),
        ("name", "eth0"),
        ("{@}x", None),
    ],
)
def test_template_is_filled(template: str, text: str | None) -> None:
    """Texts stand as they are, other values as compact JSON."""
    if text is not None:
        assert render(VALUE, template) == text
    else:
        assert render("v", template) == "vx"


@pytest.mark.parametrize("path", ["{.a[?(b)]}", "{.a..b}", "{.a[}"])
def test_path_beyond_the_subset_is_refused(path: str) -> None:
    """What is not understood is named, never guessed."""
    with pytest.raises(ConfigError, match="is not understood"):
        select(VALUE, path)
