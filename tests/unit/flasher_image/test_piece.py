# SPDX-License-Identifier: Apache-2.0
"""Pieces that users supply: what is missing, and what is not what it should be."""

import gzip
import os
import tarfile
from pathlib import Path

import pytest

from boards.boot import Piece
from boards.catalog import load_profile
from boards.profile import Profile
from edge.errors import ImageError, InputError
from flasher.image.kernel import supplied_kernel
from flasher.image.piece import check_form, check_pieces

KERNEL = bytes(0x38) + b"ARM\x64" + bytes(4)


def piece(form: str, **more: object) -> Piece:
    fields = {
        "name": "part",
        "form": form,
        "title": "the vendor's part",
        "origin": "the vendor's site",
        "action": "unpack it",
        **({"at_sector": 64} if form == "rockchip-loader" else {}),
        **({"targets": ("a.dtb",)} if form == "device-tree" else {}),
    }
    return Piece.model_validate({**fields, **more})


def with_pieces(*pieces: Piece) -> Profile:
    return load_profile("qemu-arm64").model_copy(update={"pieces": pieces})


def module_folder(root: Path, version: str = "5.15.1-vendor") -> Path:
    folder = root / "lib/modules" / version / "kernel"
    folder.mkdir(parents=True)
    (folder / "a.ko").write_bytes(b"\x7fELF")
    return folder.parent


def test_a_missing_piece_says_where_it_comes_from_and_what_to_do() -> None:
    """Somebody who never heard of it can go and get it."""
    with pytest.raises(InputError, match="needs the vendor's part, which Debian") as caught:
        check_pieces(with_pieces(piece("arm64-kernel")), {})
    command = "edgectl image build --board qemu-arm64 --piece part=PATH"
    assert caught.value.hint == f"{command}; from the vendor's site: unpack it"


def test_what_is_not_needed_may_be_missing() -> None:
    """Optional pieces are taken when they are given."""
    assert check_pieces(with_pieces(piece("device-tree", required=False)), {}) == {}


def test_an_unknown_piece_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    """A typing error does not go unnoticed."""
    with pytest.raises(InputError, match="has no piece 'prat'") as caught:
        check_pieces(with_pieces(piece("device-tree", required=False)), {"prat": tmp_path})
    assert caught.value.hint == "pieces: part"


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("arm64-kernel", KERNEL),
        ("arm64-kernel", gzip.compress(KERNEL)),
        ("device-tree", b"\xd0\x0d\xfe\xed" + (8).to_bytes(4, "big")),
        ("rockchip-loader", b"RKNS" + bytes(508)),
    ],
)
def test_a_file_of_the_expected_form_is_taken(tmp_path: Path, form: str, content: bytes) -> None:
    """The form is told by the content, never by the name."""
    (tmp_path / "file").write_bytes(content)
    check_form(piece(form), tmp_path / "file")


@pytest.mark.parametrize(
    ("form", "content", "fault"),
    [
        ("arm64-kernel", b"MZ" + bytes(100), "no arm64 kernel header"),
        ("arm64-kernel", gzip.compress(KERNEL)[:-9], "cannot be unpacked"),
        ("device-tree", b"\xd0\x0d\xfe\xed" + (900).to_bytes(4, "big"), "cut short"),
        ("device-tree", b"/dts-v1/;", "does not begin as a compiled device tree"),
        ("rockchip-loader", bytes(512), "does not begin with RKNS"),
        ("module-tree", b"zip", "neither a folder nor a tar archive"),
        ("firmware-tree", b"file", "not a folder with files"),
    ],
)
def test_a_file_of_another_form_is_refused(
    tmp_path: Path, form: str, content: bytes, fault: str
) -> None:
    """The fault is named before anything is built."""
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ImageError, match=fault) as caught:
        check_form(piece(form), tmp_path / "file")
    assert caught.value.hint == "from the vendor's site: unpack it"


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    """One line says which option and which path."""
    with pytest.raises(InputError, match=r"--piece part: there is no .*/nothing"):
        check_form(piece("arm64-kernel"), tmp_path / "nothing")


@pytest.mark.parametrize("packed", [False, True])
def test_the_supplied_kernel_has_the_version_of_its_modules(tmp_path: Path, packed: bool) -> None:
    """A folder and an archive of it are the same."""
    (tmp_path / "Image").write_bytes(gzip.compress(KERNEL))
    folder = module_folder(tmp_path / "tree")
    (folder / "build").symlink_to("/usr/src/where-it-was-built")
    modules = tmp_path / "tree"
    if packed:
        modules = tmp_path / "modules.tar"
        with tarfile.open(modules, "w") as archive:
            archive.add(tmp_path / "tree/lib", "lib")
    parts = (piece("arm64-kernel", name="kernel"), piece("module-tree", name="modules"))
    paths = {"kernel": tmp_path / "Image", "modules": modules}
    kernel = supplied_kernel(with_pieces(*parts), paths, tmp_path)
    assert (kernel.version, kernel.image.read_bytes()) == ("5.15.1-vendor", KERNEL)


def test_modules_of_two_kernels_are_refused(tmp_path: Path) -> None:
    """Which of them the kernel wants cannot be guessed."""
    (tmp_path / "Image").write_bytes(KERNEL)
    for version in ("5.15.1-vendor", "5.15.2-vendor"):
        module_folder(tmp_path / "tree", version)
    parts = (piece("arm64-kernel", name="kernel"), piece("module-tree", name="modules"))
    paths = {"kernel": tmp_path / "Image", "modules": tmp_path / "tree"}
    with pytest.raises(ImageError, match=r"holds 5\.15\.1-vendor, 5\.15\.2-vendor"):
        supplied_kernel(with_pieces(*parts), paths, tmp_path)


def test_an_archive_of_modules_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    """It is found before anything is built, and told as what it is."""
    module_folder(tmp_path / "tree")
    (tmp_path / "tree/lib/modules/5.15.1-vendor/kernel/b.ko").write_bytes(os.urandom(100_000))
    with tarfile.open(tmp_path / "modules.tgz", "w:gz") as archive:
        archive.add(tmp_path / "tree/lib", "lib")
    content = (tmp_path / "modules.tgz").read_bytes()
    (tmp_path / "modules.tgz").write_bytes(content[: len(content) // 2])
    with pytest.raises(ImageError, match="cannot be unpacked"):
        check_form(piece("module-tree"), tmp_path / "modules.tgz")


def test_a_kernel_and_modules_of_different_releases_are_refused(tmp_path: Path) -> None:
    """The kernel says in its banner which modules it takes."""
    (tmp_path / "Image").write_bytes(KERNEL + b"Linux version 5.15.9-other (gcc)\0")
    module_folder(tmp_path / "tree")
    parts = (piece("arm64-kernel", name="kernel"), piece("module-tree", name="modules"))
    paths = {"kernel": tmp_path / "Image", "modules": tmp_path / "tree"}
    with pytest.raises(ImageError, match=r"is 5\.15\.9-other, the modules are for 5\.15\.1-vendor"):
        supplied_kernel(with_pieces(*parts), paths, tmp_path)
