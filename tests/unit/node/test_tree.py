# SPDX-License-Identifier: Apache-2.0
"""Nothing that a path or a link says leads out of a tree."""

import gc
import os
import stat
import string
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ConfigError, TrustError
from edge.node.api import tree as tree_module
from edge.node.api.tree import BUSY, DEEPEST, MOST_FOLDERS, Item, Tree

SECRET = "outside"
_NAMES = ["a", "b", "file", "link", "..", ".", "", "jail", "secret"]
_PATHS = st.lists(st.sampled_from(_NAMES), max_size=8).map("/".join)
_TARGETS = st.one_of(_PATHS, _PATHS.map("/{}".format), st.just("/proc/self/root"), st.just("../.."))


def _fds() -> int:
    gc.collect()  # what earlier tests left behind closes now, not between two counts
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def jail(tmp_path: Path) -> Path:
    """A tree with a secret beside it, and ways out that must not be."""
    (tmp_path / "secret").write_text(SECRET)
    root = tmp_path / "jail"
    (root / "a/b").mkdir(parents=True)
    (root / "a/file").write_text("inside")
    for name, target in {
        "up": "../secret",
        "absolute": str(tmp_path / "secret"),
        "rooted": "/a/file",
        "root": "/",
        "kernels": "/proc/self/root",
        "loop": "loop",
    }.items():
        (root / "a" / name).symlink_to(target)
    return root


def _read(tree: Tree, path: str) -> str:
    with tree.at(path) as found:
        fd = tree.open(found)
    with os.fdopen(fd) as file:
        return file.read()


@pytest.mark.parametrize(
    "path",
    ["/a/file", "/a/rooted", "/a/b/../file", "/../../a/file", "/a/root/a/root/a//./rooted"],
)
def test_ways_to_a_file(jail: Path, path: str) -> None:
    """Links begin at the tree's root, and so does everything above it."""
    assert _read(Tree(jail), path) == "inside"


@pytest.mark.parametrize(
    "path", ["/../secret", "/a/up", "/a/absolute", "/a/kernels/secret", "/a/b/../../../secret"]
)
def test_there_is_no_way_out(jail: Path, path: str) -> None:
    """What lies outside is not there."""
    before = _fds()
    with pytest.raises(OSError, match="No such file"):
        _read(Tree(jail), path)
    assert _fds() == before


@pytest.mark.parametrize(
    ("path", "fault", "match"),
    [
        ("a/file", ConfigError, "not absolute"),
        ("/a\0b", ConfigError, "NUL"),
        (f"/{'x' * 5000}", ConfigError, "too long"),
        ("/a", ConfigError, "not a regular file"),
        ("/a/loop", OSError, "symbolic links"),
        ("/a/file/b", OSError, "Not a directory"),
    ],
)
def test_what_is_no_way_at_all(jail: Path, path: str, fault: type[Exception], match: str) -> None:
    """Each is said as what it is, and no descriptor is left."""
    before = _fds()
    with pytest.raises(fault, match=match):
        _read(Tree(jail), path)
    assert _fds() == before


def test_kernels_links_are_walked_as_text() -> None:
    """`/proc/self/root` in a whole file system is its root, and closed places stay closed."""
    tree = Tree(Path("/"), [PurePosixPath("/etc")])
    with tree.at("/proc/self/root/usr") as found:
        assert found.path == PurePosixPath("/usr")
    with pytest.raises(TrustError, match="/etc"):
        _read(tree, "/proc/self/root/etc/passwd")


def test_closed_places_are_seen_and_not_entered(jail: Path) -> None:
    """Neither by their own name, nor by a link, nor on a walk."""
    tree = Tree(jail, [PurePosixPath("/a/b"), PurePosixPath("/a/file")])
    (jail / "a/b/key").write_text("k")
    (jail / "short").symlink_to("a/b")
    for path in ("/a/b/key", "/short/key", "/a/file", "/a/rooted"):
        with pytest.raises(TrustError, match="with these rights"):
            _read(tree, path)
    with tree.at("/") as found:
        items = list(tree.walk(found))
    assert "a/b/key" not in {item.relative for item in items}
    assert [item.relative for item in items if item.error] == ["a/b"]
    with tree.at("/short") as found:
        assert [bool(item.error) for item in tree.walk(found)] == [False, True, False]


def test_a_walk_goes_before_and_after(jail: Path) -> None:
    """In order of names, folders once on the way in and once on the way out."""
    for link in (jail / "a").glob("*"):
        if link.is_symlink():
            link.unlink()
    (jail / "z").write_text("")
    with Tree(jail).at("/") as found:
        steps = [(item.relative, item.leaving) for item in Tree(jail).walk(found)]
    assert steps == [
        (".", False), ("a", False), ("a/b", False), ("a/b", True), ("a/file", False),
        ("a", True), ("z", False), (".", True),
    ]  # fmt: skip


@pytest.mark.parametrize(("depth", "seen"), [(0, {"."}), (1, {".", "a"})])
def test_a_walk_as_deep_as_wanted(jail: Path, depth: int, seen: set[str]) -> None:
    """Deeper folders are seen and not entered."""
    with Tree(jail).at("/") as found:
        assert {item.relative for item in Tree(jail).walk(found, depth=depth)} == seen


