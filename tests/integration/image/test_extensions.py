# SPDX-License-Identifier: Apache-2.0
"""Every extension of the catalogue, made of real packages and looked at with other tools."""

import os
import platform
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from boards.catalog import load_profile
from boards.profile import Arch
from edge.errors import ImageError
from edge.events import ignore
from edge.paths import cache_dir
from flasher.debian.fetch import Cache
from flasher.debian.suite import suite_name
from flasher.extension.catalog import all_extensions, load_extension
from flasher.extension.compose import Composition, Sources, compose
from flasher.image.design import make_design
from flasher.image.inputs import fetch_inputs
from flasher.image.wishes import Wishes
from tests.integration.image.test_image import FORBIDDEN

pytestmark = pytest.mark.image

BOARDS: dict[Arch, str] = {"arm64": "generic-arm64", "amd64": "generic-amd64"}
TRIPLETS = {"arm64": "aarch64-linux-gnu", "amd64": "x86_64-linux-gnu"}
CASES = [(each.name, arch) for each in all_extensions() for arch in each.document.arch]

GetSources = Callable[[Arch], Sources]
GetTree = Callable[[Arch], Path]


@pytest.fixture(scope="module")
def sources_for(tmp_path_factory: pytest.TempPathFactory) -> GetSources:
    """Return what gives the archive, the kernel and the root's base of a processor, once."""

    @cache
    def get(arch: Arch) -> Sources:
        store = Cache(folder=cache_dir() / "image")
        design = make_design(load_profile(BOARDS[arch]), Wishes())
        inputs = fetch_inputs(design, store, tmp_path_factory.mktemp(arch), ignore)
        return Sources(
            arch=arch,
            suite=suite_name("stable"),
            cache=store,
            kernel=inputs.kernel.module_tree(),
            base=inputs.base,
        )

    return get


def compose_all(sources: Sources) -> Composition:
    wanted = [each for each in all_extensions() if sources.arch in each.document.arch]
    return compose(wanted, sources, ignore)


@pytest.fixture(scope="module")
def tree_for(
    sources_for: GetSources, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GetTree]:
    """Return what makes a root with every extension in it, once for each processor."""
    folder = tmp_path_factory.mktemp("root")

    @cache
    def get(arch: Arch) -> Path:
        sources = sources_for(arch)
        tree = folder / arch
        subprocess.run(["cp", "-a", sources.base, tree], check=True)
        compose_all(sources).place(tree)
        return tree

    yield get
    shutil.rmtree(folder)


@pytest.mark.parametrize(("name", "arch"), CASES)
def test_an_extension_is_composed(name: str, arch: Arch, sources_for: GetSources) -> None:
    """It brings what its document names, and its record says where that came from."""
    extension = load_extension(name)
    found = compose([extension], sources_for(arch), ignore)
    [record] = found.records
    assert record["version"]
    assert record["author"] == "edgectl"
    assert set(extension.document.programs) == set(record.get("programs", []))
    used = {each.package for each in found.entries.values() if each.package}
    assert used == set(record.get("packages", {}))
    licensed = record.get("licences", {})
    assert all(licensed.get(each) for each in used), used - set(licensed)


@pytest.mark.parametrize("arch", BOARDS)
def test_no_rule_is_broken_by_all_of_them_together(arch: Arch, tree_for: GetTree) -> None:
    """No shell, no way in, nothing setuid, no link out of the root or into nowhere."""
    tree = tree_for(arch)
    later = re.compile(r"(proc|run|var)/")
    for path in walk(tree):
        mode = path.lstat().st_mode
        assert path.is_dir() or path.name not in FORBIDDEN, path
        assert not mode & (stat.S_ISUID | stat.S_ISGID), path
        assert stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISLNK(mode), path
        if stat.S_ISLNK(mode):
            assert not path.readlink().is_absolute(), path
            target = os.path.normpath(path.relative_to(tree).parent / path.readlink())
            assert not target.startswith(".."), path
            assert path.exists() or later.match(target), path


@pytest.mark.parametrize("arch", BOARDS)
def test_every_program_finds_every_library(arch: Arch, tree_for: GetTree) -> None:
    """What binutils says of the files, against what lies in the folders of the loader."""
    tree = tree_for(arch)
    folder = tree / "usr/lib" / TRIPLETS[arch]
    files = [path for path in walk(tree) if is_elf(path)]
    assert len(files) > 100
    listed = subprocess.run(
        ["objdump", "-p", *files], capture_output=True, text=True, check=True
    ).stdout
    needed = set(re.findall(r"^  NEEDED +(\S+)$", listed, re.MULTILINE))
    assert "libc.so.6" in needed
    own = {path.name for path in tree.glob("usr/lib/python3/dist-packages/**/*.so*")}
    missing = {each for each in needed - own if not (folder / each).exists()}
    assert missing == set()
    headers = subprocess.run(["objdump", "-f", *files], capture_output=True, text=True, check=False)
    formats = set(re.findall(r"file format (\S+)", headers.stdout))
    assert len(formats) == 1


