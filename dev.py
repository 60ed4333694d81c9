#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything a developer or a newcomer starts: the demonstration, the tests, the checks.

Standard library only. Makes a virtual environment beside itself, so that it works where the
system's Python refuses pip (PEP 668), and says which system packages are missing before it
installs them.
"""

import argparse
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin/python"
STAMP = VENV / "edgectl-stamp"
OLDEST_PYTHON = (3, 11)
SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

# Debian package -> a program or file that proves it is there.
BUILD_PACKAGES = {
    "debian-archive-keyring": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "device-tree-compiler": "dtc",
    "dosfstools": "mkfs.vfat",
    "e2fsprogs": "mke2fs",
    "mmdebstrap": "mmdebstrap",
    "mtools": "mcopy",
    "squashfs-tools": "mksquashfs",
    "xz-utils": "xz",
    "zstd": "zstd",
}
EMULATOR_PACKAGES = {
    "dnsmasq-base": "dnsmasq",
    "iproute2": "ip",
    "qemu-efi-aarch64": "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
    "qemu-system-arm": "qemu-system-aarch64",
}
# Every other emulator of a board profile.
BOARD_PACKAGES = {
    "ovmf": "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "qemu-system-x86": "qemu-system-x86_64",
    "u-boot-qemu": "/usr/lib/u-boot/qemu_arm64/u-boot.bin",
}
# The first QEMU that has a Raspberry Pi 4.
OLDEST_QEMU = 9
QEMU = "qemu-system-aarch64"
# All that must come from one suite because they share files.
QEMU_PACKAGES = (
    *("qemu-system-arm", "qemu-system-x86", "qemu-system-misc", "qemu-system-gui"),
    *("qemu-utils", "qemu-block-extra", "qemu-user", "qemu-user-static"),
)
SOURCES = Path("/etc/apt")
BACKPORTS_FILE = SOURCES / "sources.list.d/edgectl-backports.sources"
TEST_PACKAGES = {
    "avahi-daemon": "avahi-daemon",
    "avahi-utils": "avahi-browse",
    "binutils": "objdump",
    "bmap-tools": "bmaptool",
    "busybox-static": "/usr/share/doc/busybox-static",
    "bzip2": "bzip2",
    "containerd": "containerd",
    "dbus": "dbus-daemon",
    "fdisk": "sfdisk",
    "fuse3": "fusermount3",
    "gdisk": "sgdisk",
    "grub-common": "grub-script-check",
    "gzip": "gzip",
    "lbzip2": "lbzip2",
    "libfuse2": "/usr/share/doc/libfuse2",
    "minisign": "minisign",
    "openssl": "openssl",
    "qemu-utils": "qemu-img",
    "runc": "runc",
    "util-linux": "losetup",
    "zip": "zip",
}
# Folders of tests/integration that take as long as all other tests: what is done with images.
IMAGE_TESTS = ("boards", "demo", "devicetree", "image", "qemu")
SUITE_GB = 8
END_S = 30.0


class Stop(Exception):
    """Something is in the way; the message says what and what to do."""


def main() -> int:
    """Run the command that was asked for."""
    options = _parse()
    try:
        code: int = options.run(options)
    except Stop as stop:
        print(f"dev.py: {stop}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def demo(options: argparse.Namespace) -> int:
    """Set up what the demonstration needs and run it."""
    make_environment("run")
    named = any(word.startswith(("--board", "--emulator")) for word in options.rest)
    wanted = {} if options.fast else BUILD_PACKAGES | EMULATOR_PACKAGES
    if named and not options.fast:
        wanted |= BOARD_PACKAGES
    fast = options.fast or not install_packages(wanted, agreed=options.yes, needed=False)
    if named and not fast:
        upgrade_qemu(agreed=options.yes)
    if fast and not options.fast:
        say("going on with lab nodes instead of an emulated board (demo --fast)")
    arguments = ["demo", *(["--fast"] if fast else []), *options.rest]
    return run(PYTHON, "-m", "edge", *arguments)


def test(options: argparse.Namespace) -> int:
    """Check and test everything, or only what pytest's arguments select."""
    if not options.rest:
        warn_of_full_disk()
    make_environment("dev")
    packages = BUILD_PACKAGES | EMULATOR_PACKAGES | BOARD_PACKAGES | TEST_PACKAGES
    install_packages(packages, agreed=options.yes, needed=True)
    upgrade_qemu(agreed=options.yes)
    if options.rest:
        return run(PYTHON, "-m", "pytest", "-q", *options.rest)
    return check(options) or run_beside(split_suite())


