# SPDX-License-Identifier: Apache-2.0
"""Whatever is in the folder of boards, the shipped ones are there and faults are told."""

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boards.catalog import SHIPPED, all_profiles, faulty_boards, parse_profile
from boards.validate import check_board
from edge.errors import ConfigError, EdgeError

SHIPPED_NAMES = {path.stem for path in SHIPPED.glob("*.yaml")}
NASTY = (
    "made: 2026-02-31",
    "a: &a [*a]",
    "[" * 50_000,  # libyaml would end the process
    "{[a]: b}",
    "1: 2",
    "name: .nan\nkernel: .inf",
    "extends: rpi4\nkernel: &k {sets: [*k]}",
    "extends: rpi4\nkernel: {sets: [[1], {}], modules: 3}",
    "extends: rpi4\nkernel: {sets: efi}",
    "extends: rpi4\nmatch: {compatible: rpi, dmi: {a: 1}}",
    "extends: rpi4\nmatch: [1]",
    "extends: rpi4\nworks: {a: 1}",
    "extends: {}",
    "!!python/object/apply:os.system ['true']",
    "--- a\n--- b",
    "\0",
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3)
    ),
    max_leaves=8,
)
_NAMES = "name title arch match kernel works pieces loader console usb media extends replaces"
fields = st.sampled_from(_NAMES.split(" "))


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the empty folder of the user's boards."""
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path))
    monkeypatch.delenv("EDGECTL_BOARDS", raising=False)
    (tmp_path / "boards").mkdir()
    return tmp_path / "boards"


def demand_the_rest(path: Path) -> None:
    """Demand that everything else works with this file in the folder."""
    assert {each.name for each in all_profiles()} >= SHIPPED_NAMES
    findings = check_board(path) if path.is_file() else None
    if path in faulty_boards() and findings:
        assert findings.faults


@pytest.mark.parametrize("text", NASTY, ids=lambda text: text[:24])
@pytest.mark.parametrize("name", ["shop", "rpi4"])
def test_nothing_in_a_file_breaks_the_others(mine: Path, text: str, name: str) -> None:
    """Broken YAML, impossible values and circles are told; the toolkit goes on."""
    path = mine / f"{name}.yaml"
    path.write_text(text)
    demand_the_rest(path)
    assert path in faulty_boards()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(document=st.dictionaries(fields, values, max_size=6))
def test_no_document_breaks_the_others(mine: Path, document: dict[str, object]) -> None:
    """Any plain data at all."""
    path = mine / "shop.yaml"
    path.write_text(yaml.safe_dump({"extends": "rpi4", "name": "shop", **document}))
    os.utime(path, ns=(0, len(repr(document)) * 10**9 + hash(repr(document)) % 10**9))
    demand_the_rest(path)


def test_odd_entries_of_the_folder_are_told(mine: Path) -> None:
    """Folders, dangling links and unreadable text that are called like boards."""
    (mine / "folder.yaml").mkdir()
    (mine / "link.yaml").symlink_to("nowhere")
    (mine / "rpi4.yaml").write_bytes(b"\xff\xff")
    assert {each.name for each in all_profiles()} >= SHIPPED_NAMES
    assert {path.stem for path in faulty_boards()} == {"folder", "link", "rpi4"}
    for name in ("folder", "link", "rpi4"):
        with pytest.raises(EdgeError):
            check_board(mine / f"{name}.yaml")


def test_a_file_that_stands_for_more_than_memory_is_refused(tmp_path: Path) -> None:
    """Aliases of aliases are not read."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(levels))
    findings = check_board(path)
    assert len(findings.faults) == 1
    with pytest.raises(ConfigError, match="not YAML"):
        parse_profile(path.read_text(), source="bomb.yaml")


def test_a_pipe_in_the_folder_is_no_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for somebody to write into it."""
    os.mkfifo(tmp_path / "pipe.yaml")
    monkeypatch.setenv("EDGECTL_BOARDS", str(tmp_path))
    [fault] = faulty_boards().values()
    assert "pipe.yaml: not a regular file" in fault.message


def test_a_folder_that_cannot_be_read_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told among what is wrong; one that is not there is no fault."""
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    monkeypatch.setenv("EDGECTL_BOARDS", f"{circle}:{tmp_path / 'gone'}")
    assert {each.name for each in all_profiles()} >= SHIPPED_NAMES
    [(folder, fault)] = faulty_boards().items()
    assert folder == circle
    assert "circle cannot be read: Too many levels" in fault.message
