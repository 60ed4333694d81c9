# SPDX-License-Identifier: Apache-2.0
"""The smaller parts of the builder: tools, cache, wheels, root rules, GRUB's files, assembly."""

import os
import time
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from edge.errors import ImageError, ToolError
from edge.events import Event, Noted, ignore
from edge.units import MIB
from flasher.debian.fetch import Cache
from flasher.image import grub
from flasher.image.assemble import Content, plan_table, write_image
from flasher.image.filesystem import choose_packing
from flasher.image.root import remove_unwanted
from flasher.image.wheel import copy_own_packages, node_requirements, unpack_wheel
from flasher.table import read_table
from flasher.tool import require_tools, run_tool


def test_missing_tools_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A newcomer is told what to type, once, for all that is missing."""
    monkeypatch.setattr("shutil.which", lambda *_args, **_kwargs: None)
    with pytest.raises(ToolError, match="mksquashfs, mcopy, mmd") as caught:
        require_tools(["mksquashfs", "mcopy", "mmd"])
    assert caught.value.hint == "sudo apt install mtools squashfs-tools"


def test_a_failing_tool_is_one_line() -> None:
    """The last line of its output is the reason, and a full disk says so."""
    with pytest.raises(ToolError, match="sh failed: second"):
        run_tool("sh", "-c", "echo first >&2; echo second >&2; exit 3")
    with pytest.raises(ImageError, match="disk is full"):
        run_tool("sh", "-c", "echo 'write: No space left on device' >&2; exit 1")


class Shop:
    """Makes cache entries and counts them; can be closed."""

    def __init__(self) -> None:
        self.made = 0
        self.open = True

    def make(self, place: Path) -> None:
        if not self.open:
            raise ImageError("the shop is closed")
        self.made += 1
        (place / "goods").write_text(str(self.made))


def test_the_cache_makes_a_thing_once_and_again_when_it_is_old(tmp_path: Path) -> None:
    """Fresh things are kept, old ones replaced, and `refresh` does not wait for age."""
    shop, cache = Shop(), Cache(folder=tmp_path)
    place = cache.entry("kind", "key", shop.make, fresh_s=60, listener=ignore)
    cache.entry("kind", "key", shop.make, fresh_s=60, listener=ignore)
    assert shop.made == 1
    os.utime(place, (time.time() - 90, time.time() - 90))
    cache.entry("kind", "key", shop.make, fresh_s=60, listener=ignore)
    assert shop.made == 2
    hurried = replace(cache, refresh=True)
    assert hurried.entry("kind", "key", shop.make, fresh_s=60, listener=ignore) == place
    assert (place / "goods").read_text() == "3"


def test_an_old_copy_serves_while_the_archive_is_away(tmp_path: Path) -> None:
    """Offline with a warm cache still builds, and says what it used."""
    shop, cache = Shop(), Cache(folder=tmp_path)
    place = cache.entry("kind", "key", shop.make, fresh_s=0, listener=ignore)
    shop.open = False
    heard: list[Event] = []
    assert cache.entry("kind", "key", shop.make, fresh_s=0, listener=heard.append) == place
    assert heard == [Noted(text="the shop is closed; using what was fetched earlier")]
    with pytest.raises(ImageError, match="closed"):
        cache.entry("kind", "other", shop.make, listener=ignore)
    assert [each.name for each in (tmp_path / "kind").iterdir() if each.is_dir()] == ["key"]


def test_a_wheel_is_unpacked_without_what_a_board_never_uses(tmp_path: Path) -> None:
    """Tests, stubs, headers, scripts and records stay behind; metadata and code arrive."""
    wheel = tmp_path / "w.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in (
            "pkg/__init__.py",
            "pkg/fast.so",
            "pkg/fast.pyi",
            "pkg/tests/test_it.py",
            "pkg-1.dist-info/METADATA",
            "pkg-1.dist-info/RECORD",
            "pkg-1.data/purelib/extra.py",
            "pkg-1.data/scripts/run",
        ):
            archive.writestr(name, "")
    unpack_wheel(wheel, tmp_path / "site")
    found = {
        each.relative_to(tmp_path / "site").as_posix()
        for each in (tmp_path / "site").rglob("*")
        if each.is_file()
    }
    assert found == {"pkg/__init__.py", "pkg/fast.so", "pkg-1.dist-info/METADATA", "extra.py"}


def test_our_own_packages_arrive_without_the_operators_side(tmp_path: Path) -> None:
    """The node gets its code and the partition tables, not the CLI, TUI or flasher."""
    copy_own_packages(tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.py")}
    assert {"edge/node/init.py", "flasher/table/gpt.py", "flasher/__init__.py"} <= names
    tops = {PurePosixPath(name).parts[:2] for name in names}
    assert not tops & {("edge", "cli"), ("edge", "provision"), ("flasher", "image")}
    assert "tui" not in {top[0] for top in tops}


def test_the_nodes_requirements_are_pinned_by_hash() -> None:
    """Nothing reaches a board that was not pinned."""
    text = node_requirements()
    assert "grpcio==" in text
    assert text.count("--hash=sha256:") >= text.count("==")


def test_the_root_keeps_programs_by_name_and_drops_the_rest(tmp_path: Path) -> None:
    """A shell that comes in with a dependency goes out again, and so do links to it."""
    kept = ["usr/bin/python3.13", "usr/sbin/mke2fs", "usr/lib/python3.13/os.py"]
    kept += ["usr/lib/aarch64-linux-gnu/libc.so.6"]
    gone = ["usr/bin/bash", "usr/sbin/sshd", "usr/bin/dpkg", "usr/share/doc/x", "var/lib/dpkg/y"]
    gone += ["usr/lib/python3.13/test/test_os.py", "etc/passwd", "usr/libexec/x/run"]
    for name in (*kept, *gone):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "usr/lib/sh").symlink_to("../bin/bash")
    remove_unwanted(tmp_path)
    found = {
        each.relative_to(tmp_path).as_posix()
        for each in tmp_path.rglob("*")
        if each.is_symlink() or not each.is_dir()
    }
    assert found == set(kept)


def test_grubenv_has_the_only_size_that_grub_accepts() -> None:
    """The block is 1024 bytes, with its header and padding."""
    block = grub.grubenv({"edge_default": "A"})
    assert len(block) == 1024
    assert block.startswith(b"# GRUB Environment Block\nedge_default=A\n##")


def test_a_trial_is_spent_before_anything_is_loaded() -> None:
    """The order in GRUB's configuration is what makes a failed trial fall back."""
    text = grub.boot_config(arguments=("quiet",))
    assert text.index("save_env") < text.index("linux (")
    assert text.count("menuentry") == 2
    assert "edge.slot=A" in text
    assert "edge.slot=B" in text


