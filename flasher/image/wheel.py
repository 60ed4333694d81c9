# SPDX-License-Identifier: Apache-2.0
"""The Python packages that run on a board: wheels for its processor, pinned by hash."""

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from importlib.resources import files
from pathlib import Path, PurePosixPath

from boards.profile import Arch
from edge.errors import ImageError, ToolError
from edge.events import Listener
from flasher.debian.fetch import Cache

PYTHON_VERSION = "313"
WHEEL_RECIPE = Path(__file__)
"""What is unpacked changes with this module."""
_PLATFORMS: dict[Arch, str] = {"arm64": "aarch64", "amd64": "x86_64"}
_MANYLINUX = ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_34")
# Never imported on a board: tests, type stubs, sources of extension modules.
_UNWANTED_PARTS = frozenset({"tests", "test", "testing", "include", "src"})
_UNWANTED_SUFFIXES = (".pyi", ".pxd", ".pyx", ".c", ".h", ".cpp", ".cc", ".hpp", ".typed", ".proto")
# What of this distribution the node imports.
_OWN_PACKAGES = ("edge", "boards", "discovery", "flasher")
_NOT_ON_BOARDS = ("edge/cli/", "edge/provision/", "flasher/")
_ON_BOARDS = ("flasher/__init__.py", "flasher/table/")


def fetch_wheels(cache: Cache, arch: Arch, listener: Listener) -> list[Path]:
    """Return the wheels of everything that the node imports, fetched once for each set of pins.

    Raises:
        ImageError: when the package index cannot be reached and nothing is cached.
        ToolError: when this machine has no pip.
    """
    pins = node_requirements()

    def make(place: Path) -> None:
        requirements = place / "requirements.txt"
        requirements.write_text(pins)
        _download(requirements, arch, place)

    key = f"{arch}-{sha256(pins.encode()).hexdigest()[:16]}"
    place = cache.entry("wheels", key, make, listener=listener)
    return sorted(place.glob("*.whl"))


def node_requirements() -> str:
    """Return the pinned requirements of the node, from the installed package or the checkout."""
    installed = files("flasher.image") / "node.txt"
    if installed.is_file():
        return installed.read_text()
    checkout = Path(str(files("flasher"))).parent / "requirements/node.txt"
    if not checkout.is_file():
        raise ImageError(
            "the pinned requirements of the node are missing", hint="reinstall edgectl"
        )
    return checkout.read_text()


def unpack_wheel(wheel: Path, target: Path) -> None:
    """Unpack what a board needs of `wheel` into the directory `target`."""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            place = _place_of(PurePosixPath(name))
            if place is None or name.endswith("/"):
                continue
            path = target / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(name))


def copy_own_packages(target: Path) -> None:
    """Copy the parts of this distribution that run on a board into the directory `target`."""
    for package in _OWN_PACKAGES:
        source = _package_dir(package)
        for path in sorted(source.rglob("*")):
            name = PurePosixPath(package) / path.relative_to(source).as_posix()
            if not path.is_file() or _left_out(name):
                continue
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def _download(requirements: Path, arch: Arch, target: Path) -> None:
    command = [_python_with_pip(), "-m", "pip", "download", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--require-hashes", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation=cp", "--python-version", PYTHON_VERSION]
    for tag in _MANYLINUX:
        command += ["--platform", f"{tag}_{_PLATFORMS[arch]}"]
    command += ["--dest", str(target), "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1].removeprefix("ERROR: ") if lines else "pip gave no reason"
        raise ImageError(f"cannot fetch the node's Python packages: {reason}")


def _python_with_pip() -> str:
    """Return an interpreter that has pip: this one, or the system's when this lives without."""
    for python in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        if (
            python
            and not subprocess.run(
                [python, "-m", "pip", "--version"], capture_output=True, check=False
            ).returncode
        ):
            return python
    raise ToolError("this needs pip to fetch wheels", hint="sudo apt install python3-pip")


def _package_dir(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ImageError(f"package {name} of edgectl is missing", hint="reinstall edgectl")
    return Path(spec.submodule_search_locations[0])


def _place_of(name: PurePosixPath) -> PurePosixPath | None:
    """Return where a wheel's member goes, or nothing when a board has no use for it."""
    top = name.parts[0]
    if top.endswith(".data"):
        if name.parts[1] not in {"purelib", "platlib"}:
            return None
        name = PurePosixPath(*name.parts[2:])
    elif top.endswith(".dist-info"):
        # Entry points and versions are looked up at run time, the rest is not.
        return name if name.name in {"METADATA", "entry_points.txt"} else None
    if name.suffix in _UNWANTED_SUFFIXES or _UNWANTED_PARTS.intersection(name.parts[:-1]):
        return None
    return name


def _left_out(name: PurePosixPath) -> bool:
    return (
        "__pycache__" in name.parts
        or name.suffix in _UNWANTED_SUFFIXES
        or (str(name).startswith(_NOT_ON_BOARDS) and not str(name).startswith(_ON_BOARDS))
    )
