# SPDX-License-Identifier: Apache-2.0
"""Compiled device trees read back."""

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import ImageError, InputError
from flasher.devicetree.tree import is_text, load_tree, parse_tree, strings
from tests.unit.devicetree.conftest import BASE, Compile


def test_nodes_properties_labels_and_handles_are_read(base: Path) -> None:
    """As the source has them."""
    tree = load_tree(base)
    assert tree.compatible == ("maker,board", "brcm,bcm2711")
    assert tree.labels["uart0"] == "/bus@1000/serial@1200"
    node = tree.node("/bus@1000/serial@1200")
    assert node is not None
    assert strings(node.properties["status"]) == ("okay",)
    assert node.properties["pinctrl-0"] == tree.handles["/bus@1000/gpio@1100/uart-pins"].to_bytes(4)


def test_every_property_is_what_another_reader_says(base: Path) -> None:
    """The compiler's own tool sees the same bytes."""
    for path, node in load_tree(base).root.walk():
        for name, value in node.properties.items():
            command = ["fdtget", "-t", "bx", str(base), path, name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            assert bytes(int(byte, 16) for byte in done.stdout.split()) == value


def test_an_address_may_be_left_out(base: Path) -> None:
    """As the kernel looks nodes up."""
    tree = load_tree(base)
    assert tree.node("/bus/serial") is tree.node("/bus@1000/serial@1200")
    assert tree.node("/bus@1001") is None
    assert tree.node("/") is tree.root


def test_a_tree_without_labels_has_none(compiled: Compile) -> None:
    """Many kernels compile theirs like that."""
    assert load_tree(compiled(BASE, labels=False)).labels == {}


@pytest.mark.parametrize("blob", [b"", b"\xd0\x0d\xfe\xed", b"MZ" + bytes(100)])
def test_other_files_are_refused(blob: bytes) -> None:
    """By the name of the file."""
    with pytest.raises(ImageError, match=r"x\.dtb is not a compiled device tree"):
        parse_tree(blob, name="x.dtb")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """So is one that is far too large."""
    with pytest.raises(InputError, match="No such file"):
        load_tree(tmp_path / "none.dtb")
    with (tmp_path / "large.dtb").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ImageError, match="too large"):
        load_tree(tmp_path / "large.dtb")


def test_deep_nesting_is_refused(compiled: Compile) -> None:
    """The kernel would not take it either."""
    source = "/dts-v1/;/{" + "a{" * 70 + "};" * 71
    with pytest.raises(ImageError, match="nested too deeply"):
        load_tree(compiled(source))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_damage_is_an_error_of_ours(base: Path, data: st.DataObject) -> None:
    """Cut anywhere or with any bytes exchanged, a tree is read or refused."""
    blob = bytearray(base.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ImageError):
        parse_tree(bytes(blob[: data.draw(st.integers(0, len(blob)))]), name="x.dtb")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"okay\0", True),
        (b"a\0bc\0", True),
        (b"\0\0\0\1", False),
        (b"", False),
        (b"okay", False),
        (b"a\0\0", False),
    ],
)
def test_text_is_told_from_numbers(value: bytes, text: bool) -> None:
    """Only what cannot be meant otherwise is text."""
    assert is_text(value) is text
