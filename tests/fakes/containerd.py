# SPDX-License-Identifier: Apache-2.0
"""A real containerd in a folder of its own, which takes everything along when it goes."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_DEADLINE_S = 60.0
_SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_CONFIG = """version = 2
root = "{folder}/root"
state = "{folder}/state"
# The network of pods is not ours, and neither are other file systems.
disabled_plugins = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "{folder}/c.sock"
[ttrpc]
  address = "{folder}/t.sock"
"""


@dataclass(frozen=True, slots=True)
class RealContainerd:
    """The daemon: where it listens, and its own program to prepare what a test is about."""

    folder: Path
    process: "subprocess.Popen[bytes]"

    @property
    def socket(self) -> Path:
        """Return where it listens."""
        return self.folder / "c.sock"

    @property
    def group(self) -> str:
        """Return the control group that holds those of all containers."""
        return self.folder.name

    def ctr(self, namespace: str, *arguments: str) -> str:
        """Run `ctr` and return what it printed."""
        command = [_program("ctr"), f"--address={self.socket}", f"--namespace={namespace}"]
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, timeout=_DEADLINE_S
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(
        self,
        namespace: str,
        image: str,
        name: str,
        command: Sequence[str],
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Start a container."""
        marks = [f"--label={key}={value}" for key, value in (labels or {}).items()]
        group = f"--cgroup=/{self.group}/{name}"
        self.ctr(namespace, "run", "-d", "--null-io", group, *marks, image, name, *command)

    def clear(self, namespace: str) -> None:
        """Remove every container of a namespace."""
        for name in self.ctr(namespace, "containers", "ls", "-q").split():
            running = self.ctr(namespace, "tasks", "ls", "-q").split()
            if name in running:
                self.ctr(namespace, "tasks", "rm", "-f", name)
            self.ctr(namespace, "containers", "rm", name)


@contextmanager
def running() -> Iterator[RealContainerd]:
    """Give a containerd that runs for as long as the block does."""
    # The path of a socket has room for a hundred characters, which pytest's folders have not.
    folder = Path(tempfile.mkdtemp(prefix="edgectl-ctrd-"))
    (folder / "config.toml").write_text(_CONFIG.format(folder=folder))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [_program("containerd"), "--config", folder / "config.toml"],
            stdout=log,
            stderr=log,
            env={**os.environ, "PATH": _SEARCH},
        )
    daemon = RealContainerd(folder, process)
    try:
        _wait(daemon)
        yield daemon
    finally:
        _stop(daemon)


def left_behind(folder: Path) -> list[str]:
    """Return the processes, mounts and control groups that still name a folder."""
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line]
    return [*map(str, _processes(folder)), *mounts, *map(str, _groups(folder.name))]


def _wait(daemon: RealContainerd) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    command = [_program("ctr"), f"--address={daemon.socket}", "version"]
    while subprocess.run(command, capture_output=True).returncode:
        log = (daemon.folder / "log").read_text()
        assert daemon.process.poll() is None, log
        assert time.monotonic() < deadline, log


def _stop(daemon: RealContainerd) -> None:
    """End everything, in the order in which nothing can come up again."""
    try:
        if daemon.process.poll() is None:
            for namespace in ("system", "k8s.io"):
                daemon.clear(namespace)
    finally:
        daemon.process.terminate()
        try:
            daemon.process.wait(_DEADLINE_S)
        except subprocess.TimeoutExpired:
            daemon.process.kill()
            daemon.process.wait()
        for pid in _processes(daemon.folder):
            os.kill(pid, signal.SIGKILL)
        _unmount(daemon.folder)
        for group in _groups(daemon.group):
            group.rmdir()
        shutil.rmtree(daemon.folder)


def _unmount(folder: Path) -> None:
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for point in reversed([each for each in points if each.startswith(f"{folder}/")]):
        subprocess.run([_program("umount"), "--lazy", point], check=True)


def _processes(folder: Path) -> list[int]:
    """Return the processes whose command line names the folder: containerd and its shims."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def _groups(name: str) -> list[Path]:
    """Return the control groups of this name and below, the lowest first."""
    tops = [*Path("/sys/fs/cgroup").glob(f"*/{name}"), *Path("/sys/fs/cgroup").glob(name)]
    below = [path for top in tops for path in top.rglob("*") if path.is_dir()]
    return [*reversed(below), *tops]


def _program(name: str) -> str:
    found = shutil.which(name, path=_SEARCH)
    assert found, f"this test needs the program {name}"
    return found
