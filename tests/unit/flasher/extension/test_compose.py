# SPDX-License-Identifier: Apache-2.0
"""Several extensions together, laid over a root; packages come from no archive here."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.errors import BoardError, EdgeError, ImageError, InputError
from edge.events import ignore
from flasher.debian.fetch import Cache, Packages
from flasher.debian.module import ModuleTree
from flasher.extension.catalog import Extension, load_extension
from flasher.extension.compose import Composition, Sources, compose, schematic_record
from flasher.extension.licence import licences
from tests.fakes.elf import make_elf

from .conftest import ARCH, LIBRARIES, NewExtension, program, write_tree


@pytest.fixture
def sources(tmp_path: Path, base: Path, packages: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    """An archive that has every package of the folder, and a kernel with one module."""
    kernel = tmp_path / "modules/6.1"
    write_tree(kernel, {"kernel/drivers/kit_drv.ko": b""})

    def fetch(*_arguments: Any, **_options: Any) -> Packages:
        found = {each.name: each for each in packages.iterdir()}
        return Packages(digest="", versions=dict.fromkeys(found, "1.2-3"), files=found)

    for name in ("fetch_closure", "fetch_files"):
        monkeypatch.setattr(f"flasher.extension.compose.{name}", fetch)
    monkeypatch.setattr("flasher.extension.compose.unpack", lambda _cache, file, _listener: file)
    return Sources(
        arch=ARCH,
        suite="stable",
        cache=Cache(folder=tmp_path / "cache"),
        kernel=ModuleTree(kernel),
        base=base,
    )


def composed(sources: Sources, *extensions: Extension) -> Composition:
    return compose(extensions, sources, ignore)


def test_an_image_says_what_it_was_made_of(
    new_extension: NewExtension, sources: Sources, packages: Path
) -> None:
    """Versions, licences, programs and services are recorded, what is empty is left out."""
    write_tree(
        packages / "kit",
        {"usr/share/doc/kit/copyright": b"Format: x\n\nLicense: MIT\n text\n\nLicense: GPL-2+\n"},
    )
    extension = new_extension(
        packages=["kit"],
        programs=["usr/sbin/kit"],
        modules=["kit_drv"],
        preload=["kit_drv"],
        services=[{"name": "kit", "program": "usr/sbin/kit", "arguments": ["-f"]}],
    )
    found = composed(sources, extension)
    [record] = found.records
    assert record == {
        "name": "kit",
        "version": "1.2-3",
        "description": "A kit.",
        "packages": {"kit": "1.2-3", "libdeep0": "1.2-3", "libkit1": "1.2-3"},
        "licences": {"kit": ["GPL-2+", "MIT"]},
        "programs": ["usr/sbin/kit"],
        "modules": ["kit_drv"],
        "services": [{"name": "kit", "program": "usr/sbin/kit", "arguments": ["-f"]}],
    }
    assert json.loads(json.dumps(record)) == record
    assert (found.modules, found.preload) == (("kit_drv",), ("kit_drv",))
    assert found.packages["libkit1"] == "1.2-3"


def test_files_are_laid_over_the_root(
    new_extension: NewExtension, sources: Sources, base: Path
) -> None:
    """With modes of their own, and nothing else changes."""
    extension = new_extension(
        packages=["kit"],
        programs=["usr/sbin/kit"],
        tree={"etc/kit/own": b"x", "usr/bin/report": b"#!/usr/bin/python3.13\n"},
    )
    before = {path: path.lstat().st_mtime_ns for path in base.rglob("*") if path.is_file()}
    composed(sources, extension).place(base)
    assert (base / "usr/sbin/kit").stat().st_mode & 0o777 == 0o755
    assert (base / "etc/kit").stat().st_mode & 0o777 == 0o755
    assert (base / "etc/kit/own").stat().st_mode & 0o777 == 0o644
    assert (base / LIBRARIES / "libkit.so.1").resolve().name == "libkit.so.1.2.3"
    assert before == {path: path.lstat().st_mtime_ns for path in before}


def test_the_order_of_extensions_means_nothing(
    new_extension: NewExtension, sources: Sources
) -> None:
    """The same files and records come out, libraries that both need once."""
    one = new_extension(name="one", packages=["kit"], programs=["usr/sbin/kit"])
    two = new_extension(name="two", packages=["kit"], tree={"usr/bin/two": program("libkit.so.1")})
    first, second = composed(sources, one, two), composed(sources, two, one)
    assert list(first.entries.items()) == list(second.entries.items())
    assert first.records == second.records


def test_two_extensions_may_not_bring_the_same_file(
    new_extension: NewExtension, sources: Sources
) -> None:
    """Both are named."""
    one = new_extension(name="one", tree={"etc/kit": b"1"})
    two = new_extension(name="two", tree={"etc/kit": b"2"})
    with pytest.raises(ImageError, match="extensions one and two both bring etc/kit"):
        composed(sources, two, one)


@pytest.mark.parametrize(
    "tree",
    [
        {"etc/base.conf": b"1.2.3.4 here\n"},
        {"etc/base.conf/more": b""},
        {f"{LIBRARIES}/libc.so.6": b""},
    ],
)
def test_nothing_of_the_base_is_replaced(
    new_extension: NewExtension, sources: Sources, base: Path, tree: dict[str, bytes]
) -> None:
    """Not even a folder takes the place of a file; the root stays as it was."""
    if f"{LIBRARIES}/libc.so.6" in tree:
        tree = {f"{LIBRARIES}/libc.so.6": make_elf(ARCH, soname="other")}
    extension = new_extension(tree={"etc/a": b"", **tree})
    found = composed(sources, extension)
    with pytest.raises(ImageError, match=r"which no extension may replace|as something else"):
        found.place(base)
    assert not (base / "etc/a").exists()


def test_what_the_base_has_already_is_no_conflict(
    new_extension: NewExtension, sources: Sources, base: Path, packages: Path
) -> None:
    """The firmware that the board's profile brings too, equal to the last byte, stays."""
    extension = new_extension(
        packages=["firmware-kit"],
        firmware=[{"package": "firmware-kit", "patterns": ["kit/other.bin"]}],
    )
    write_tree(base, {"usr/lib/firmware/kit/other.bin": b"\x7fELF firmware"})
    composed(sources, extension).place(base)


