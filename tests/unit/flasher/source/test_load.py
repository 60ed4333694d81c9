# SPDX-License-Identifier: Apache-2.0
"""What an image is made of: map, checksums, formats that need a program, standard input."""

import errno
import hashlib
import io
import lzma
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import ImageError, InputError, ToolError, TrustError
from edge.events import Event, Noted, Progressed
from flasher.map import write_bmap
from flasher.source import Image, Verification, load_image, open_image
from flasher.source.child import Child, open_child
from flasher.source.format import Kind
from flasher.source.structure import check_structure
from flasher.table import read_table
from tests.fakes.image import MIB, make_image
from tests.fakes.packing import Packer, gz, run, tarred, xz, zipped, zst


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECTL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return make_image(tmp_path / "disk.img")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _content(image: Image) -> bytes:
    data = bytearray(image.size_bytes)
    with open_image(image) as reader:
        reader.read_at(0, memoryview(data))
    return bytes(data)


def test_raw_image_is_mapped_without_reading_it(raw: Path) -> None:
    """Without a checksum to compare nobody needs one, and holes are no data."""
    image = load_image(raw)
    assert image.sha256 == ""
    assert image.data
    assert not any(one.start < 7 * MIB < one.end for one in image.data)
    assert image.head == raw.read_bytes()[:MIB]


@pytest.mark.parametrize("kind", ["gpt", "mbr"])
@given(share=st.floats(0, 1, exclude_max=True))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_truncated_raw_image_is_refused(
    tmp_path: Path, kind: Literal["gpt", "mbr"], share: float
) -> None:
    """A raw image ends where its table says; an MBR's where its last partition does."""
    path = make_image(tmp_path / "disk.img", kind=kind)
    with path.open("r+b") as file:
        table = read_table(file)
        assert table
        end = max(each.end_bytes for each in table.partitions)
        file.truncate(int((16 * MIB if kind == "gpt" else end) * share))
    with pytest.raises(ImageError):
        load_image(path)


@pytest.mark.parametrize("pack", [gz, xz, zst, lambda data: zipped(("a.img", data))])
def test_progress_knows_where_it_ends(raw: Path, tmp_path: Path, pack: Packer) -> None:
    """Every format tells more or less reliably how much there will be."""
    path = tmp_path / "packed"
    path.write_bytes(pack(raw.read_bytes()))
    heard: list[Event] = []
    load_image(path, listener=heard.append)
    totals = {event.total_bytes for event in heard if isinstance(event, Progressed)}
    assert totals == {16 * MIB}


def test_packed_image_with_a_block_map_is_not_decoded(raw: Path, tmp_path: Path) -> None:
    """The block map beside it, named with or without the compression, tells what to write."""
    packed = tmp_path / "disk.img.xz"
    packed.write_bytes(xz(raw.read_bytes()))
    write_bmap(tmp_path / "disk.img.bmap", raw)
    image = load_image(packed)
    assert image.sha256 == ""
    assert image.size_bytes == 16 * MIB
    assert image.checks
    assert all(check.digest for check in image.checks)
    assert load_image(packed, bmap="").sha256 == _sha256(raw)


def test_block_map_of_another_image_is_refused(raw: Path, tmp_path: Path) -> None:
    """A stale block map beside an image must not decide what is written."""
    other = make_image(tmp_path / "other.img", size_mib=17)
    write_bmap(tmp_path / "disk.img.bmap", other)
    packed = tmp_path / "disk.img.zst"
    packed.write_bytes(zst(raw.read_bytes()))
    for path in (raw, packed):
        with pytest.raises(ImageError, match="is the block map of an image of 17825792 bytes"):
            load_image(path)


@pytest.mark.parametrize("packed", [False, True])
def test_expected_sha256_may_be_of_file_or_image(raw: Path, tmp_path: Path, packed: bool) -> None:
    """Publishers give either; whichever was typed is found out."""
    path = raw
    if packed:
        path = tmp_path / "disk.img.gz"
        path.write_bytes(gz(raw.read_bytes()))
        assert load_image(path, Verification(sha256=_sha256(path))).size_bytes == 16 * MIB
    image = load_image(path, Verification(sha256=_sha256(raw).upper()))
    assert image.sha256 == _sha256(raw)
    with pytest.raises(ImageError, match="does not match the expected SHA-256"):
        load_image(path, Verification(sha256="0" * 64))