@pytest.mark.parametrize("arch", BOARDS)
def test_the_base_stays_as_it_was(arch: Arch, sources_for: GetSources, tree_for: GetTree) -> None:
    """Extensions only add."""
    base, tree = sources_for(arch).base, tree_for(arch)
    for path in walk(base):
        placed = tree / path.relative_to(base)
        if path.is_symlink():
            assert placed.readlink() == path.readlink()
        elif path.is_file():
            assert placed.stat().st_size == path.stat().st_size, path
            assert placed.stat().st_mode == path.stat().st_mode, path


def test_the_same_packages_give_the_same_files(sources_for: GetSources, tmp_path: Path) -> None:
    """Composed twice into empty roots, everything is alike to the last byte."""
    sources = sources_for("arm64")
    prints = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        compose_all(sources).place(tmp_path / name)
        prints.append(print_of(tmp_path / name))
    assert prints[0] == prints[1]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="loads the amd64 root's programs here")
def test_the_roots_own_loader_loads_every_program(tree_for: GetTree) -> None:
    """Each program of each extension is resolved with nothing but the root's libraries."""
    tree = tree_for("amd64")
    libraries = tree / "usr/lib/x86_64-linux-gnu"
    loader = libraries / "ld-linux-x86-64.so.2"
    programs = [
        tree / path
        for each in all_extensions()
        if "amd64" in each.document.arch
        for path in each.document.programs
    ]
    assert len(programs) > 30
    for program in programs:
        done = subprocess.run(
            [loader, "--inhibit-cache", "--library-path", libraries, "--list", program],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"
        outside = [
            line
            for line in done.stdout.splitlines()
            if "=> /" in line and str(tree) not in line.split("=>")[1]
        ]
        assert outside == [], program


def test_a_package_that_gives_a_shell_is_refused(sources_for: GetSources, tmp_path: Path) -> None:
    """The real packages of real shells, and of what runs as root for anybody."""
    for package, program, reason in (
        ("busybox-static", "usr/bin/busybox", "is a shell, an interpreter or a way in"),
        ("dash", "usr/bin/dash", "is a shell, an interpreter or a way in"),
        ("util-linux", "usr/bin/su", "is a shell, an interpreter or a way in"),
        ("mount", "usr/bin/mount", "is setuid or setgid"),
        ("open-iscsi", "usr/sbin/iscsi_discovery", "is a script for /bin/bash"),
        ("no-such-package-here", "usr/bin/a", "there is no package no-such-package-here"),
    ):
        folder = tmp_path / package
        folder.mkdir()
        (folder / "extension.yaml").write_text(
            "name: kit\ntitle: Kit\nsummary: A kit.\narch: [arm64]\n"
            f"packages: [{package}]\nprograms: [{program}]\n"
        )
        with pytest.raises(ImageError) as caught:
            compose([load_extension(str(folder))], sources_for("arm64"), ignore)
        assert reason in caught.value.message


def test_renaming_hides_no_shell(sources_for: GetSources, tmp_path: Path) -> None:
    """Debian's BusyBox, dash and bash are known by their code."""
    for package, program in (
        ("busybox-static", "usr/bin/busybox"),
        ("dash", "usr/bin/dash"),
        ("bash", "usr/bin/bash"),
    ):
        folder = tmp_path / package
        folder.mkdir()
        (folder / "extension.yaml").write_text(
            "name: kit\ntitle: Kit\nsummary: A kit.\narch: [arm64]\n"
            f"packages: [{package}]\ndata: [{{source: {program}, target: usr/bin/tool}}]\n"
        )
        with pytest.raises(ImageError, match=r"usr/bin/tool is .* under another name"):
            compose([load_extension(str(folder))], sources_for("arm64"), ignore)


def walk(tree: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(tree):
        yield from (Path(folder, name) for name in (*folders, *files))


def is_elf(path: Path) -> bool:
    if path.is_symlink() or not path.is_file() or "firmware" in path.parts:
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def print_of(tree: Path) -> str:
    lines = [
        f"{path.relative_to(tree)} {path.lstat().st_mode:o} "
        + (
            str(path.readlink())
            if path.is_symlink()
            else sha256(path.read_bytes()).hexdigest()
            if path.is_file()
            else ""
        )
        for path in sorted(walk(tree))
    ]
    return sha256("\n".join(lines).encode()).hexdigest()
