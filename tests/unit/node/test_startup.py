# SPDX-License-Identifier: Apache-2.0
"""The startup file: modules and methods come from it, and a board without one comes up as well."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from flasher.image import rehearsal

STDLIB, SITE = "lib", "site"
PACKAGE = {
    "sample/__init__.py": "import sample.native\nkind = 'package'\n",
    "sample/part.py": (
        "from dataclasses import dataclass\n"
        "from sample.native.deep import Base, number\n"
        "@dataclass(frozen=True, slots=True)\n"
        "class Point:\n"
        "    x: int\n"
        "    y: int = int(number)\n"
        "class Child(Base): ...\n"
        "made = Base(1, a=2).anything\n"
    ),
    "sample/unused.py": "raise AssertionError\n",
    "sample/native.cpython-399-some-linux.so": "the code of another processor",
    "plain.py": "value = 7\n",
}
READER = """
import json, sys
sys.path.insert(0, sys.argv[2])
from edge.node.boot.startup import Startup, use_methods, use_startup
use_startup(sys.argv[1])
found = [each for each in sys.meta_path if isinstance(each, Startup)]
use_methods()
import plain
said = {"value": plain.value, "file": plain.__file__, "loader": type(plain.__loader__).__name__}
if found:
    spec = found[0].find_spec("sample")
    said |= {"parts": list(spec.submodule_search_locations), "methods": bool(found[0].methods)}
    said["unused"] = found[0].find_spec("sample.unused")
    import dataclasses
    seen = []
    real = dataclasses.exec
    def look(*given):
        seen.append(given[0] in found[0].methods)
        real(*given)
    vars(dataclasses)["exec"] = look
    @dataclasses.dataclass(frozen=True, slots=True)
    class Point:
        x: int
        y: int = 0
    said |= {"point": repr(Point(1)), "known": all(seen)}
print(json.dumps(said))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A root file system with a package that has a native part."""
    for name, text in PACKAGE.items():
        path = tmp_path / "tree" / SITE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    compiled = ["-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([sys.executable, *compiled, tmp_path / "tree"], check=True)
    (tmp_path / "tree" / STDLIB).symlink_to(sysconfig.get_path("stdlib"))
    return tmp_path / "tree"


def _rehearse(tree: Path, *modules: str) -> subprocess.CompletedProcess[str]:
    arguments = [tree, STDLIB, SITE, tree / "startup", *modules]
    command = [sys.executable, "-B", "-S", "-s", rehearsal.__file__, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def _read(path: Path, site: Path) -> dict[str, object]:
    command = [sys.executable, "-c", READER, str(path), str(site)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said: dict[str, object] = json.loads(done.stdout)
    return said


def test_modules_and_methods_come_from_the_file(tree: Path) -> None:
    """As what they are on the board: package or not, and from which file."""
    assert _rehearse(tree, "sample.part", "plain").stderr == ""
    assert _read(tree / "startup", tree / SITE) == {
        "value": 7,
        "file": f"/{SITE}/plain.py",
        "loader": "Startup",
        "parts": [f"/{SITE}/sample"],
        "methods": True,
        "unused": None,
        "point": "Point(x=1, y=0)",
        "known": True,
    }


def test_what_cannot_be_rehearsed_is_left_out_and_said(tree: Path) -> None:
    """The board loads it the ordinary way."""
    done = _rehearse(tree, "sample.unused", "sample.part", "plain")
    assert done.stderr == "sample.unused: AssertionError: \n"
    assert _read(tree / "startup", tree / SITE)["loader"] == "Startup"


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"\x05\0\0\0short"])
def test_without_a_file_python_loads_as_ever(tree: Path, content: bytes | None) -> None:
    """One that is missing or damaged costs time, not the boot."""
    path = tree / "startup"
    if content is not None:
        path.write_bytes(content)
    assert _read(path, tree / SITE)["loader"] == "SourceFileLoader"


def test_two_rehearsals_write_the_same(tree: Path) -> None:
    """An image built twice is the same image."""
    _rehearse(tree, "sample.part", "plain")
    first = (tree / "startup").read_bytes()
    _rehearse(tree, "sample.part", "plain")
    assert (tree / "startup").read_bytes() == first
