# SPDX-License-Identifier: Apache-2.0
"""Real images, looked at with other people's tools."""

import json
import os
import platform
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import pytest

from boards.catalog import load_profile
from boards.kernel import Kernel
from edge.errors import ImageError
from edge.events import Event, StepStarted
from edge.paths import cache_dir
from flasher.image.build import build_image
from flasher.image.root import PROGRAMS, SITE
from flasher.schematic.model import Schematic
from flasher.schematic.wish import to_wishes
from tests.integration.image.conftest import GetImage as Built

pytestmark = pytest.mark.image

BOARDS = ("qemu-arm64", "rpi4", "nuc")
# Names of programs that would let somebody in or change the system from inside.
FORBIDDEN = frozenset(
    {
        *("sh", "bash", "dash", "ash", "zsh", "ksh", "csh", "tcsh", "fish", "busybox", "toybox"),
        *("sshd", "ssh", "dropbear", "telnetd", "login", "getty", "agetty", "su", "sudo"),
        *("apt", "apt-get", "dpkg", "rpm", "apk", "pip", "pip3", "snap", "uv"),
        *("perl", "ruby", "lua", "node", "awk", "gawk", "mawk", "tclsh", "gdb", "openssl"),
    }
)


@pytest.mark.parametrize("board", BOARDS)
def test_partitions_and_file_systems_have_no_fault(built: Built, board: str) -> None:
    """The tools that repair disks find nothing to repair."""
    image = built(board)
    if image.table.kind == "gpt":
        assert "No problems found" in output("sgdisk", "-v", image.path)
    else:
        assert "No errors detected" in output("sfdisk", "--verify", image.path)
    output("fsck.vfat", "-n", image.partition("EFI"))
    output("e2fsck", "-f", "-n", image.partition("BOOT"))


def test_the_same_inputs_give_the_same_bytes(built: Built, tmp_path: Path) -> None:
    """Only downloads are shared by the two builds; places and times differ."""
    first = built("qemu-arm64")
    again = tmp_path / "elsewhere/cache"
    again.mkdir(parents=True)
    for kind in ("root", "files", "wheels"):
        (again / kind).symlink_to(cache_dir() / "image" / kind)
    board, wishes = to_wishes(Schematic(board="qemu-arm64"))
    second = build_image(load_profile(board), tmp_path / "b.img", wishes=wishes, cache=again)
    assert second.sha256 == first.report.sha256
    subprocess.run(["cmp", first.path, tmp_path / "b.img"], check=True)


@pytest.mark.parametrize("board", ["rpi4", "nuc"])
def test_one_slot_is_small(built: Built, board: str) -> None:
    """Kernel, initramfs and root of one slot keep to the goal where the kernel is stored packed."""
    report = built(board).report
    assert report.within_goal
    assert report.slot_bytes <= 80_000_000


def test_the_description_beside_the_image_is_true(built: Built) -> None:
    """Size and hash in the JSON file are those of the image, and the packages are listed."""
    image = built("qemu-arm64")
    described = json.loads(image.path.with_name(f"{image.path.name}.json").read_text())
    assert described == asdict(image.report)
    assert described["size_bytes"] == image.path.stat().st_size
    assert described["sha256"] == sha256(image.path.read_bytes()).hexdigest()
    assert "libc6" in described["packages"]


@pytest.mark.parametrize("board", BOARDS)
def test_nobody_can_log_in_and_nothing_can_be_installed(built: Built, board: str) -> None:
    """No shell, login, package manager or other interpreter is anywhere in the root."""
    names = {path.name for path in walk(built(board).root()) if not path.is_dir()}
    assert names & FORBIDDEN == set()


@pytest.mark.parametrize("board", BOARDS)
def test_only_known_programs_can_be_executed(built: Built, board: str) -> None:
    """Every executable is a library or one of the few programs of the node; none is setuid."""
    root = built(board).root()
    runnable = set()
    for path in walk(root):
        mode = path.lstat().st_mode
        assert not mode & (stat.S_ISUID | stat.S_ISGID), path
        if stat.S_ISREG(mode) and mode & stat.S_IXUSR and ".so" not in path.name:
            runnable.add(path.name)
    assert runnable == PROGRAMS


@pytest.mark.parametrize("board", BOARDS)
def test_links_lead_somewhere(built: Built, board: str) -> None:
    """Nothing in the root points at a file that was left out."""
    root = built(board).root()
    made_at_boot = {"etc/mtab", "etc/resolv.conf"}
    dangling = {
        path.relative_to(root).as_posix()
        for path in walk(root)
        if path.is_symlink() and not path.exists()
    }
    assert dangling == made_at_boot


def test_the_root_says_what_it_is(built: Built) -> None:
    """The node finds its board, version and the oldest time it may show."""
    image = built("qemu-arm64")
    about = json.loads((image.root() / "etc/edge/image.json").read_text())
    assert (about["board"], about["arch"]) == ("qemu-arm64", "arm64")
    assert about["build_time"] == image.report.build_time
    assert "ext4" in about["modules"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="executes the amd64 root's Python here")
def test_everything_the_node_imports_is_in_the_root(built: Built) -> None:
    """Each of our modules imports with the board's own Python and libraries."""
    root = built("nuc").root()
    names = sorted(
        ".".join(path.relative_to(root / SITE).with_suffix("").parts).removesuffix(".__init__")
        for package in ("edge", "discovery", "flasher", "boards")
        for path in (root / SITE / package).rglob("*.py")
        if path.name != "__main__.py"
    )
    assert "edge.node.start" in names
    program = (
        "import importlib, sys\nfor name in sys.stdin.read().split(): importlib.import_module(name)"
    )
    done = _python(root, program, "\n".join(names))
    assert done.returncode == 0, done.stderr