def emulators(options: argparse.Namespace) -> int:
    """Install what emulates every board, with QEMU from backports where the system's is old."""
    packages = EMULATOR_PACKAGES | BOARD_PACKAGES
    install_packages(packages, agreed=options.yes, needed=True)
    return 0 if upgrade_qemu(agreed=options.yes) else 1


def check(_options: argparse.Namespace) -> int:
    """Run the formatter, the linter, the type checker and the layer contracts."""
    make_environment("dev")
    commands = (
        ("ruff", "format", "--check", "--quiet", "."),
        ("ruff", "check", "--quiet", "."),
        ("mypy", "--no-error-summary"),
        ("lint-imports", "--no-cache"),
    )
    for name, *arguments in commands:
        result = subprocess.run(
            [VENV / "bin" / name, *arguments], cwd=ROOT, capture_output=True, text=True
        )
        if result.returncode:
            print(f"{result.stdout}{result.stderr}".rstrip())
            return result.returncode
    return 0


def bench(options: argparse.Namespace) -> int:
    """Run a benchmark from tests/benchmarks."""
    files = (ROOT / "tests/benchmarks").glob("[a-z]*.py")
    known = sorted(path.stem for path in files if "__main__" in path.read_text())
    if not options.rest or options.rest[0] not in known:
        raise Stop(f"name a benchmark: {', '.join(known) or 'there are none'}")
    make_environment("dev")
    name, *rest = options.rest
    return run(PYTHON, "-m", f"tests.benchmarks.{name}", *rest)


def lock(_options: argparse.Namespace) -> int:
    """Pin the requirements again, with hashes and without the address of an index."""
    make_environment("dev")
    uv = shutil.which("uv", path=f"{SEARCH}:{VENV / 'bin'}")
    if uv is None:
        raise Stop("lock needs uv: .venv/bin/pip install uv")
    folder = ROOT / "requirements"
    common = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-header"]
    jobs = (
        ("dev.txt", "3.11", ["--group", "dev", "pyproject.toml"]),
        ("run.txt", "3.11", ["pyproject.toml", "requirements/build.in", "-c", "dev.txt"]),
        ("node.txt", "3.13", ["requirements/node.in", "-c", "run.txt"]),
    )
    for name, version, arguments in jobs:
        words = [str(folder / word) if word.endswith(".txt") else word for word in arguments]
        output = ["--no-annotate", "--quiet", "--python-version", version, "-o", folder / name]
        if code := run(uv, "pip", "compile", *common, *words, *output):
            return code
    return 0


def generate(_options: argparse.Namespace) -> int:
    """Generate the modules of the API from its definitions, and the configuration's schema."""
    make_environment("dev")
    protoc = [PYTHON, "-m", "grpc_tools.protoc", "-I.", "--python_out=.", "--pyi_out=."]
    folders = (ROOT / "edge/api", ROOT / "edge/api/containerd")
    found = [path for folder in folders for path in folder.glob("*.proto")]
    api = sorted(str(path.relative_to(ROOT)) for path in found)
    kinds = sorted(
        str(path.relative_to(ROOT)) for path in (ROOT / "edge/api/definitions").glob("*.proto")
    )
    schema = (PYTHON, "-m", "edge.config.schema")
    return run(*protoc, "--grpc_python_out=.", *api) or run(*protoc, *kinds) or run(*schema)