def test_checksum_of_the_image_beats_the_block_map(raw: Path, tmp_path: Path) -> None:
    """What must match as a whole is read as a whole first."""
    packed = tmp_path / "disk.img.xz"
    packed.write_bytes(xz(raw.read_bytes()))
    write_bmap(tmp_path / "disk.img.bmap", raw)
    assert load_image(packed, Verification(sha256=_sha256(raw))).sha256 == _sha256(raw)


def test_nonsense_as_checksum_is_named(raw: Path) -> None:
    """A checksum that was cut while copying is told from one that differs."""
    with pytest.raises(ImageError, match="is not a SHA-256 checksum"):
        load_image(raw, Verification(sha256="abc"))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("SHA256SUMS", "{sha256}  disk.img.gz\n{zero}  other.img\n"),
        ("SHA256SUMS", "{sha256} *disk.img.gz\n"),
        ("SHA256SUMS", "# comment\nSHA256 (disk.img.gz) = {sha256}\n"),
        ("SHA512SUMS", "{sha512}  ./images/disk.img.gz\n"),
        ("disk.img.gz.sha256", "{sha256}\n"),
        ("disk.img.gz.sha256", "{sha256}  name-before-it-was-renamed.gz\n"),
        ("disk.img.gz.sha512", "{sha512}"),
        ("disk.img.sha256", "{image}  disk.img\n"),
        ("disk.img.gz.sha256", "{image}\n"),
    ],
)
def test_checksum_file_beside_the_image_counts(
    raw: Path, tmp_path: Path, name: str, line: str
) -> None:
    """All usual forms and places are found, of the file as it is or unpacked."""
    packed = tmp_path / "disk.img.gz"
    packed.write_bytes(gz(raw.read_bytes()))
    whole = packed.read_bytes()
    text = line.format(
        sha256=hashlib.sha256(whole).hexdigest(),
        sha512=hashlib.sha512(whole).hexdigest(),
        image=_sha256(raw),
        zero="0" * 64,
    )
    (tmp_path / name).write_text(text)
    assert load_image(packed).size_bytes == 16 * MIB
    packed.write_bytes(gz(raw.read_bytes()[:-1] + b"x"))
    with pytest.raises(ImageError, match=rf"does not match .*{name}"):
        load_image(packed)


def test_checksum_list_of_other_images(raw: Path, tmp_path: Path) -> None:
    """A list found beside the image may not know it; one that was given must."""
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{'0' * 64}  other.img\n{'1' * 64}  another.img\n")
    assert load_image(raw).size_bytes == 16 * MIB
    with pytest.raises(ImageError, match=r"has no checksum of disk\.img"):
        load_image(raw, Verification(checksums=sums))


def test_weak_checksums_prove_nothing(raw: Path, tmp_path: Path) -> None:
    """MD5 is refused and not silently accepted as a proof."""
    sums = tmp_path / "sums"
    sums.write_text(f"{'0' * 32}  disk.img\n")
    with pytest.raises(ImageError, match="only md5"):
        load_image(raw, Verification(checksums=sums))


@pytest.mark.parametrize("legacy", [True, False])
def test_signature_beside_the_image(raw: Path, tmp_path: Path, legacy: bool) -> None:
    """minisign's own signatures are verified; the key is a file or the base64 line."""
    key = _sign(tmp_path, raw, "-l" if legacy else "-H")
    text = key.read_text().splitlines()[1]
    heard: list[Event] = []
    for form in (str(key), text):
        load_image(raw, Verification(public_key=form), listener=heard.append)
    assert any(isinstance(event, Noted) and "release one" in event.text for event in heard)
    with raw.open("r+b") as file:
        file.write(b"x")
    with pytest.raises(TrustError, match="does not match its signature"):
        load_image(raw, Verification(public_key=text))


def test_signed_checksum_list(raw: Path, tmp_path: Path) -> None:
    """A signature of the list proves the image through its checksum in it."""
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{_sha256(raw)}  disk.img\n")
    key = _sign(tmp_path, sums)
    assert load_image(raw, Verification(public_key=str(key))).sha256 == _sha256(raw)
    sums.write_text(f"{'0' * 64}  other.img\n")
    key = _sign(tmp_path, sums)
    with pytest.raises(TrustError, match=r"has no checksum of disk\.img"):
        load_image(raw, Verification(public_key=str(key)))