def _python(root: Path, program: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program by the Python of an amd64 root."""
    libraries = root / "usr/lib/x86_64-linux-gnu"
    return subprocess.run(
        [
            *(libraries / "ld-linux-x86-64.so.2", "--library-path", libraries),
            *(root / "usr/bin/python3.13", "-s", "-S", "-c", program),
        ],
        env={"PYTHONHOME": str(root / "usr"), "PYTHONPATH": str(root / SITE)},
        input=text,
        text=True,
        capture_output=True,
        check=False,
    )


STARTED = """
import json, sys
from edge.node.boot.startup import Startup, use_methods, use_startup
use_startup(sys.stdin.read())
before = set(sys.modules)
use_methods()
import dataclasses
compiled = []
taken = dataclasses.exec
known = next(each for each in sys.meta_path if isinstance(each, Startup)).methods
def run(source, space, own):
    compiled.append(source) if source not in known else None
    taken(source, space, own)
vars(dataclasses)["exec"] = run
import edge.node.init, edge.node.machined, edge.node.board
import edge.node.control.runtime, edge.node.api.gate, edge.node.control.catalogue
specs = {name: each.__spec__ for name, each in sys.modules.items() if name not in before}
texts = {name: spec for name, spec in specs.items() if spec and str(spec.origin).endswith(".py")}
late = [name for name, spec in texts.items() if not isinstance(spec.loader, Startup)]
print(json.dumps({"late": late, "compiled": compiled, "count": len(sys.modules) - len(before)}))
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="executes the amd64 root's Python here")
def test_the_startup_file_has_what_a_board_loads(built: Built) -> None:
    """No module is looked for elsewhere, and no method is compiled, up to maintenance."""
    # In the root, because the file names places on the board.
    done = subprocess.run(
        ["chroot", built("nuc").root(), "/usr/bin/python3.13", "-I", "-c", STARTED],
        input="/usr/lib/edge/startup",
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    # Of google.protobuf there are two implementations, of which boards load the native one.
    assert [name for name in said["late"] if not name.startswith("google.")] == []
    assert said["compiled"] == []
    assert said["count"] > 300


def test_modules_are_compiled_and_never_checked_against_their_source(built: Built) -> None:
    """The node starts without compiling anything: every source has its bytecode."""
    root = built("qemu-arm64").root()
    for source in (root / SITE / "edge").rglob("*.py"):
        compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
        # magic, then flags: bit 0 = by hash, bit 1 = checked
        assert compiled.read_bytes()[4:8] == b"\x01\0\0\0", source


def test_a_pi_finds_every_file_that_its_firmware_looks_for(built: Built) -> None:
    """Firmware, settings, U-Boot, device trees and GRUB are on the first FAT partition."""
    efi = built("rpi4").partition("EFI")
    listing = output("mdir", "-b", "-/", "-i", efi, "::").split()
    assert {
        "::/start4.elf",
        "::/fixup4.dat",
        "::/start4cd.elf",
        "::/fixup4cd.dat",
        "::/config.txt",
        "::/u-boot.bin",
        "::/bcm2711-rpi-4-b.dtb",
        "::/bcm2711-rpi-400.dtb",
        "::/bcm2711-rpi-cm4-io.dtb",
        "::/bcm2711-rpi-cm4.dtb",
        "::/EFI/BOOT/BOOTAA64.EFI",
        "::/EFI/debian/grub.cfg",
        "::/EFI/debian/grubenv",
    } <= set(listing)
    firmware = built("rpi4").root() / "usr/lib/firmware/brcm"
    assert (firmware / "brcmfmac43455-sdio.raspberrypi,4-model-b.txt").is_file()


def test_device_trees_are_sound(built: Built, tmp_path: Path) -> None:
    """Each tree on the EFI partition decompiles."""
    efi = built("rpi4").partition("EFI")
    for name in [target for tree in load_profile("rpi4").device_trees for target in tree.targets]:
        output("mcopy", "-n", "-i", efi, f"::/{name}", tmp_path / name)
        output("dtc", "-q", "-I", "dtb", "-O", "dts", "-o", os.devnull, tmp_path / name)


def test_a_build_that_fails_or_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    """Neither a fault in the profile nor ctrl-C leaves a file behind."""
    profile = load_profile("qemu-arm64")
    kernel = Kernel.model_validate(
        {**profile.kernel.model_dump(), "modules": ("no_such",), "preload": ()}
    )
    broken = profile.model_copy(update={"kernel": kernel})
    with pytest.raises(ImageError, match="no module no_such"):
        build_image(broken, tmp_path / "a.img")

    def stop(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == "assemble image":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_image(profile, tmp_path / "b.img", listener=stop)
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_archive_is_one_plain_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network and without a cache the reason is told and nothing is left."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(ImageError, match="cannot fetch packages of Debian trixie") as caught:
        build_image(load_profile("qemu-arm64"), tmp_path / "a.img", cache=tmp_path / "cache")
    assert "\n" not in caught.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Lend a file system with too little room for an image."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(place))
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system takes root")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_one_plain_line(small_disk: Path) -> None:
    """The message says that the disk is full, and the half-written image is gone."""
    with pytest.raises(ImageError, match="disk is full"):
        build_image(load_profile("qemu-arm64"), small_disk / "a.img")
    assert list(small_disk.iterdir()) == []


def output(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def walk(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        yield from (Path(folder, name) for name in (*folders, *names))
