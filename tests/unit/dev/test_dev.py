# SPDX-License-Identifier: Apache-2.0
"""dev.py before it has done anything: what it asks, prints and refuses."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def dev() -> ModuleType:
    """The script as a module."""
    specification = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_it_needs_the_standard_library_alone() -> None:
    """It starts where nothing of ours is installed."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "dev.py"), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "demo" in done.stdout


def test_what_is_there_is_not_installed_again(
    dev: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """With every program present nothing is printed."""
    assert dev.install_packages({"python3": sys.executable}, agreed=False, needed=True)
    assert capsys.readouterr().out == ""


def test_missing_packages_are_named_with_the_command(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody agrees, the message has the packages and what to type."""
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(dev, "_agree", lambda _command: False)
    with pytest.raises(dev.Stop, match=r"sudo apt-get install .* no-such-package"):
        dev.install_packages({"no-such-package": "/nonexistent"}, agreed=False, needed=True)


def test_an_optional_package_that_is_declined_is_only_said(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demonstration can go on without the emulator."""
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(dev, "_agree", lambda _command: False)
    assert not dev.install_packages({"no-such": "/nonexistent"}, agreed=False, needed=False)
    out, err = capsys.readouterr()
    assert out == ""
    assert "not installed: no-such" in err


def test_an_old_python_is_refused_in_one_line(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.10 is told which one is needed."""
    monkeypatch.setattr(dev.sys, "version_info", (3, 10, 12))
    with pytest.raises(dev.Stop, match=r"Python 3\.11 or newer"):
        dev.make_environment("run")