def make_environment(kind: str) -> None:
    """Have a virtual environment with the pinned requirements of `kind`: run or dev."""
    if sys.version_info < OLDEST_PYTHON:
        raise Stop(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}")
    pins = ROOT / f"requirements/{kind}.txt"
    stamp = f"{hashlib.sha256(pins.read_bytes()).hexdigest()} {sys.version} {ROOT}"
    known = STAMP.read_text().splitlines() if STAMP.exists() else []
    if stamp in known and PYTHON.exists():
        return
    say(f"setting up {VENV.name} ({kind}) ...")
    if not PYTHON.exists():
        _make_venv()
    _install(["--require-hashes", "-r", str(pins)])
    _install(["--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    STAMP.write_text("\n".join([*known, stamp]))


def _make_venv() -> None:
    try:
        import ensurepip  # noqa: F401 - asked whether it is there
    except ImportError:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        install_packages({version: "-"}, agreed=False, needed=True)
    _quiet([sys.executable, "-m", "venv", "--clear", str(VENV)], "the environment cannot be made")


def _install(arguments: list[str]) -> None:
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--quiet", "--python", str(PYTHON), *arguments]
    else:
        pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command = [*pip, *arguments]
    _quiet(command, "the requirements cannot be installed")


def _quiet(command: list[str], complaint: str) -> None:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        lines = f"{result.stdout}{result.stderr}".strip().splitlines() or ["no output"]
        raise Stop(f"{complaint}: {lines[-1]}")


def install_packages(packages: dict[str, str], *, agreed: bool, needed: bool) -> bool:
    """Install those of `packages` that are missing; say whether all are there now.

    Asks first unless `agreed` or root. Without them, stops if they are `needed`.
    """
    missing = sorted(name for name, proof in packages.items() if not _is_there(proof))
    if not missing:
        return True
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        command = ["sudo", *command]
    if shutil.which("apt-get") and (agreed or os.geteuid() == 0 or _agree(command)):
        _apt(command)
    still = [name for name in missing if not _is_there(packages[name]) and packages[name] != "-"]
    if still and needed:
        raise Stop(f"missing system packages: {' '.join(still)}\n  {' '.join(command)}")
    if still:
        say(f"not installed: {' '.join(still)}")
    return not still


def upgrade_qemu(*, agreed: bool) -> bool:
    """Have a QEMU that knows the Raspberry Pi 4, from the backports of this Debian if need be.

    The file that this adds to APT's sources stays, so that updates come; what is in backports
    is installed only where it is asked for, so nothing else changes with it.
    """
    if (version := qemu_version()) >= OLDEST_QEMU:
        return True
    too_old = f"QEMU {version} has no Raspberry Pi 4; {OLDEST_QEMU} or newer has"
    system = _read_assignments(Path("/etc/os-release"))
    codename = system.get("VERSION_CODENAME", "")
    if system.get("ID") != "debian" or not codename:
        say(f"{too_old}: install one from your distribution or from its source")
        return False
    source = backports_source(_read_sources(), codename)
    if source is None:
        say(f"{too_old}: add {codename}-backports to APT's sources; none was found to derive it of")
        return False
    command = ["apt-get", "install", "--yes", "--no-install-recommends"]
    command += ["-t", f"{codename}-backports", *_installed(QEMU_PACKAGES)]
    prefix = [] if os.geteuid() == 0 else ["sudo"]
    if not (agreed or not prefix or _agree([*prefix, *command])):
        say(f"{too_old}: {' '.join([*prefix, *command])}")
        return False
    if source:
        say(f"{BACKPORTS_FILE} (remove it to undo):\n{source.rstrip()}")
        text = source.encode()
        subprocess.run([*prefix, "tee", BACKPORTS_FILE], input=text, stdout=subprocess.DEVNULL)
    _apt([*prefix, *command])
    if qemu_version() >= OLDEST_QEMU:
        return True
    if source:
        subprocess.run([*prefix, "rm", "-f", BACKPORTS_FILE])
    say(f"{too_old}, and {codename}-backports gave none")
    return False


def qemu_version() -> int:
    """Return the major version that QEMU itself tells, 0 without one."""
    if (program := shutil.which(QEMU, path=SEARCH)) is None:
        return 0
    told = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    found = re.search(r"version (\d+)", told)
    return int(found[1]) if found else 0


def backports_source(texts: Iterable[str], codename: str) -> str | None:
    """Derive the source of `codename`-backports from what APT is set up with.

    Takes over address, key and options of the source that has `codename` itself. Returns the text
    of a deb822 file, nothing if backports are a source already, None if there is no such source.
    """
    wanted = f"{codename}-backports"
    sources = [source for text in texts for source in _parse_sources(text)]
    if any(wanted in source["suites"].split() for source in sources):
        return ""
    # Others may call their suites like Debian's, but only Debian has updates to one.
    debian = {
        source["uris"] for source in sources if f"{codename}-updates" in source["suites"].split()
    }
    candidates = [
        source
        for source in sources
        if codename in source["suites"].split()
        and "main" in source.get("components", "").split()
        and "@" not in source["uris"]  # a password, for a file that everybody can read
    ]
    if not candidates:
        return None
    source = max(
        candidates,
        key=lambda each: (
            "debian-archive" in each.get("signed-by", ""),
            each["uris"] in debian,
        ),
    )
    fields = source | {"types": "deb", "suites": wanted, "components": "main"}
    lines = (
        f"{_FIELD_NAMES.get(name, name.title())}: {value}\n"
        for name, value in fields.items()
        if name not in _UNSAFE
    )
    return "# Backports, for a newer QEMU.\n" + "".join(lines)


def _parse_sources(text: str) -> Iterator[dict[str, str]]:
    """Yield the enabled sources of binary packages in a file of either of APT's two formats."""
    lines = [line.rstrip() for line in text.splitlines() if not line.startswith("#")]
    for line in lines:
        if found := _ONE_LINE.match(line):
            suite_and_components = found["rest"].partition("#")[0].split()
            told = re.sub(r"\s*=\s*", "=", found["options"] or "").split()
            options = dict(pair.split("=", 1) for pair in told if "=" in pair)
            yield {
                "uris": found["uri"],
                "suites": suite_and_components[0],
                "components": " ".join(suite_and_components[1:]),
                **{_LONG_NAMES.get(key, key): value for key, value in options.items()},
            }
    for stanza in "\n".join(lines).split("\n\n"):
        fields: dict[str, str] = {}
        for line in stanza.splitlines():
            if line[:1].isspace() and fields:
                fields[list(fields)[-1]] += f"\n{line}"
            elif ":" in line and not _ONE_LINE.match(line):
                name, _, value = line.partition(":")
                fields[name.lower()] = value.strip()
        if fields.pop("enabled", "yes").lower() in ("no", "false", "0", "off"):
            continue
        if {"types", "uris", "suites"} <= fields.keys() and "deb" in fields["types"].split():
            yield fields


_ONE_LINE = re.compile(r"\s*deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uri>\S+)\s+(?P<rest>\S.*)")
_UNSAFE = {"trusted", "allow-insecure", "allow-weak", "allow-downgrade-to-insecure"}
_FIELD_NAMES = {"uris": "URIs"}
_LONG_NAMES = {"arch": "architectures", "lang": "languages", "target": "targets"}


def _read_sources() -> list[str]:
    found = [SOURCES / "sources.list", *sorted((SOURCES / "sources.list.d").glob("*"))]
    wanted = [path for path in found if path.suffix in (".list", ".sources") and path.is_file()]
    return [path.read_text(errors="replace") for path in wanted]


def _read_assignments(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines() if path.exists() else []
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {name: value.strip("\"'") for name, value in pairs}


def _installed(names: Iterable[str]) -> list[str]:
    """Return those of `names` that are installed; the first, which is wanted, in any case."""
    query = ["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n"]
    told = subprocess.run(query, capture_output=True, text=True).stdout.split("\n")
    first, *rest = names
    return [first, *(name for name in rest if f"{name} installed" in told)]


def _apt(command: list[str]) -> None:
    say(" ".join(command))
    prefix = command[: command.index("apt-get")]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    update = [*prefix, "apt-get", "update", "-qq"]
    subprocess.run(update, env=environment, stdout=subprocess.DEVNULL)
    subprocess.run([*command, "-qq"], env=environment, stdout=subprocess.DEVNULL)


def _agree(command: list[str]) -> bool:
    if not sys.stdin.isatty():
        return False
    return input(f"{' '.join(command)}\nrun this? [y/N] ").strip().lower() in ("y", "yes")


def _is_there(proof: str) -> bool:
    if proof.startswith("/"):
        return Path(proof).exists()
    return shutil.which(proof, path=SEARCH) is not None


def say(text: str) -> None:
    """Print to stderr: stdout is for the data of what is run (`demo -o json`)."""
    print(text, file=sys.stderr, flush=True)


def run(*command: object) -> int:
    """Run a command in the checkout and return its exit code."""
    words = [str(word) for word in command]
    process = subprocess.Popen(words, cwd=ROOT, env=_environment())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The child got it too and tidies up; its exit code is the answer.
            continue


def warn_of_full_disk() -> None:
    """Say so when there may be too little room for what the whole suite writes."""
    cache = Path(os.environ.get("EDGECTL_CACHE") or Path.home())
    for place, name in ((Path(tempfile.gettempdir()), "TMPDIR"), (cache, "EDGECTL_CACHE")):
        there = next(each for each in (place, *place.parents) if each.exists())
        free_gb = shutil.disk_usage(there).free / 1e9
        if free_gb < SUITE_GB:
            say(
                f"dev.py: {place} has {free_gb:.1f} GB free and the suite writes up to {SUITE_GB}"
                f" GB: make room, or name another disk with {name}"
            )


def split_suite() -> dict[str, list[str]]:
    """Return pytest's arguments for two halves that take equally long; no test is in neither."""
    folders = [f"tests/integration/{name}" for name in IMAGE_TESTS]
    return {"images": folders, "others": [f"--ignore={folder}" for folder in folders]}


def run_beside(parts: Mapping[str, Sequence[str]]) -> int:
    """Run pytest for each part at the same time; end with what failed in all of them."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) != signal.SIG_IGN:  # as nohup has it
            signal.signal(each, signal.default_int_handler)
    runs = [Part(name, arguments) for name, arguments in parts.items()]
    try:
        for part in runs:
            part.wait()
    except KeyboardInterrupt:
        _end(runs)
        raise
    print("\n" + "\n".join(line for part in runs for line in part.summary()), flush=True)
    return int(any(part.process.returncode for part in runs))


def _end(runs: Sequence["Part"]) -> None:
    """Interrupt the processes and all that they started, then kill what did not heed that."""
    for number in (signal.SIGINT, signal.SIGKILL):
        for part in runs:
            with suppress(ProcessLookupError):
                os.killpg(part.process.pid, number)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            for part in runs:
                part.wait(END_S)


class Part:
    """A part of the suite in a process group of its own; its lines are printed as they come."""

    def __init__(self, name: str, arguments: Sequence[str]) -> None:
        self.name = name
        self.lines: list[str] = []
        command = [str(PYTHON), "-m", "pytest", "-q", "--durations=25"]
        # The folders of all parts are numbered together: the last of each is kept.
        command += ["-o", "tmp_path_retention_count=2", *arguments]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self, timeout_s: float | None = None) -> None:
        """Return when the process has ended and all that it said is printed."""
        self.process.wait(timeout_s)
        # What a test may have left running holds the pipe open.
        self._reader.join(END_S)

    def summary(self) -> list[str]:
        """Return the short summary of what did not pass, and how the process ended."""
        starts = [at for at, line in enumerate(self.lines) if "short test summary" in line]
        lines = self.lines[starts[-1] + 1 :] if starts else self.lines[-1:]
        code = self.process.returncode
        if code < 0:
            lines = [*lines, f"ended by signal {-code} ({signal.Signals(-code).name})"]
        elif code > 1:
            lines = [*lines, f"ended with exit code {code}: pytest itself failed"]
        return [f"{self.name}: {line}" for line in lines]

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line.rstrip("\n"))
                # Whoever reads this may have gone; the tests do not stand still for that.
                with suppress(OSError, UnicodeError):
                    print(f"{self.name}: {self.lines[-1]}\n", end="", flush=True)


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{VENV / 'bin'}:{SEARCH}"}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py", description=__doc__.splitlines()[0])
    parser.set_defaults(rest=[], yes=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for function in (demo, test, check, bench, lock, generate, emulators):
        summary = (function.__doc__ or "").splitlines()[0]
        command = commands.add_parser(function.__name__, help=summary, description=summary)
        command.set_defaults(run=function)
        command.add_argument("--yes", action="store_true", help="install system packages unasked")
        if function is demo:
            command.add_argument("--fast", action="store_true", help="lab nodes, no emulator")
    options, rest = parser.parse_known_args()
    options.rest = rest
    return options


if __name__ == "__main__":
    sys.exit(main())
