# SPDX-License-Identifier: Apache-2.0
"""Rules that hold for every file of the repository."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Put together here, so that this file does not name them either.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("proxy", "golang", "org"),
    )
]
GENERATED = re.compile(r"edge/api/.*_pb2(_grpc)?\.pyi?$")


def tracked() -> list[Path]:
    """Return every file that git tracks."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def test_no_file_names_a_package_registry() -> None:
    """The machine's own configuration says where packages come from, never the repository."""
    found = [
        f"{path}: {host}"
        for path in tracked()
        for host in HOSTS
        if host.encode() in (ROOT / path).read_bytes()
    ]
    assert found == []


def test_every_source_file_names_its_licence() -> None:
    """Each Python, protocol and shell file carries its SPDX line near the top."""
    sources = [
        path
        for path in tracked()
        if path.suffix in {".py", ".proto", ".tcss", ".dts", ".dtso"}
        and not GENERATED.match(str(path))
    ]
    missing = [
        str(path)
        for path in sources
        if "SPDX-License-Identifier: Apache-2.0" not in (ROOT / path).read_text()[:300]
    ]
    assert missing == []


def test_no_binary_is_committed() -> None:
    """Nothing but text is in the repository."""
    binary = [str(path) for path in tracked() if b"\0" in (ROOT / path).read_bytes()[:8192]]
    assert binary == []


def test_the_wheel_packs_exactly_the_packages_at_the_root() -> None:
    """A new folder with an __init__ does not stay out of the wheel unnoticed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    present = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert set(packed) == present
    assert all((ROOT / package / "py.typed").exists() for package in packed)


@pytest.mark.parametrize("name", ["run", "dev", "node"])
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    """A requirements file has one exact version and at least one hash each, and no address."""
    text = (ROOT / f"requirements/{name}.txt").read_text()
    entries = [block for block in re.split(r"\n(?=\S)", text) if block.strip()]
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9.-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert "://" not in text


def test_pins_cover_what_the_project_asks_for() -> None:
    """Every direct dependency is in the pinned file that users install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=;]", each)[0].strip() for each in project["dependencies"]}
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements/run.txt").read_text(), re.M))
    assert {name.lower().replace(".", "-") for name in wanted} <= pinned


def test_generated_modules_fit_their_definitions(tmp_path: Path) -> None:
    """Generating the API's modules again changes nothing."""
    folders = (ROOT / "edge/api", ROOT / "edge/api/containerd")
    api = sorted(path for folder in folders for path in folder.glob("*.proto"))
    kinds = sorted((ROOT / "edge/api/definitions").glob("*.proto"))
    plain = [f"-I{ROOT}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    services = [f"--grpc_python_out={tmp_path}", *map(str, api)]
    for arguments in (services, [str(path) for path in kinds]):
        command = [sys.executable, "-m", "grpc_tools.protoc", *plain, *arguments]
        subprocess.run(command, cwd=ROOT, check=True)
    for made in tmp_path.rglob("*.py*"):
        committed = ROOT / made.relative_to(tmp_path)
        assert committed.read_text() == made.read_text(), committed
