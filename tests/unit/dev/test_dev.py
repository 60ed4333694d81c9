# SPDX-License-Identifier: Apache-2.0
"""dev.py before it has done anything: what it asks, prints and refuses."""

import importlib.util
import signal
import subprocess
import sys
import time
from collections.abc import Callable
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


def test_every_test_is_in_one_half(dev: ModuleType) -> None:
    """The second half is named by what it leaves out, so that a new folder cannot be missed."""
    folders, others = dev.split_suite().values()
    assert others == [f"--ignore={folder}" for folder in folders]
    assert all(any((ROOT / folder).glob("test_*.py")) for folder in folders)


@pytest.fixture
def suite(dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands for the checkout."""
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setattr(dev, "PYTHON", sys.executable)
    monkeypatch.setattr(dev.signal, "signal", lambda *_arguments: None)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they take seconds to load
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = ['-ra']\n")
    return tmp_path


def run_tests(dev: ModuleType, **texts: str) -> int:
    """Run files with these texts beside each other."""
    for name, text in texts.items():
        (dev.ROOT / name).mkdir()
        (dev.ROOT / name / f"test_{name}.py").write_text(text)
    return int(dev.run_beside({name: [name] for name in texts}))


def test_what_failed_in_either_half_is_at_the_end(
    dev: ModuleType, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines are printed as they come, each with its half; the last ones tell what failed."""
    bad = "def test_b(): assert 1 == 2\n"
    assert run_tests(dev, good="def test_a(): pass\n", bad=bad) == 1
    text = capsys.readouterr().out
    last = text.rpartition("\n\n")[2].splitlines()
    assert last[0].startswith("good: 1 passed")
    assert last[1].startswith("bad: FAILED bad/test_bad.py::test_b - ")
    assert last[2].startswith("bad: 1 failed")
    assert "\nbad: E " in text.removesuffix(last[-1])


def test_halves_that_pass_end_well(dev: ModuleType, suite: Path) -> None:
    """Both must."""
    assert run_tests(dev, one="def test_a(): pass\n", two="def test_b(): pass\n") == 0


def test_a_half_that_is_killed_is_told(
    dev: ModuleType, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has no summary of its own; the other half goes on to its end."""
    killed = "import os, signal\ndef test_b(): os.kill(os.getpid(), signal.SIGKILL)\n"
    assert run_tests(dev, killed=killed, good="def test_a(): pass\n") == 1
    last = capsys.readouterr().out.splitlines()[-2:]
    assert last[0] == "killed: ended by signal 9 (SIGKILL)"
    assert last[1].startswith("good: 1 passed")


SLOW = """
import subprocess
def test_it():
    subprocess.run(["sh", "-c", "echo $$ > {name}.part; mv {name}.part {name}.pid; exec sleep 600"])
"""
PROGRAM = """
import importlib.util, pathlib, sys
specification = importlib.util.spec_from_file_location("dev", {dev!r})
dev = importlib.util.module_from_spec(specification)
specification.loader.exec_module(dev)
dev.ROOT, dev.PYTHON = pathlib.Path({suite!r}), sys.executable
dev.run_beside({{"one": ["one"], "two": ["two"]}})
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_both_halves(suite: Path, number: signal.Signals) -> None:
    """Neither pytest nor what it started outlives it."""
    for name in ("one", "two"):
        (suite / name).mkdir()
        (suite / name / f"test_{name}.py").write_text(SLOW.format(name=name))
    program = PROGRAM.format(dev=str(ROOT / "dev.py"), suite=str(suite))
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_until(lambda: len([*suite.glob("*.pid")]) == 2)
        process.send_signal(number)
        assert b"KeyboardInterrupt" in process.communicate(timeout=90)[0]
    started = [Path("/proc", path.read_text().strip()) for path in suite.glob("*.pid")]
    wait_until(lambda: not any(is_running(each) for each in started))


WAITS = """
import pathlib, time
def test_it():
    pathlib.Path("{name}.pid").touch()
    deadline = time.monotonic() + 60
    while not pathlib.Path("go").exists():
        assert time.monotonic() < deadline
"""


def test_a_terminal_that_is_gone_ends_nothing_under_nohup(suite: Path) -> None:
    """It has the hang-up ignored, and so has the suite."""
    for name in ("one", "two"):
        (suite / name).mkdir()
        (suite / name / f"test_{name}.py").write_text(WAITS.format(name=name))
    program = PROGRAM.format(dev=str(ROOT / "dev.py"), suite=str(suite))
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        wait_until(lambda: len([*suite.glob("*.pid")]) == 2)
        process.send_signal(signal.SIGHUP)
        (suite / "go").touch()
        output = process.communicate(timeout=90)[0]
    assert process.returncode == 0, output
    assert b"two: 1 passed" in output


def wait_until(check: Callable[[], bool], deadline_s: float = 60.0) -> None:
    deadline = time.monotonic() + deadline_s
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"


def is_running(process: Path) -> bool:
    try:
        return bool((process / "cmdline").read_bytes())
    except OSError:
        return False


def test_little_room_is_one_plain_line(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a warning, with what to do."""
    monkeypatch.setattr(dev.tempfile, "gettempdir", lambda: "/nonexistent/tmp")
    monkeypatch.setenv("EDGECTL_CACHE", "/")
    monkeypatch.setattr(dev, "SUITE_GB", 10**9)
    dev.warn_of_full_disk()
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("dev.py: /nonexistent/tmp has ")
    assert first.endswith("make room, or name another disk with TMPDIR")
    assert second.endswith("EDGECTL_CACHE")
    monkeypatch.setattr(dev, "SUITE_GB", 0)
    dev.warn_of_full_disk()
    assert capsys.readouterr().err == ""
