# SPDX-License-Identifier: Apache-2.0
"""docs/boards.md: its example is a board, and its table is that of the profiles."""

import re
import textwrap
from pathlib import Path

import pytest

from boards.catalog import SHIPPED, load_profile
from boards.document import Document, read_document
from boards.profile import Profile
from boards.validate import check_board

GUIDE = Path(__file__).parents[3] / "docs/boards.md"


def example() -> str:
    """Return the board that the guide writes."""
    found = re.search(r"^    extends: .*?(?=^\S)", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return textwrap.dedent(found[0])


def test_the_example_is_a_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever copies it has one."""
    folder = tmp_path / "boards"
    folder.mkdir()
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path))
    monkeypatch.delenv("EDGECTL_BOARDS", raising=False)
    document: Document = read_document(example(), source="guide")
    path = folder / f"{document['name']}.yaml"
    path.write_text(example())
    findings = check_board(path)
    assert findings.faults == ()
    profile = load_profile(path.stem)
    assert profile.pieces == ()
    assert profile.kernel.needs == load_profile("rock-5b").kernel.needs
    assert [each.feature for each in profile.works] == ["network"]


def test_the_table_has_every_board_with_its_tier_and_kernel() -> None:
    """A new profile needs a line."""
    told = {}
    for line in GUIDE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 5:
            for name in re.findall(r"`([^`]+)`", cells[0]):
                told[name] = (cells[1], cells[3].partition(" ")[0])
    shipped = {path.stem for path in SHIPPED.glob("*.yaml")}
    assert set(told) == shipped
    for name, (tier, kernel) in told.items():
        profile = load_profile(name)
        assert tier == profile.tier
        assert kernel == profile.kernel.origin.replace("file", "yours")


def test_every_field_is_in_the_guide() -> None:
    """And none that there is not."""
    fields = GUIDE.read_text().partition("## Fields")[2]
    names = {name for line in fields.splitlines() if line.startswith("| `")
             for name in re.findall(r"`([a-z_]+)`", line.split("|")[1])}  # fmt: skip
    assert names == {*Profile.model_fields, "extends", "replaces"}
