# SPDX-License-Identifier: Apache-2.0
"""A disk that was looked at and then changed is another disk."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import DeviceError
from flasher.device import Device, inspect, look_again
from tests.fakes.host import FakeHost


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path / "host")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.img"
    path.write_bytes(b"x" * 4096)
    return path


def test_same_disk_is_looked_at_again(fake: FakeHost, card: Path) -> None:
    """Nothing changed, and the facts are those of now."""
    before = inspect(card, fake.host)
    fake.configure(f"protect: [{card}]\n")
    assert look_again(before, fake.host).protection


CHANGES: dict[str, dict[str, object]] = {
    "its size": {"size_bytes": 1},
    "its device number": {"number": (9, 9)},
    "its serial": {"serial": "other"},
    "its medium": {"diskseq": 7},
    "the card in it": {"cid": "0353"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_disk_is_refused(fake: FakeHost, card: Path, name: str) -> None:
    """What changed is named, whichever part of the identity it is."""
    before = replace(inspect(card, fake.host), **CHANGES[name])  # type: ignore[arg-type]
    with pytest.raises(DeviceError, match="not the disk it was a moment ago") as caught:
        look_again(before, fake.host)
    assert f"({name} changed); nothing was written" in caught.value.message


def _named(device: Device, link: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    """Have udev's database call the disk by a link, and know its serial."""
    named = replace(device, by_id=(link,), serial="0001", cid="0353")
    monkeypatch.setattr("flasher.device.identity.inspect", lambda _path, _host: named)
    return named


def test_link_must_still_lead_to_the_disk(
    fake: FakeHost, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A by-id name that leads elsewhere means that another disk took its place."""
    link = tmp_path / "usb-Reader-0:0"
    link.symlink_to(card)
    device = _named(inspect(card, fake.host), link, monkeypatch)
    assert look_again(device, fake.host) == device
    link.unlink()
    link.symlink_to(tmp_path)
    with pytest.raises(DeviceError, match=f"where {link} leads changed"):
        look_again(device, fake.host)


def test_names_that_udev_finds_later_are_no_change(
    fake: FakeHost, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card just put in may be planned for before udev is through with it; not after."""
    link = tmp_path / "usb-Reader-0:0"
    link.symlink_to(card)
    before = inspect(card, fake.host)
    named = _named(before, link, monkeypatch)
    assert look_again(before, fake.host) == named
    monkeypatch.setattr("flasher.device.identity.inspect", lambda _path, _host: before)
    with pytest.raises(DeviceError, match=r"its serial, its names in /dev/disk/by-id, the card"):
        look_again(named, fake.host)
