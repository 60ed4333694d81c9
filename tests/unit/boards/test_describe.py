# SPDX-License-Identifier: Apache-2.0
"""The page of every board, word for word, and the commands that print it.

After a wanted change delete the file in tests/golden/boards and run this twice: the first run
writes it anew, and fails.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from boards.catalog import SHIPPED, load_profile
from boards.describe import WIDTH, describe, verdict
from boards.hardware import Promise
from boards.section import Fact, Section
from edge.cli.commands.boards import command

GOLDEN = Path(__file__).parents[2] / "golden/boards"
BOARDS = sorted(path.stem for path in SHIPPED.glob("*.yaml"))


@pytest.fixture(autouse=True)
def _nothing_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path))
    monkeypatch.delenv("EDGECTL_BOARDS", raising=False)


@pytest.mark.parametrize("name", BOARDS)
def test_the_page_is_as_it_was(name: str) -> None:
    """What people are told before they buy or flash."""
    page = describe(load_profile(name))
    golden = GOLDEN / f"{name}.txt"
    if not golden.exists():
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(page)
        pytest.fail(f"{golden.name} was not there and is written; look at it and run again")
    assert page == golden.read_text()


@pytest.mark.parametrize("name", BOARDS)
def test_pages_fit_and_explain_their_words(name: str) -> None:
    """No line is too long, and every tag in brackets is in the legend."""
    page = describe(load_profile(name))
    body, _, legend = page.partition("IN BRACKETS")
    assert all(len(line) <= WIDTH for line in page.splitlines())
    for tag in ("emulated", "package", "source", "documentation", "unverified"):
        assert (f"[{tag}" in body) == (f"  {tag} " in legend), tag
    assert (" should " in body.split("GOOD TO KNOW")[0]) <= ("  should " in legend)


@pytest.mark.parametrize("name", BOARDS)
def test_every_statement_shows_its_evidence(name: str) -> None:
    """Of the loader and the drivers' firmware, too: whatever the profile states is on the page."""
    profile = load_profile(name)
    page = " ".join(describe(profile).split())
    for fact in _facts(profile):
        tag = f"[{fact.evidence}: {fact.source}]" if fact.source else f"[{fact.evidence}]"
        assert f"{fact.text} {tag}".strip() in page
    files = [*profile.driver_firmware, *([profile.microcode] if profile.microcode else [])]
    for each in files:
        assert f"{each.patterns[-1]} of {each.package} [package]" in page
    assert profile.loader.package in page


def _facts(section: Section) -> Iterator[Fact]:
    if isinstance(section, Fact):
        yield section
    for name in type(section).model_fields:
        value = getattr(section, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Section):
                yield from _facts(each)


def test_yes_is_for_what_somebody_has_watched() -> None:
    """A driver that fits is no promise that it works."""
    says = {"feature": "fan", "text": "", "source": ""}
    assert verdict(Promise(state="works", evidence="emulated", **says)) == "yes"
    for evidence in ("package", "source", "documentation", "unverified"):
        promise = Promise(state="works", evidence=evidence, **says)
        assert verdict(promise) == "should"
    assert verdict(Promise(state="no", evidence="package", **says)) == "no"


def test_the_data_is_there_as_yaml_and_json() -> None:
    """Programs get what people read."""
    runner = CliRunner()
    text = runner.invoke(command, ["show", "rpi5"]).stdout
    assert text == (GOLDEN / "rpi5.txt").read_text()
    as_yaml = yaml.safe_load(runner.invoke(command, ["show", "rpi5", "-o", "yaml"]).stdout)
    as_json = json.loads(runner.invoke(command, ["show", "rpi5", "-o", "json"]).stdout)
    assert as_yaml == as_json
    assert as_json["kernel"]["origin"] == "backports"


def test_the_list_tells_where_boards_come_from(tmp_path: Path) -> None:
    """Ours, and the user's by their file; broken ones are named beside it."""
    folder = tmp_path / "boards"
    folder.mkdir()
    (folder / "shop.yaml").write_text("name: shop\ntitle: Shop\nextends: rock-5b\n")
    (folder / "bad.yaml").write_text("name: bad\n")
    result = CliRunner().invoke(command, ["list"])
    assert all(name in result.stdout for name in BOARDS)
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("shop "))
    assert str(folder / "shop.yaml") in line
    assert f"edgectl boards validate {folder / 'bad.yaml'}" in result.stderr
    page = CliRunner().invoke(command, ["show", "shop"]).stdout
    assert f"profile  {folder / 'shop.yaml'}" in page
