# SPDX-License-Identifier: Apache-2.0
"""Images built once a session from the ordinary cache, and what is inside them."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from boards.catalog import load_profile
from flasher.image.build import build_image
from flasher.image.report import BuildReport
from flasher.image.wheel import copy_own_packages
from flasher.table import Partition, read_table

ROOT_NAME = b"00000000root.squashfs\0"  # the end of its entry in the archive
MAGIC = b"hsqs"


class BuiltImage:
    """An image file with its report; partitions and the root are taken out on demand."""

    def __init__(self, path: Path, report: BuildReport) -> None:
        self.path, self.report = path, report
        with path.open("rb") as file:
            table = read_table(file)
        assert table is not None
        self.table = table

    @cache  # noqa: B019 - lives as long as the session
    def partition(self, label: str) -> Path:
        """Return a file with the contents of the EFI or BOOT partition."""
        part = self._find(label)
        output = self.path.with_suffix(f".{label}")
        with self.path.open("rb") as image, output.open("wb") as file:
            image.seek(part.start_bytes)
            file.write(image.read(part.size_bytes))
        return output

    @cache  # noqa: B019 - lives as long as the session
    def root(self) -> Path:
        """Return a directory with the root file system."""
        initramfs, squashfs = self.path.with_suffix(".initramfs"), self.path.with_suffix(".root")
        dump = f"dump /A/initramfs {initramfs}"
        _run("debugfs", "-R", dump, self.partition("BOOT"))
        content = initramfs.read_bytes()
        squashfs.write_bytes(content[content.index(MAGIC, content.index(ROOT_NAME)) :])
        tree = self.path.with_suffix(".tree")
        _run("unsquashfs", "-quiet", "-no-progress", "-d", tree, squashfs)
        return tree

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
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], BuiltImage]:
    """Return a function that builds the image of a board, once."""

    @cache
    def build(board: str) -> BuiltImage:
        path = tmp_path_factory.mktemp(board) / f"{board}.img"
        return BuiltImage(path, build_image(load_profile(board), path))

    return build


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)