@pytest.mark.parametrize(
    ("fields", "kind", "reason"),
    [
        ({"arch": ["amd64"]}, BoardError, "extension kit is for amd64, the board for arm64"),
        ({"modules": ["gone"]}, ImageError, "extension kit: kernel 6.1 has no module gone"),
        ({"name": "schematic"}, InputError, "the name is the schematic's own"),
    ],
)
def test_what_does_not_fit_the_board(
    new_extension: NewExtension,
    sources: Sources,
    fields: dict[str, Any],
    kind: type[EdgeError],
    reason: str,
) -> None:
    """Processor and kernel are the board's."""
    with pytest.raises(kind) as caught:
        composed(sources, new_extension(**fields))
    assert reason in caught.value.message


def test_names_are_used_once(new_extension: NewExtension, sources: Sources) -> None:
    """Neither an extension nor a service may be there twice."""
    with pytest.raises(InputError, match="extension iscsi is wanted twice"):
        composed(sources, load_extension("iscsi"), load_extension("iscsi"))
    service = [{"name": "a", "program": "usr/bin/python3.13"}]
    one = new_extension(name="one", services=service)
    two = new_extension(name="two", services=service)
    with pytest.raises(InputError, match="extensions one and two both have a service a"):
        composed(sources, one, two)


def test_a_package_that_nobody_has_is_told_with_its_extension(
    new_extension: NewExtension, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one sentence; other faults of the archive keep their words."""

    def fail(*_arguments: Any, **_options: Any) -> Packages:
        raise ImageError("E: Unable to locate package gone", hint="look")

    monkeypatch.setattr("flasher.extension.compose.fetch_closure", fail)
    with pytest.raises(ImageError, match="extension kit: there is no package gone in"):
        composed(sources, new_extension(packages=["gone"]))


def test_licences_are_read_as_far_as_they_are_said(tmp_path: Path) -> None:
    """In Debian's form, or by the common licence that a free text names, or another's file."""
    one, two = tmp_path / "one", tmp_path / "two"
    write_tree(two, {"usr/share/doc/two": "one"})
    unpacked = {"one": one, "two": two}
    assert licences(unpacked, "one") == ()
    write_tree(one, {"usr/share/doc/one/copyright": b"Use this.\nLicense: mine\n"})
    assert licences(unpacked, "one") == ()
    place = one / "usr/share/doc/one/copyright"
    place.write_text(
        "It is in /usr/share/common-licenses/GPL-2, and\n/usr/share/common-licenses/BSD."
    )
    assert licences(unpacked, "one") == ("BSD", "GPL-2")
    place.write_text("Format: x\nLicense: BSD-3-clause\n and text\nLicense: BSD-3-clause\n")
    assert licences(unpacked, "one") == licences(unpacked, "two") == ("BSD-3-clause",)


def test_the_schematic_is_an_extension_by_name() -> None:
    """As upstream's images have it: the id is the version."""
    record = schematic_record("ab" * 32)
    assert (record["name"], record["version"]) == ("schematic", "ab" * 32)