def test_block_map_needs_a_signature_too(raw: Path, tmp_path: Path) -> None:
    """It decides what is left out, so where signatures are asked for it needs its own."""
    packed = tmp_path / "disk.img.xz"
    packed.write_bytes(xz(raw.read_bytes()))
    bmap = tmp_path / "disk.img.bmap"
    write_bmap(bmap, raw)
    proof = Verification(public_key=str(_sign(tmp_path, packed)))
    assert not load_image(packed, proof).checks
    with pytest.raises(TrustError, match="has no signature"):
        load_image(packed, proof, bmap=bmap)
    _sign(tmp_path, bmap)
    assert load_image(packed, proof).checks
    assert load_image(packed, proof, bmap=bmap).checks
    bmap.write_bytes(bmap.read_bytes() + b"\n")
    with pytest.raises(TrustError, match="does not match its signature"):
        load_image(packed, proof)


def test_missing_signature_and_missing_key(raw: Path, tmp_path: Path) -> None:
    """Each half without the other is said, and never taken for a proof."""
    key = _sign(tmp_path, raw)
    heard: list[Event] = []
    load_image(raw, listener=heard.append)
    assert any(isinstance(event, Noted) and "was not checked" in event.text for event in heard)
    with pytest.raises(TrustError, match="without a public key"):
        load_image(raw, Verification(signature=tmp_path / "disk.img.minisig"))
    (tmp_path / "disk.img.minisig").unlink()
    with pytest.raises(TrustError, match="has no signature"):
        load_image(raw, Verification(public_key=str(key)))


@pytest.mark.parametrize("options", [(), ("-c",)])
def test_qcow2_becomes_raw(raw: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    """A qcow2 image is converted once and kept; what the user named is remembered."""
    disk = tmp_path / "disk.qcow2"
    run("qemu-img", "convert", *options, "-f", "raw", "-O", "qcow2", raw, disk)
    image = load_image(disk)
    assert _content(image) == raw.read_bytes()
    assert image.origin == str(disk)
    assert load_image(disk).path == image.path
    assert image.path.stat().st_blocks * 512 < 12 * MIB


def test_qcow2_inside_another_format(raw: Path, tmp_path: Path) -> None:
    """As clouds publish them: packed once more, in an archive or not."""
    disk = tmp_path / "disk.qcow2"
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk)
    for name, pack in (("xz", xz), ("tar", lambda data: gz(tarred(("disk.qcow2", data))))):
        path = tmp_path / f"packed.{name}"
        path.write_bytes(pack(disk.read_bytes()))
        assert _content(load_image(path)) == raw.read_bytes()


def test_qcow2_beside_another_image(raw: Path, tmp_path: Path) -> None:
    """In a tar archive it counts like any other image."""
    disk = tmp_path / "disk.qcow2"
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk)
    path = tmp_path / "two.tar"
    path.write_bytes(tarred(("a.qcow2", disk.read_bytes()), ("b.img", raw.read_bytes())))
    with pytest.raises(ImageError, match=r"a\.qcow2, b\.img"):
        load_image(path)


def test_qcow2_that_needs_another_file_is_refused(raw: Path, tmp_path: Path) -> None:
    """An image must not pull in other files of the host, which it could name freely."""
    run("qemu-img", "create", "-f", "qcow2", "-F", "raw", "-b", raw, tmp_path / "a.qcow2")
    with pytest.raises(ImageError, match="needs a backing file"):
        load_image(tmp_path / "a.qcow2")
    options = f"data_file={tmp_path / 'data'}"
    run("qemu-img", "create", "-f", "qcow2", "-o", options, tmp_path / "b.qcow2", "16M")
    with pytest.raises(ImageError, match="keeps its data in another file"):
        load_image(tmp_path / "b.qcow2")


