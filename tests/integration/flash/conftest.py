# SPDX-License-Identifier: Apache-2.0
"""Loop devices over files, detached whatever happens to the test."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fakes.image import MIB, make_image

AttachLoop = Callable[..., Path]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Give a node image of 16 MiB."""
    return make_image(tmp_path / "node.img")


@pytest.fixture
def attach_loop(tmp_path: Path) -> Iterator[AttachLoop]:
    """Give a function that attaches a file full of old data as a disk."""
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists():
        pytest.skip("loop devices need root and the loop driver")
    with ExitStack() as stack:

        def attach(size_bytes: int = 64 * MIB, *, fill: bytes = b"\xa5", name: str = "d") -> Path:
            path = tmp_path / f"{name}.disk"
            with path.open("wb") as file:
                for _ in range(size_bytes // MIB):
                    file.write(fill * MIB)
                file.truncate(size_bytes)
            command = ["losetup", "--find", "--show", "--direct-io=on", str(path)]
            found = subprocess.run(command, check=True, capture_output=True, text=True)
            device = Path(found.stdout.strip())
            stack.callback(_detach, device)
            return device

        yield attach


@pytest.fixture(autouse=True)
def own_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep card records of tests out of the operator's."""
    monkeypatch.setenv("EDGECTL_HOME", str(tmp_path / "home"))
    return tmp_path / "home/cards.sqlite"


def _detach(device: Path) -> None:
    subprocess.run(["losetup", "--detach", device], check=True)
