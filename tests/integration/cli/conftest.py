# SPDX-License-Identifier: Apache-2.0
"""Lab nodes that edgectl command lines run against, and command lines that can be followed."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import pytest

from edge.cli.main import run
from edge.provision.lab import Lab, LabNode

ROOT = Path(__file__).parents[3]
_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """A finished command line."""

    code: int
    out: str
    err: str

    def rows(self) -> list[list[str]]:
        """Return the cells of a printed table, the heading first."""
        return [line.split() for line in self.out.splitlines()]


def edgectl(*args: str) -> Done:
    """Run one command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(args)
    return Done(int(code), out.getvalue(), err.getvalue())


class Running:
    """A command line that goes on until it is told to stop."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.seen: list[str] = []

    def wait_for(self, wanted: Callable[[str], bool]) -> str:
        """Return the next printed line that is `wanted`."""
        assert self.process.stdout
        timer = Timer(_DEADLINE_S, self.process.kill)
        timer.start()
        try:
            for line in self.process.stdout:
                self.seen.append(line.rstrip("\n"))
                if wanted(self.seen[-1]):
                    return self.seen[-1]
        finally:
            timer.cancel()
        raise AssertionError(f"not printed: {self.seen}")

    def interrupt(self) -> tuple[int, str]:
        """Press ctrl-C; return the exit code and what was said on stderr."""
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=_DEADLINE_S)
        return self.process.returncode, err


@contextmanager
def following(*args: str) -> Iterator[Running]:
    """Run a command line as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", *args],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        try:
            yield Running(process)
        finally:
            process.kill()


def until(check: Callable[[], bool], deadline_s: float = _DEADLINE_S) -> None:
    """Ask again and again until `check` says yes."""
    deadline = time.monotonic() + deadline_s
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Nodes in maintenance, and the configurations that were generated for them."""

    lab: Lab
    folder: Path
    nodes: Sequence[LabNode]

    @property
    def first(self) -> str:
        """Return the address of the control plane."""
        return self.nodes[0].address

    @property
    def controlplane(self) -> str:
        """Return the name of its configuration's file."""
        return str(self.folder / "controlplane.yaml")

    @property
    def worker(self) -> str:
        """Return the name of the other configuration's file."""
        return str(self.folder / "worker.yaml")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a home of its own to every edgectl of this module, and nothing of the user's."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECTL_HOME", str(folder / "edgectl"))
        patch.setenv("HOME", str(folder))
        patch.delenv("TALOSCONFIG", raising=False)
        patch.delenv("TALOS_HOME", raising=False)
        yield folder


@pytest.fixture(scope="module")
def lab(home: Path) -> Iterator[Lab]:
    """Give an empty lab and clear it away afterwards."""
    lab = Lab()
    try:
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="module")
def cluster(lab: Lab, home: Path) -> Cluster:
    """Give a configured control plane and a worker; TALOSCONFIG is the user's default file."""
    nodes = lab.up(2)
    folder = home / "out"
    endpoint = f"https://{nodes[0].address}:6443"
    assert edgectl("gen", "config", "test", endpoint, "-o", str(folder)).code == 0
    (home / ".talos").mkdir()
    (home / ".talos/config").write_bytes((folder / "talosconfig").read_bytes())
    made = Cluster(lab, folder, nodes)
    for file, node in ((made.controlplane, nodes[0]), (made.worker, nodes[1])):
        done = edgectl("apply-config", "--insecure", "-n", node.address, "-f", file)
        assert done.code == 0, done.err
    assert edgectl("config", "endpoint", made.first).code == 0
    assert edgectl("config", "node", *(node.address for node in nodes)).code == 0
    return made


@pytest.fixture
def fresh(lab: Lab, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the address of one more node in maintenance, named after the test."""
    name = os.path.basename(request.node.name)[:40]  # noqa: PTH119 - not a path
    lab.create(name)
    try:
        yield lab.start(name).address
    finally:
        lab.down([name])
