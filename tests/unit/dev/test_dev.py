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


DEB822 = """\
Types: deb
# an archived address
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
ONE_LINE = """\
# deb http://old.example/debian bookworm main
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/etc/keys/debian.gpg] https://mirror.example/debian bookworm main # ours
deb http://other.example/debian bookworm contrib
"""
INLINE_KEY = """\
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEY
"""


def test_backports_come_from_where_the_system_comes_from(dev: ModuleType) -> None:
    """Host, scheme and key of the stanza that has the release itself are kept."""
    assert dev.backports_source([DEB822], "bookworm").splitlines()[1:] == [
        "Types: deb",
        "URIs: http://mirror.example/debian",
        "Suites: bookworm-backports",
        "Components: main",
        "Signed-By: /usr/share/keyrings/archive.gpg",
    ]


def test_backports_are_derived_from_the_old_format_too(dev: ModuleType) -> None:
    """Options become fields; comments, sources of source packages and other lines do not count."""
    text = dev.backports_source([ONE_LINE], "bookworm")
    assert set(text.splitlines()[1:]) == {
        "Types: deb",
        "URIs: https://mirror.example/debian",
        "Suites: bookworm-backports",
        "Components: main",
        "Architectures: amd64",
        "Signed-By: /etc/keys/debian.gpg",
    }


def test_a_key_inside_a_source_is_kept_whole(dev: ModuleType) -> None:
    """Continuation lines belong to their field."""
    text = dev.backports_source([INLINE_KEY], "bookworm")
    assert text.endswith("BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY\n")
    assert next(iter(dev._parse_sources(text)))["suites"] == "bookworm-backports"


@pytest.mark.parametrize(
    "texts",
    [
        (DEB822, "deb http://mirror.example/debian bookworm-backports main\n"),
        (DEB822.replace("bookworm-updates", "bookworm-backports"),),
    ],
)
def test_backports_that_are_there_are_not_added(dev: ModuleType, texts: tuple[str, ...]) -> None:
    """Whoever has them, in either format, gets no second source."""
    assert dev.backports_source(texts, "bookworm") == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        DEB822.replace("bookworm ", "trixie "),
        "Enabled: no\n" + DEB822,
        DEB822.replace("main contrib", "contrib"),
    ],
)
def test_without_a_source_of_the_release_nothing_is_guessed(dev: ModuleType, text: str) -> None:
    """No source, another release, a disabled one or none with `main` derives nothing."""
    assert dev.backports_source([text], "bookworm") is None


VENDOR = "deb [signed-by=/usr/share/keyrings/vendor.gpg] https://apt.example.com bookworm main\n"


def test_a_vendor_is_not_taken_for_debian(dev: ModuleType) -> None:
    """Vendors name their suites after Debian's; only Debian has updates or its own keyring."""
    key = "/usr/share/keyrings/debian-archive-keyring.gpg"
    own = f"deb [signed-by={key}] http://mirror.example/debian bookworm main\n"
    for texts in ([VENDOR, DEB822], [VENDOR, own], [own, VENDOR]):
        text = dev.backports_source(texts, "bookworm")
        assert "http://mirror.example/debian\n" in text


def test_nothing_unsafe_is_taken_over(dev: ModuleType) -> None:
    """Neither trust without a key nor a password; blanks in options are understood."""
    options = "[ trusted=yes allow-insecure=yes signed-by = /k arch=amd64 odd ]"
    line = f"deb {options} http://{{}}x/d bookworm main\n"
    text = dev.backports_source([line.format("")], "bookworm")
    assert "Signed-By: /k\n" in text
    assert "rusted" not in text
    assert "nsecure" not in text
    assert dev.backports_source([line.format("me:secret@")], "bookworm") is None


def test_elsewhere_than_on_debian_it_says_what_to_do(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An old QEMU of another distribution is left alone."""
    monkeypatch.setattr(dev, "qemu_version", lambda: 8)
    monkeypatch.setattr(dev, "_read_assignments", lambda _path: {"ID": "ubuntu"})
    assert not dev.upgrade_qemu(agreed=True)
    assert "QEMU 8 has no Raspberry Pi 4; 9 or newer has" in capsys.readouterr().err


def test_a_new_qemu_needs_nothing(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its version is what it says of itself."""
    monkeypatch.setattr(dev, "qemu_version", lambda: 10)
    monkeypatch.setattr(dev, "_read_assignments", None)
    assert dev.upgrade_qemu(agreed=False)
