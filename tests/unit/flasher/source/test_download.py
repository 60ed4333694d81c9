# SPDX-License-Identifier: Apache-2.0
"""Downloads that break, resume, change under way, lie, and are found again."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import ImageError, TrustError
from edge.events import Event, Progressed
from flasher.map import write_bmap
from flasher.source import Verification, load_image
from flasher.source.download import download
from flasher.source.web import fetch_text
from tests.fakes.image import MIB, make_image
from tests.fakes.packing import run, zst
from tests.fakes.web import Site, serving

_DATA = os.urandom(3_000_000)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        site.files["/a.img"] = _DATA
        yield site


def _download(site: Site, *, sha256: str = "") -> Path:
    return download(f"{site.address}/a.img", sha256=sha256, sleep=lambda seconds: None)


def test_file_is_kept_under_its_own_name(site: Site) -> None:
    """Progress ends at the size, and nothing but the file and its notes stays."""
    heard: list[Event] = []
    path = download(f"{site.address}/a.img", listener=heard.append)
    assert (path.name, path.read_bytes()) == ("a.img", _DATA)
    last = [event for event in heard if isinstance(event, Progressed)][-1]
    assert (last.done_bytes, last.total_bytes) == (len(_DATA), len(_DATA))
    assert not list(path.parent.glob("*.part*"))


def test_dropped_connection_is_resumed(site: Site) -> None:
    """Only what is missing is asked for again, and only of the same file."""
    site.drops = [1_000_000, 1_000_000]
    assert _download(site).read_bytes() == _DATA
    ranges = [asked.get("Range") for asked in site.requests]
    assert ranges == [None, "bytes=1000000-", "bytes=2000000-"]
    assert site.requests[1]["If-Range"] == '"one"'


@given(drops=st.lists(st.integers(0, 3_000_000), max_size=5), ignores=st.booleans())
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_drops_give_the_same_file(site: Site, drops: list[int], ignores: bool) -> None:
    """Wherever connections break and whether ranges are understood changes nothing."""
    site.drops, site.ignores_range = list(drops), ignores
    path = _download(site)
    assert path.read_bytes() == _DATA
    path.unlink()


def test_server_without_ranges_starts_over(site: Site) -> None:
    """What came before is not put in front of a whole answer."""
    site.drops, site.ignores_range = [1_000_000], True
    assert _download(site).read_bytes() == _DATA


def test_file_that_changes_under_way_starts_over(site: Site) -> None:
    """Halves of two releases never become one image."""
    site.drops = [1_000_000]

    def change(_seconds: float) -> None:
        site.etag, site.files["/a.img"] = '"two"', _DATA[::-1]

    assert download(f"{site.address}/a.img", sleep=change).read_bytes() == _DATA[::-1]


def test_modification_time_does_where_there_is_no_tag(site: Site) -> None:
    """Weak tags cannot be used for ranges; times can."""
    site.drops, site.etag, site.modified = [1_000_000], "", "Mon, 01 Jun 2026 00:00:00 GMT"
    assert _download(site).read_bytes() == _DATA
    assert site.requests[1]["If-Range"] == site.modified


def test_killed_download_goes_on_in_the_next_run(site: Site, tmp_path: Path) -> None:
    """A kill at any moment leaves a part that the next run asks the rest for."""
    site.files["/a.img"] = data = _DATA * 10
    code = (
        "import os, signal, sys\n"
        "from flasher.source.download import download\n"
        "def heard(event):\n"
        "    if getattr(event, 'done_bytes', 0) > 9_000_000:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "download(sys.argv[1], listener=heard)\n"
    )
    url = f"{site.address}/a.img"
    assert subprocess.run([sys.executable, "-c", code, url]).returncode == -signal.SIGKILL
    assert _download(site).read_bytes() == data
    assert int(site.requests[-1]["Range"][6:-1]) > 8_000_000


def test_cached_file_is_asked_after(site: Site) -> None:
    """An unchanged file is not sent again, a changed one is."""
    first = _download(site)
    assert _download(site) == first
    assert site.requests[-1]["If-None-Match"] == '"one"'
    site.etag, site.files["/a.img"] = '"two"', b"new"
    assert _download(site).read_bytes() == b"new"


def test_interrupted_change_does_not_pass_for_the_new_file(site: Site) -> None:
    """While the new release is coming, the old one is not taken for it."""
    _download(site)
    site.etag, site.files["/a.img"] = '"two"', _DATA[::-1]
    site.drops = [100_000] + [0] * 20
    with pytest.raises(ImageError, match="cannot download"):
        _download(site)
    site.drops = []
    assert _download(site).read_bytes() == _DATA[::-1]


def test_cached_file_with_the_right_checksum_needs_no_server(site: Site) -> None:
    """Flashing goes on where the network is gone."""
    _download(site)
    asked = len(site.requests)
    _download(site, sha256=hashlib.sha256(_DATA).hexdigest())
    assert len(site.requests) == asked


def test_server_that_is_gone_is_named(site: Site) -> None:
    """After bounded attempts there is one line, and the earlier download is offered."""
    path = _download(site)
    url = "http://127.0.0.1:1/a.img"
    pauses: list[float] = []
    with pytest.raises(ImageError, match=r"cannot download .*127\.0\.0\.1.*refused"):
        download(url, sleep=pauses.append)
    assert pauses == sorted(pauses)
    assert 3 <= len(pauses) <= 10
    site.statuses = [503] * 20
    with pytest.raises(ImageError, match="503") as caught:
        _download(site)
    assert str(path) in (caught.value.hint or "")


def test_passing_trouble_of_the_server_is_waited_out(site: Site) -> None:
    """Overload is no reason to give up at once."""
    site.statuses = [503, 429, 500]
    assert _download(site).read_bytes() == _DATA


@pytest.mark.parametrize(("status", "hint"), [(404, "check the address"), (403, "refuses")])
def test_what_will_not_pass_is_said_at_once(site: Site, status: int, hint: str) -> None:
    """A wrong address is not asked five times."""
    site.statuses = [status]
    with pytest.raises(ImageError, match=str(status)) as caught:
        _download(site)
    assert hint in (caught.value.hint or "")
    assert len(site.requests) == 1


def test_redirects_are_followed_within_http(site: Site) -> None:
    """A mirror is fine; a file of this host is not what was asked for."""
    site.redirects["/latest"] = "/a.img"
    path = download(f"{site.address}/latest")
    assert path.read_bytes() == _DATA
    site.redirects["/evil"] = "file:///etc/passwd"
    with pytest.raises(ImageError, match="leads to an address that is not http"):
        download(f"{site.address}/evil", sleep=lambda seconds: None)
    site.redirects["/round"] = "/round"
    with pytest.raises(ImageError, match="leads in a circle"):
        download(f"{site.address}/round", sleep=lambda seconds: None)


def test_full_disk_is_said_before_downloading(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits an hour for the last byte not to fit."""
    usage = SimpleNamespace(total=10**9, used=10**9, free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(ImageError, match=r"needs 2\.9 MiB more"):
        _download(site)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_full_disk_while_downloading(site: Site, tmp_path: Path) -> None:
    """A disk that fills up meanwhile is one line too."""
    run("mkdir", "-p", tmp_path / "cache")
    run("mount", "-t", "tmpfs", "-o", "size=1m", "none", tmp_path / "cache")
    try:
        site.hides_length = True
        with pytest.raises(ImageError, match="the disk is full"):
            _download(site)
    finally:
        run("umount", tmp_path / "cache")


def test_password_in_an_address_is_not_repeated(site: Site) -> None:
    """Error messages end in logs and tickets."""
    url = site.address.replace("http://", "http://me:secret@") + "/nothing"
    with pytest.raises(ImageError) as caught:
        download(url)
    assert "secret" not in str(caught.value)


def test_image_is_loaded_from_an_address(site: Site, tmp_path: Path) -> None:
    """With its block map, checksum list and signature from addresses too."""
    raw = make_image(tmp_path / "disk.img")
    write_bmap(tmp_path / "disk.bmap", raw)
    site.files["/disk.img.zst"] = packed = zst(raw.read_bytes())
    site.files["/disk.bmap"] = (tmp_path / "disk.bmap").read_bytes()
    digest = hashlib.sha256(packed).hexdigest()
    site.files["/SHA256SUMS"] = f"{digest} *disk.img.zst\n".encode()
    image = load_image(
        f"{site.address}/disk.img.zst",
        Verification(checksums=f"{site.address}/SHA256SUMS"),
        bmap=f"{site.address}/disk.bmap",
    )
    assert (image.size_bytes, image.origin) == (16 * MIB, f"{site.address}/disk.img.zst")
    assert image.checks


def test_download_is_verified_with_the_signature_beside_it(site: Site, tmp_path: Path) -> None:
    """A public key makes the signature at the same address a must."""
    raw = make_image(tmp_path / "disk.img")
    public, secret = tmp_path / "key.pub", tmp_path / "key.sec"
    run("minisign", "-G", "-W", "-p", public, "-s", secret)
    run("minisign", "-S", "-s", secret, "-m", raw)
    site.files["/disk.img"] = raw.read_bytes()
    url, proof = f"{site.address}/disk.img", Verification(public_key=str(public))
    with pytest.raises(ImageError, match=r"disk\.img\.minisig: 404"):
        load_image(url, proof)
    site.files["/disk.img.minisig"] = (tmp_path / "disk.img.minisig").read_bytes()
    assert load_image(url, proof).size_bytes == 16 * MIB
    site.etag, site.files["/disk.img"] = '"two"', raw.read_bytes() + b"x"
    with pytest.raises(TrustError, match=r"disk\.img does not match its signature") as caught:
        load_image(url, proof)
    assert str(tmp_path) not in str(caught.value)
    assert not list((tmp_path / "cache/downloads").glob("*/disk.img"))


def test_wrong_download_is_not_kept(site: Site, tmp_path: Path) -> None:
    """What did not match its checksum is fetched anew next time."""
    raw = make_image(tmp_path / "disk.img")
    site.files["/disk.img"] = raw.read_bytes()[:-1] + b"x"
    proof = Verification(sha256=hashlib.sha256(raw.read_bytes()).hexdigest())
    with pytest.raises(ImageError, match="does not match the expected SHA-256"):
        load_image(f"{site.address}/disk.img", proof)
    site.files["/disk.img"] = raw.read_bytes()
    assert load_image(f"{site.address}/disk.img", proof).sha256 == proof.sha256


def test_small_texts_come_from_files_and_addresses(site: Site, tmp_path: Path) -> None:
    """Checksum files may lie anywhere; what is missing is named."""
    site.files["/sums"] = b"text"
    assert fetch_text(f"{site.address}/sums", "list") == "text"
    with pytest.raises(ImageError, match="cannot download"):
        fetch_text("http://127.0.0.1:1/sums", "list")
    with pytest.raises(ImageError, match=r"there is no list .*nothing"):
        fetch_text(tmp_path / "nothing", "list")


@pytest.mark.parametrize("wrong", ["checksums", "signature", "bmap", "key"])
def test_mistake_in_a_proof_keeps_the_download(site: Site, tmp_path: Path, wrong: str) -> None:
    """An image is not fetched twice because of a typo in what is to prove it."""
    site.files["/disk.img"] = make_image(tmp_path / "disk.img").read_bytes()
    run("minisign", "-G", "-W", "-p", tmp_path / "key.pub", "-s", tmp_path / "key.sec")
    gone, key = f"{site.address}/gone", str(tmp_path / "key.pub")
    proofs = {
        "checksums": Verification(checksums=gone),
        "signature": Verification(signature=gone, public_key=key),
        "key": Verification(public_key=str(tmp_path / "gone.pub")),
    }
    with pytest.raises((ImageError, TrustError), match="gone"):
        load_image(
            f"{site.address}/disk.img",
            proofs.get(wrong, Verification()),
            bmap=gone if wrong == "bmap" else None,
        )
    assert list((tmp_path / "cache/downloads").glob("*/disk.img"))


def test_block_map_of_another_image_keeps_the_download(site: Site, tmp_path: Path) -> None:
    """It says nothing against the image."""
    site.files["/disk.img"] = make_image(tmp_path / "disk.img").read_bytes()
    write_bmap(tmp_path / "bmap", make_image(tmp_path / "other.img", size_mib=17))
    with pytest.raises(ImageError, match="is the block map of an image of"):
        load_image(f"{site.address}/disk.img", bmap=tmp_path / "bmap")
    assert list((tmp_path / "cache/downloads").glob("*/disk.img"))


def test_damaged_download_is_called_by_its_address_and_dropped(site: Site, tmp_path: Path) -> None:
    """Nobody knows its place in the cache, and another copy is needed."""
    packed = zst(make_image(tmp_path / "disk.img").read_bytes())
    site.files["/disk.img.zst"] = packed[:-9]
    with pytest.raises(ImageError) as caught:
        load_image(f"{site.address}/disk.img.zst")
    assert caught.value.message.startswith(f"{site.address}/disk.img.zst is truncated")
    assert str(tmp_path) not in str(caught.value)
    assert not list((tmp_path / "cache/downloads").glob("*/disk.img.zst"))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:99999/x", "has a bad port"),
        ("http://127.0.0.1:0/x", "has a bad port"),
        ("http://127.0.0.1:abc/x", "has a bad port"),
        ("http:///x", "names no server"),
        ("http://[::1/x", "is no address"),
    ],
)
def test_wrong_address_is_named_before_it_is_asked(url: str, reason: str) -> None:
    """What cannot be an address is no fault of the network."""
    with pytest.raises(ImageError, match=reason):
        load_image(url)
    with pytest.raises(ImageError, match=reason):
        fetch_text(url, "list")
