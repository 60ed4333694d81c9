# SPDX-License-Identifier: Apache-2.0
"""Images built once from the ordinary cache, and what is inside them."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from boards.catalog import load_profile
from edge.paths import cache_dir
from flasher.image.build import build_image
from flasher.image.report import BuildReport
from flasher.image.wheel import copy_own_packages
from flasher.schematic.model import Schematic
from flasher.schematic.wish import to_wishes
from flasher.table import Partition, read_table

ROOT_NAME = b"00000000root.squashfs\0"  # the end of its entry in the archive
MAGIC = b"hsqs"

GetImage = Callable[[str], "BuiltImage"]
AT_THE_END = pytest.StashKey[ExitStack]()


class BuiltImage:
    """An image file with its report; partitions and the root are taken out on demand."""

    def __init__(self, path: Path, report: BuildReport) -> None:
        self.path, self.report = path, report
        self._folder = path.parent
        with path.open("rb") as file:
            table = read_table(file)
        assert table is not None
        self.table = table

    @cache  # noqa: B019 - lives as long as the images do
    def partition(self, label: str) -> Path:
        """Return a file with the contents of the EFI or BOOT partition."""
        part = self._find(label)
        output = self._folder / label
        place = (f"skip={part.start_bytes}", f"count={part.size_bytes}")
        flags = ("iflag=skip_bytes,count_bytes", "conv=sparse", "status=none")
        _run("dd", f"if={self.path}", f"of={output}", "bs=64K", *place, *flags)
        os.truncate(output, part.size_bytes)
        return output

    @cache  # noqa: B019 - lives as long as the images do
    def root(self) -> Path:
        """Return a directory with the root file system."""
        initramfs, squashfs = self._folder / "initramfs", self._folder / "root"
        dump = f"dump /A/initramfs {initramfs}"
        _run("debugfs", "-R", dump, self.partition("BOOT"))
        content = initramfs.read_bytes()
        initramfs.unlink()
        squashfs.write_bytes(content[content.index(MAGIC, content.index(ROOT_NAME)) :])
        _run("unsquashfs", "-quiet", "-no-progress", "-d", self._folder / "tree", squashfs)
        squashfs.unlink()
        return self._folder / "tree"

    def _find(self, label: str) -> Partition:
        found = self.table.by_label(label)
        if found is None:  # an MBR has no labels: the roles are in order
            found = self.table.by_number({"EFI": 1, "BOOT": 2}[label])
        assert found is not None
        return found


@pytest.fixture(scope="session", autouse=True)
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Freeze our own sources, so that editing them meanwhile does not make two builds differ."""
    frozen = tmp_path_factory.mktemp("sources")
    copy_own_packages(frozen)

    def copy_frozen(target: Path) -> None:
        shutil.copytree(frozen, target, dirs_exist_ok=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flasher.image.root.copy_own_packages", copy_frozen)
        yield frozen


@pytest.fixture(scope="session")
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sources: Path
) -> Iterator[GetImage]:
    """Return a function that builds the image of a board, once."""
    folder, frozen_at = tmp_path_factory.mktemp("built"), sources.stat().st_mtime

    @cache
    def build(board: str) -> BuiltImage:
        place = folder / board
        place.mkdir()
        path = place / f"{board}.img"
        name, wishes = to_wishes(Schematic(board=board))
        report = build_image(load_profile(name), path, wishes=wishes)
        # Of code that was changed since then it is not a current image.
        os.utime(path, (frozen_at, frozen_at))
        return BuiltImage(path, report)

    with ExitStack() as stack:
        stack.callback(_hand_on, folder)
        request.config.stash[AT_THE_END] = stack
        yield build


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Give the disk back after the last test of this folder, which is not that of the session."""
    if AT_THE_END in item.config.stash and (
        nextitem is None or Path(__file__).parent not in nextitem.path.parents
    ):
        item.config.stash[AT_THE_END].close()


def _hand_on(folder: Path) -> None:
    """Move images of boards that are emulated to where `stock_image` finds them; drop the rest."""
    stock = cache_dir() / "images"
    stock.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*/*.img"):
        if load_profile(path.stem).emulators:
            _run("mv", path, path.with_name(f"{path.name}.json"), stock)
    shutil.rmtree(folder)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)
