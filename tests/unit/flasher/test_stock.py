# SPDX-License-Identifier: Apache-2.0
"""When an image in the cache may be flashed without building it again."""

import json
import os
from pathlib import Path

import pytest

from boards.catalog import load_profile
from edge import __version__
from edge.events import Event, Noted
from flasher.description import read_description
from flasher.stock import is_current, stock_image

FUTURE = 4_000_000_000


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Give an image of qemu-arm64 that is newer than all code."""
    path = tmp_path / "qemu-arm64.img"
    path.touch()
    os.utime(path, (FUTURE, FUTURE))
    _describe(path, board="qemu-arm64", version=__version__)
    return path


def _describe(path: Path, **values: object) -> None:
    path.with_name(f"{path.name}.json").write_text(json.dumps(values))


def test_current_image_is_reused(image: Path) -> None:
    """The same board and version, made after the last change, is taken as it is."""
    said: list[Event] = []
    profile = load_profile("qemu-arm64")
    assert stock_image(profile, listener=said.append, folder=image.parent) == image
    assert said == [Noted(text="qemu-arm64: image from the cache")]


@pytest.mark.parametrize("change", ["board", "version"])
def test_image_of_another_kind_is_not_current(image: Path, change: str) -> None:
    """A description that differs means building anew."""
    _describe(image, **{"board": "qemu-arm64", "version": __version__, change: "other"})
    assert not is_current(image, "qemu-arm64")


def test_image_older_than_the_code_is_not_current(image: Path) -> None:
    """A changed source file means building anew."""
    os.utime(image, (1, 1))
    assert not is_current(image, "qemu-arm64")


def test_missing_image_is_not_current(image: Path) -> None:
    """A description alone is not enough."""
    image.unlink()
    assert not is_current(image, "qemu-arm64")


@pytest.mark.parametrize("text", ["", "[]", "{broken", '{"board": 3}'])
def test_unreadable_description_says_nothing(tmp_path: Path, text: str) -> None:
    """Whatever lies there, it is no reason to fail."""
    (tmp_path / "i.img.json").write_text(text)
    assert read_description(tmp_path / "i.img") == {}