def test_an_image_is_sparse_and_as_its_table_says(tmp_path: Path) -> None:
    """Holes stay holes, and contents lie where their partitions start."""
    part = tmp_path / "part"
    with part.open("wb") as file:
        file.truncate(8 * MIB)
        file.seek(4 * MIB)
        file.write(b"x" * 4096)
    contents = [Content("EFI", 8, part), Content("META", 1)]
    table = plan_table("gpt", "test", contents)
    image = tmp_path / "image"
    with image.open("w+b") as file:
        write_image(file, table, contents)
        assert read_table(file) == table
        file.seek(table.partitions[0].start_bytes + 4 * MIB)
        assert file.read(4096) == b"x" * 4096
    assert image.stat().st_size % MIB == 0
    assert image.stat().st_blocks * 512 < MIB


def test_a_loader_outside_of_partitions_lies_in_front_of_them(tmp_path: Path) -> None:
    """The boot ROM finds it at its sector, and no partition can be laid over it."""
    (tmp_path / "loader").write_bytes(b"RKNS" + bytes(100))
    contents = [
        Content("EFI", 2),
        Content("META", 1),
        Content("LOADER", 0, tmp_path / "loader", at_sector=64),
    ]
    table = plan_table("gpt", "board", contents, first_mib=16)
    assert [(each.label, each.start_bytes // 512) for each in table.partitions] == [
        ("EFI", 16 * MIB // 512),
        ("META", 18 * MIB // 512),
        ("LOADER", 64),
    ]
    assert table.partitions[2].end_bytes == 16 * MIB
    with (tmp_path / "image").open("w+b") as file:
        write_image(file, table, contents)
        file.seek(64 * 512)
        assert file.read(4) == b"RKNS"


def test_the_users_kernel_arguments_are_kept_in_their_own_file() -> None:
    """No file that an upgrade writes holds them."""
    own = grub.user_config(("quiet", "edge.x=1"), "set pager=1\n")
    assert "set edge_user_arguments='quiet edge.x=1'\nset pager=1\n" in own
    assert "quiet" not in grub.boot_config(arguments=("ro",))
    assert "$edge_user_arguments" in grub.boot_config(arguments=("ro",))


def test_grub_hands_on_a_device_tree_where_the_board_needs_one() -> None:
    """It takes the place of the tree of a vendor's firmware, before the kernel is loaded."""
    config = grub.boot_config(arguments=("ro",), device_tree="dtb/nvidia/board.dtb")
    assert config.count("devicetree ($edge_esp)/dtb/nvidia/board.dtb") == 2
    assert "devicetree" not in grub.boot_config(arguments=("ro",))


def test_a_loader_that_would_reach_into_the_first_partition_is_refused(tmp_path: Path) -> None:
    """Nothing is written over the EFI partition."""
    (tmp_path / "loader").write_bytes(bytes(2 * MIB))
    contents = [Content("EFI", 2), Content("LOADER", 0, tmp_path / "loader", at_sector=64)]
    table = plan_table("gpt", "board", contents, first_mib=1)
    with (tmp_path / "image").open("w+b") as file, pytest.raises(ImageError, match="room for"):
        write_image(file, table, contents)
    assert (tmp_path / "image").stat().st_size == 0


def test_a_kernel_from_elsewhere_gets_a_root_that_any_kernel_reads() -> None:
    """What a vendor switched on in a kernel is not known here."""
    assert choose_packing("arm64", "file") == choose_packing("amd64", "file") == "gzip"
    assert choose_packing("arm64", "backports") == "lz4"
    assert choose_packing("amd64", "stable") == "zstd"
