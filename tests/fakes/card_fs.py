# SPDX-License-Identifier: Apache-2.0
"""Bad and slow cards as disks: files of a FUSE file system, attached as loop devices.

    with CardFs(tmp_path) as cards:
        card = cards.insert("a", 64 * MIB)
        card.arm(Fault(kind="flip", offset=20 * MIB))
        ...  # flash card.device, then look at card.kept

The file system runs in a process of its own, which is ended, unmounted and detached whatever
happens on either side.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from edge.units import MIB
from tests.fakes.bad_card import Budget, Capacity, Fault

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 60.0


class Card:
    """One card: the disk that is written, and the file that says what it kept."""

    def __init__(self, fs: "CardFs", name: str, kept: Path, device: Path) -> None:
        self.name, self.kept, self.device = name, kept, device
        self.file = fs.mount_point / name
        self._fs = fs

    def arm(self, fault: Fault) -> int:
        """Let `fault` happen from now on and return its number."""
        number: int = self._tell("arm", **asdict(fault))
        return number

    def disarm(self) -> None:
        """End every fault and every stall; what was kept wrong stays wrong."""
        self._tell("disarm")

    def release(self, number: int) -> None:
        """Let a stalled request go on."""
        self._tell("release", number=number)

    def hits(self, number: int, *, wait_s: float = 0) -> int:
        """Return how often a fault happened, waiting at most `wait_s` for the first time."""
        count: int = self._tell("hits", number=number, wait_s=wait_s)
        return count

    def lie(self, capacity: Capacity) -> None:
        """Have less room than the disk claims."""
        self._tell("set_capacity", **asdict(capacity))

    def limit(self, budget: Budget) -> None:
        """Take and give no more bytes a second than `budget` says."""
        self._tell("set_budget", **asdict(budget))

    def ignore_writes(self) -> None:
        """Accept writes and keep none, as worn-out cards do."""
        self._tell("keep_writes", keep=False)

    def busy_s(self) -> dict[str, float]:
        """Return for how long its bus was taken by "read" and by "write"."""
        busy: dict[str, float] = self._tell("busy")
        return busy

    def _tell(self, do: str, **words: Any) -> Any:
        return self._fs.tell(do, card=self.name, **words)


class CardFs:
    """A mounted file system of cards, kept in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.mount_point = folder / "cards"
        self._kept = folder / "kept"
        self._stack = ExitStack()
        self._server: subprocess.Popen[str]

    def __enter__(self) -> Self:
        self.mount_point.mkdir(parents=True)
        self._kept.mkdir()
        with ExitStack() as stack:
            stack.callback(self.mount_point.rmdir)
            self._server = stack.enter_context(_serving(self.mount_point))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def kill(self) -> None:
        """End the process behind the cards, as a crash of it would."""
        self._server.kill()
        self._server.wait()

    def insert(self, name: str, size_bytes: int, *, fill: bytes = b"") -> Card:
        """Attach a new card of `size_bytes`, full of `fill` or sparse."""
        kept = self._kept / name
        with kept.open("wb") as file:
            for _ in range(size_bytes // MIB if fill else 0):
                file.write(fill * (MIB // len(fill)))
            file.truncate(size_bytes)
        self._stack.callback(kept.unlink)
        self.tell("add", card=name, path=str(kept))
        return Card(self, name, kept, self._stack.enter_context(self._attached(name)))

    def tell(self, do: str, **words: Any) -> Any:
        """Send a command to the process and return its answer."""
        return _ask(self._server, json.dumps({"do": do, **words}))

    @contextmanager
    def _attached(self, name: str) -> Iterator[Path]:
        file = self.mount_point / name
        command = ["losetup", "--find", "--show", "--direct-io=on", str(file)]
        device = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        try:
            self.tell("attached", loop=device)
            yield Path(device)
        finally:
            subprocess.run(["losetup", "--detach", device], check=True)
            if self._server.poll() is None:
                self.tell("detached", loop=device)


@contextmanager
def _serving(mount_point: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.fakes.card_server", str(mount_point)]
    pipe = subprocess.PIPE
    with (
        mount_point.with_name("server.log").open("w+") as log,
        subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=log, text=True, cwd=_ROOT
        ) as server,
    ):
        try:
            if _pipe(server.stdout).readline() != "ready\n":
                log.seek(0)
                raise RuntimeError(f"the file system of cards did not start: {log.read()}")
            yield server
        finally:
            # Whoever is stalled in a request is let go by the end of the process, not before.
            subprocess.run(["umount", "--lazy", mount_point], capture_output=True, check=False)
            _pipe(server.stdin).close()
            try:
                server.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                server.kill()


def _ask(server: subprocess.Popen[str], line: str) -> Any:
    _pipe(server.stdin).write(line + "\n")
    _pipe(server.stdin).flush()
    answer = _pipe(server.stdout).readline()
    if not answer:
        raise RuntimeError(f"the file system of cards is gone; it was asked: {line}")
    return json.loads(answer)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