def test_an_abandoned_walk_leaves_nothing_open(jail: Path) -> None:
    """Wherever it stopped."""
    before = _fds()
    tree = Tree(jail)
    for count in range(9):
        with tree.at("/") as found:
            walk = tree.walk(found)
            for _ in range(count):
                next(walk)
            walk.close()
    assert _fds() == before


def test_folders_too_deep_are_told(tmp_path: Path) -> None:
    """A walk ends with an entry that says so, and a path that long is refused."""
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(DEEPEST + 3):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    tree = Tree(tmp_path)
    with tree.at("/") as found:
        errors = [item.error for item in tree.walk(found) if item.error]
    assert errors == [f"more than {DEEPEST} folders deep"]
    with pytest.raises(OSError, match="folders deep"), tree.at("/d" * (DEEPEST + 1)):
        pass


def _dig(folder: Path, depth: int) -> None:
    (folder / "/".join("d" * depth)).mkdir(parents=True)


def test_a_way_holds_no_more_than_where_it_leads(tmp_path: Path) -> None:
    """However long it is."""
    _dig(tmp_path, 100)
    before = _fds()
    with Tree(tmp_path).at("/d" * 100):
        assert _fds() == before + 1
    assert _fds() == before


def test_walks_have_so_many_folders_open_at_a_time(tmp_path: Path) -> None:
    """All together: one that comes too late says so, and another one later does not."""
    _dig(tmp_path, 200)
    tree, before = Tree(tmp_path), _fds()
    with ExitStack() as opened:
        errors = []
        for _ in range(4):
            walk = tree.walk(opened.enter_context(tree.at("/")))
            opened.callback(walk.close)
            items = [item for item in islice(walk, 201) if not item.leaving]
            errors.append({item.error for item in items} - {""})
        assert _fds() <= before + MOST_FOLDERS + 8
        assert errors == [set(), set(), {BUSY}, {BUSY}]
    assert _fds() == before
    with tree.at("/") as found:
        assert not any(item.error for item in tree.walk(found))


def test_a_huge_folder_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is complete, and in whatever order."""
    monkeypatch.setattr(tree_module, "SORTED_AT_MOST", 10)
    for number in range(50):
        (tmp_path / f"{number}").touch()
    with Tree(tmp_path).at("/") as found:
        names = [item.relative for item in Tree(tmp_path).walk(found)]
    assert sorted(names[1:-1]) == sorted(map(str, range(50)))


def test_what_is_opened_is_what_was_found(jail: Path) -> None:
    """A name that has become a link out of the tree in between is not followed."""
    tree = Tree(jail)

    def swap() -> None:
        (jail / "a/file").unlink()
        (jail / "a/file").symlink_to("../../secret")

    with tree.at("/a") as found:
        walk = tree.walk(found)
        item = next(each for each in walk if each.name == "file")
        swap()
        with pytest.raises(OSError, match="symbolic links"):
            tree.open(item)
        walk.close()


def test_a_folder_that_became_a_link_is_not_entered(jail: Path, tmp_path: Path) -> None:
    """It is an entry with a fault."""
    tree = Tree(jail)
    with tree.at("/a") as found:
        walk = tree.walk(found)
        item = next(each for each in walk if each.name == "b")
        (jail / "a/b").rmdir()
        (jail / "a/b").symlink_to(tmp_path)
        after = next(walk)
        assert (after.relative, bool(after.error)) == (item.relative, True)
        walk.close()


@settings(max_examples=300, deadline=None)
@given(
    links=st.dictionaries(st.sampled_from(["jail/a/link", "jail/b", "jail/a/b/link"]), _TARGETS),
    path=_PATHS,
)
def test_law_of_containment(links: dict[str, str], path: str) -> None:
    """Whatever links there are and whatever is asked for, only the tree's own files are read."""
    with TemporaryDirectory() as folder:
        outer = Path(folder)
        (outer / "jail/a/b").mkdir(parents=True)
        for name in ("secret", "file", "a"):
            (outer / name).write_text(SECRET)
        (outer / "jail/a/file").write_text("inside")
        for name, target in links.items():
            if target and not (outer / name).exists():
                (outer / name).symlink_to(target)
        before = _fds()
        _check_contained(Tree(outer / "jail"), outer / "jail", f"/{path}")
        assert _fds() == before


def _check_contained(tree: Tree, root: Path, path: str) -> None:
    inside = {(info.st_dev, info.st_ino) for info in _infos(root)}
    try:
        with tree.at(path) as found:
            assert (found.info.st_dev, found.info.st_ino) in inside
            assert ".." not in found.path.parts
            for item in tree.walk(found):
                assert (item.info.st_dev, item.info.st_ino) in inside
                assert _content(tree, item) in (None, "inside")
    except OSError:
        pass


def _content(tree: Tree, item: Item) -> str | None:
    if not stat.S_ISREG(item.info.st_mode):
        return None
    with os.fdopen(tree.open(item)) as file:
        return file.read()


def _infos(root: Path) -> Iterator[os.stat_result]:
    yield root.lstat()
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            yield Path(folder, name).lstat()


@given(st.text(string.printable, max_size=40))
@settings(deadline=None)
def test_any_text_is_a_path_or_a_fault(text: str) -> None:
    """Nothing else is ever raised for what a caller sends."""
    with TemporaryDirectory() as folder:
        tree = Tree(Path(folder))
        try:
            with tree.at(text) as found:
                assert found.path == PurePosixPath("/")
        except (OSError, ConfigError):
            pass