def test_missing_qemu_img_is_named(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only those who have a qcow2 image need the program."""
    disk = tmp_path / "disk.qcow2"
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk)
    monkeypatch.setattr("flasher.tool.find_tool", lambda program: None)
    with pytest.raises(ToolError, match="qemu-img") as caught:
        load_image(disk)
    assert caught.value.hint == "sudo apt install qemu-utils"


@given(cut=st.integers(1, 5_000_000), packed=st.booleans())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_truncated_qcow2_is_refused(raw: Path, tmp_path: Path, cut: int, packed: bool) -> None:
    """qemu-img reads what is missing as zeros; we do not let it."""
    disk = tmp_path / f"disk-{packed}.qcow2"
    if not disk.exists():
        run("qemu-img", "convert", *["-c"] * packed, "-f", "raw", "-O", "qcow2", raw, disk)
    short = tmp_path / "short.qcow2"
    short.write_bytes(disk.read_bytes()[:-cut])
    with pytest.raises(ImageError):
        load_image(short)


def test_standard_input_is_spooled(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image from a pipe becomes a file first, because it must be checked before it is used."""

    class Input:
        buffer = io.BytesIO(gz(raw.read_bytes()))

    monkeypatch.setattr(sys, "stdin", Input())
    image = load_image("-")
    assert (image.origin, image.format) == ("-", "gz")
    assert _content(image) == raw.read_bytes()
    assert image.path.is_relative_to(tmp_path / "cache")


def test_wrong_standard_input_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was piped in never had a name."""

    class Input:
        buffer = io.BytesIO(b"text" * 1000)

    monkeypatch.setattr(sys, "stdin", Input())
    with pytest.raises(ImageError, match=r"^standard input is not a disk image"):
        load_image("-")

    class Folder(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))

    monkeypatch.setattr(Input, "buffer", Folder())
    with pytest.raises(ImageError, match="cannot read standard input: Is a directory"):
        load_image("-")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    """Neither an endless device nor a pipe that nobody writes to keeps anybody waiting."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="pipe is a pipe, not a file") as caught:
        load_image(pipe)
    assert caught.value.hint == f"read from it: --image - < {pipe}"
    with pytest.raises(InputError, match="/dev/zero is a device, not a file"):
        load_image("/dev/zero")


@pytest.mark.parametrize(
    ("proof", "reason", "hint"),
    [
        (Verification(checksums="gone"), "there is no checksum list gone", "list of checksums"),
        (Verification(public_key="gone"), "gone is neither a file nor a minisign", "begins with"),
    ],
)
def test_missing_proof_is_named(raw: Path, proof: Verification, reason: str, hint: str) -> None:
    """It is not mistaken for a missing image."""
    with pytest.raises((ImageError, TrustError), match=reason) as caught:
        load_image(raw, proof)
    assert hint in (caught.value.hint or "")


def test_missing_signature_file_is_named(raw: Path, tmp_path: Path) -> None:
    """The key is there, the signature that was given is not."""
    key = _sign(tmp_path, raw)
    with pytest.raises(ImageError, match="there is no signature gone") as caught:
        load_image(raw, Verification(public_key=str(key), signature="gone"))
    assert "minisign signature" in (caught.value.hint or "")


def test_file_that_is_no_key_is_named(raw: Path, tmp_path: Path) -> None:
    """The file is there but is something else."""
    (tmp_path / "text").write_text("a text")
    with pytest.raises(TrustError, match="text is not a minisign public key"):
        load_image(raw, Verification(public_key=str(tmp_path / "text")))


def test_cache_that_may_not_be_written(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Free space would not help."""

    class Input:
        buffer = io.BytesIO(b"text")

    monkeypatch.setattr(sys, "stdin", Input())
    monkeypatch.setenv("EDGECTL_CACHE", str(raw / "cache"))
    with pytest.raises(ImageError, match="cannot write to") as caught:
        load_image("-")
    assert caught.value.hint == "EDGECTL_CACHE names another folder for large files"


def test_what_lies_beside_the_image_is_told(raw: Path, tmp_path: Path) -> None:
    """Nobody wonders why a file was heeded, or believes in one that was not."""
    packed = tmp_path / "disk.img.xz"
    packed.write_bytes(xz(raw.read_bytes()))
    write_bmap(tmp_path / "disk.img.bmap", raw)
    (tmp_path / "SHA256SUMS").write_text(f"{_sha256(packed)}  disk.img.xz\n")
    (tmp_path / "SHA512SUMS").write_text(f"{'0' * 128}  other.img\n")
    heard: list[Event] = []
    load_image(packed, listener=heard.append)
    assert [event.text for event in heard if isinstance(event, Noted)] == [
        f"block map: {tmp_path}/disk.img.bmap",
        f"checksum: {tmp_path}/SHA256SUMS",
        f"{tmp_path}/SHA512SUMS is not used: it has no checksum of disk.img.xz",
    ]


def test_spooled_input_goes_with_the_process(raw: Path, tmp_path: Path) -> None:
    """Neither an ordinary end nor a kill fills the disk for good."""
    code = (
        "import os, signal, sys; from flasher.source import load_image; load_image('-');"
        "os.kill(os.getpid(), signal.SIGKILL) if sys.argv[1:] else None"
    )
    folder = tmp_path / "cache/spool"
    with raw.open("rb") as file:
        subprocess.run([sys.executable, "-c", code], stdin=file, check=True)
    assert not list(folder.iterdir())
    with raw.open("rb") as file:
        subprocess.run([sys.executable, "-c", code, "die"], stdin=file, check=False)
    (left,) = folder.iterdir()
    os.utime(left, (0, 0))
    with raw.open("rb") as file:
        subprocess.run([sys.executable, "-c", code], stdin=file, check=True)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("packer", [xz, zst, lambda data: zipped(("a", data))])
@given(share=st.floats(0, 1, exclude_max=True))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_truncation_shows_without_decoding(
    raw: Path, tmp_path: Path, packer: object, share: float
) -> None:
    """With a block map nothing is decoded beforehand, and yet no short file gets further."""
    path = tmp_path / "disk.img.packed"
    whole = packer(raw.read_bytes()[MIB : MIB + 300_000])  # type: ignore[operator]
    path.write_bytes(whole[: int(len(whole) * share)])
    write_bmap(tmp_path / "disk.bmap", raw)
    with pytest.raises(ImageError):
        load_image(path, bmap=tmp_path / "disk.bmap")


def test_structure_tells_the_size(tmp_path: Path) -> None:
    """xz and zst say what they unpack to; gz does not reliably."""
    data = os.urandom(1000) * 1000
    path = tmp_path / "x"
    path.write_bytes(run("xz", "-0", "--block-size=100000", data=data) + xz(b"more"))
    assert check_structure(path, Kind.XZ).size_bytes == 1_000_004
    assert check_structure(path, Kind.XZ).blocks == 11
    path.write_bytes(zst(data) + zst(b"more"))
    assert check_structure(path, Kind.ZST).size_bytes == 1_000_004
    path.write_bytes(run("zstd", "-c", "-q", data=data))
    assert check_structure(path, Kind.ZST).size_bytes is None


def test_zst_block_kinds_are_walked(tmp_path: Path) -> None:
    """Raw, repeated and compressed blocks all lead to the next one."""
    data = bytes(3 * MIB) + os.urandom(MIB) + b"text and more of it " * 100_000
    path = tmp_path / "x.zst"
    for level in ("-1", "-19"):
        path.write_bytes(run("zstd", level, "-c", "-q", "--check", data=data))
        check_structure(path, Kind.ZST)
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(ImageError, match="truncated"):
            check_structure(path, Kind.ZST)


def test_programs_end_with_the_reader(raw: Path, tmp_path: Path) -> None:
    """An image that is read only in part leaves no program behind."""
    path = tmp_path / "disk.img.xz"
    path.write_bytes(run("xz", "-0", "--block-size=300000", data=raw.read_bytes()))
    image = load_image(path)
    before = set(psutil.Process().children())
    with open_image(image) as reader:
        reader.read_at(0, memoryview(bytearray(1000)))
        assert set(psutil.Process().children()) > before
    assert set(psutil.Process().children()) <= before


def test_failing_program_is_an_error(tmp_path: Path) -> None:
    """What a program says of damaged data is passed on."""
    path = tmp_path / "x.bz2"
    path.write_bytes(b"BZh91AY&SY" + os.urandom(10000))
    child = open_child(path, Kind.BZ2, blocks=1)
    assert isinstance(child, Child)
    with child, pytest.raises(ImageError, match=r"is damaged: lbzip2: .+"):
        child.read(100)


def test_dictionary_of_absurd_size_is_refused(tmp_path: Path) -> None:
    """A file cannot make us take gigabytes of memory."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    path = tmp_path / "x.xz"
    header = lzma.compress(b"x", filters=filters, check=lzma.CHECK_NONE)
    path.write_bytes(header)
    with pytest.raises(ImageError, match="takes too much memory"):
        load_image(path)
    data = os.urandom(1000) * 300_000  # a window is no larger than what is in it
    path.write_bytes(run("zstd", "-q", "-1", "--long=29", "--stream-size=300000000", data=data))
    with pytest.raises(ImageError, match="takes too much memory"):
        load_image(path)


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("ftp://example.org/a.img", "neither http nor https"),
        ("/nowhere/a.img", "there is no image /nowhere/a.img"),
        ("/", "is a folder"),
    ],
)
def test_bad_sources_are_named(source: str, match: str) -> None:
    """One line says what is wrong with what was typed."""
    with pytest.raises(InputError, match=match):
        load_image(source)


def _sign(folder: Path, path: Path, *options: str) -> Path:
    """Return the public key that the file was signed with."""
    public, secret = folder / "key.pub", folder / "key.sec"
    if not public.exists():
        run("minisign", "-G", "-W", "-p", public, "-s", secret)
    run("minisign", "-S", *options, "-s", secret, "-m", path, "-t", "release one")
    return public
