# SPDX-License-Identifier: Apache-2.0
"""The catalogue, documents and their faults, hashes of folders."""

from pathlib import Path

import pytest

from edge.errors import ConfigError, InputError
from flasher.extension.catalog import (
    all_extensions,
    digest,
    extension_names,
    load_extension,
    read_extension,
)
from flasher.extension.document import parse_document

from .conftest import NewExtension

WRONG = """
name: Kit
title: Kit
summary: A kit.
arch: [arm64, riscv64]
programs: [/usr/bin/kit, ../kit]
preload: [a]
servicez: []
services:
  - {name: a, program: usr/bin/a, every: 10s, keeps: [{path: /etc/a, text: ""}]}
"""


def test_every_extension_is_sound() -> None:
    """Each has a summary, something to bring, and stands for something once only."""
    theirs = [name for each in all_extensions() for name in each.document.upstream]
    assert len(set(theirs)) == len(theirs)
    for each in all_extensions():
        assert each.document.packages or each.document.modules, each.name
        assert each.document.packages or each.document.version, each.name
        assert len(each.document.title) <= 60, each.name


def test_extensions_are_found_by_name_or_folder(
    new_extension: NewExtension, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slash makes the difference; without it the hint says how to mean the folder."""
    folder = new_extension(packages=["kit"]).folder
    assert folder
    assert load_extension("iscsi").folder is None
    assert load_extension(str(folder)).name == "kit"
    monkeypatch.chdir(folder.parent)
    with pytest.raises(InputError, match="unknown extension 'extension-kit'") as caught:
        load_extension("extension-kit")
    assert caught.value.hint
    assert caught.value.hint.endswith("./extension-kit for the folder")
    assert "iscsi" in caught.value.hint


def test_a_folder_without_a_document_is_no_extension(tmp_path: Path) -> None:
    """It is named with what is missing."""
    with pytest.raises(InputError, match=r"is no extension: reading extension\.yaml: No such file"):
        read_extension(tmp_path)


def test_every_fault_of_a_document_is_told() -> None:
    """All at once, each with its field."""
    with pytest.raises(ConfigError) as caught:
        parse_document(WRONG, source="x.yaml")
    faults = "\n".join(caught.value.faults)
    for part in (
        "x.yaml: name: ",
        "x.yaml: arch.1: ",
        "x.yaml: programs.0: must be a relative path such as usr/sbin/tool, without '..'",
        "x.yaml: programs.1: must be a relative path",
        "x.yaml: servicez: there is no such field; did you mean services?",
        "x.yaml: services.0.every: must be a minute or more",
        "x.yaml: services.0.keeps.0.path: must lie below /var or /run",
    ):
        assert part in faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("preload: [a]", "preload names what is not in modules: a"),
        ("programs: [usr/bin/a]", "are taken from packages: name some"),
        ("firmware: [{package: b1, patterns: [a]}]", "firmware of b1 needs it in packages"),
        (
            "packages: [b1]\ndata: [{source: a*, target: b}]",
            "target is for one file, but source is a pattern",
        ),
        (
            "services: [{name: a, program: b, every: 1h, restart: never}]",
            "every and restart exclude each other",
        ),
        (
            "services: [{name: a, program: b, arguments: ['{port}']}]",
            "arguments have {port}, which finds does not name",
        ),
        ("services: [{name: a, program: b}, {name: a, program: b}]", "services has a name twice"),
    ],
)
def test_what_does_not_fit_together(text: str, fault: str) -> None:
    """Contradictions within a document are faults of it."""
    with pytest.raises(ConfigError) as caught:
        parse_document(f"name: a\ntitle: a\nsummary: a\narch: [arm64]\n{text}\n", source="x")
    assert fault in caught.value.faults[0]


@pytest.mark.parametrize("text", ["a: [", "name: a\nname: b\n"])
def test_what_is_not_yaml_or_says_a_key_twice(text: str) -> None:
    """Such a document means nothing."""
    with pytest.raises(ConfigError, match="x is not YAML"):
        parse_document(text, source="x")


def test_a_folder_has_one_hash_wherever_it_lies(tmp_path: Path) -> None:
    """Names, bytes, links and executability count; ours of the catalogue need none."""
    document = "name: a\ntitle: a\nsummary: a\narch: [arm64]\n"

    def write(name: str, *, content: bytes = b"x", mode: int = 0o644, link: str = "tool") -> str:
        tree = tmp_path / name / "rootfs/usr/bin"
        tree.mkdir(parents=True)
        (tmp_path / name / "extension.yaml").write_text(document)
        (tree / "tool").write_bytes(content)
        (tree / "tool").chmod(mode)
        (tree / "other").symlink_to(link)
        return digest(read_extension(tmp_path / name))

    first = write("a")
    assert first == write("b")
    changed = {write("c", content=b"y"), write("d", mode=0o755), write("e", link="gone")}
    assert len({first, *changed}) == 4
    assert digest(load_extension(extension_names()[0])) == ""


def test_wifi_loads_what_its_driver_would_ask_for() -> None:
    """No device names the makers' parts of brcmfmac, and nodes run no modprobe for the driver."""
    document = load_extension("wifi").document
    assert set(document.preload) == {"brcmfmac_wcc", "brcmfmac_cyw", "brcmfmac_bca"}
    assert {"brcmfmac", *document.preload} <= set(document.modules)
