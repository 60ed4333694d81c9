# SPDX-License-Identifier: Apache-2.0
"""The process behind `CardFs`: a FUSE file system with one file per card.

    python -m tests.fakes.card_server MOUNT_POINT

Commands come as lines of JSON on standard input, `{"do": ..., "card": ..., ...}`, each answered
by one line. The end of the input is the end of it all, whatever killed the other side.
"""

import errno
import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

os.environ["FUSE_LIBRARY_PATH"] = "libfuse3.so.3"  # version 2 splits requests at 128 KiB

import mfusepy  # type: ignore[import-untyped]

from tests.fakes.bad_card import BadCard, Budget, BusClock, Capacity, Fault


class CardFiles(mfusepy.Operations):  # type: ignore[misc]
    """The file system: a flat folder of cards."""

    use_ns = True

    def __init__(self, mount_point: Path) -> None:
        self.cards: dict[str, BadCard] = {}
        self.loops: list[str] = []
        self._mount_point = mount_point
        self._started_ns = time.time_ns()

    def init_with_config(self, _connection: Any, _config: Any) -> None:
        """Take commands from the moment the kernel listens."""
        threading.Thread(target=self._obey, name="commands", daemon=True).start()

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        """Say what a path is; a card that is gone is not there."""
        times = dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), self._started_ns)
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2, **times}
        size_bytes = self._card(path).size_bytes
        return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": size_bytes, **times}

    def open(self, path: str, flags: int) -> int:
        """Open a card that is there."""
        self._card(path)
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Read what the card gives."""
        return self._inserted(path).read(offset, size)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        """Write to the card."""
        return self._inserted(path).write(offset, data)

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        """Flush the card: it has no cache."""
        if self._inserted(path).is_gone:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return 0

    def _inserted(self, path: str) -> BadCard:
        return self.cards[path[1:]]

    def _card(self, path: str) -> BadCard:
        card = self.cards.get(path[1:])
        if card is None or card.is_gone:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return card

    def _obey(self) -> None:
        print("ready", flush=True)
        for line in sys.stdin:
            command = json.loads(line)
            action = getattr(self, f"_{command.pop('do')}")
            print(json.dumps(action(**command)), flush=True)
        for loop in self.loops:
            subprocess.run(["losetup", "--detach", loop], capture_output=True, check=False)
        subprocess.run(["umount", "--lazy", self._mount_point], capture_output=True, check=False)

    def _add(self, card: str, path: str) -> None:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.cards[card] = BadCard(fd, os.fstat(fd).st_size)

    def _attached(self, loop: str) -> None:
        self.loops.append(loop)

    def _detached(self, loop: str) -> None:
        self.loops.remove(loop)

    def _arm(self, card: str, **fault: Any) -> int:
        return self.cards[card].arm(Fault(**fault))

    def _disarm(self, card: str) -> None:
        self.cards[card].disarm()

    def _release(self, card: str, number: int) -> None:
        self.cards[card].release(number)

    def _hits(self, card: str, number: int, wait_s: float) -> int:
        return self.cards[card].hits(number, wait_s=wait_s)

    def _set_capacity(self, card: str, **capacity: Any) -> None:
        self.cards[card].capacity = Capacity(**capacity) if capacity else None

    def _set_budget(self, card: str, **budget: Any) -> None:
        self.cards[card].clock = BusClock(Budget(**budget)) if budget else None

    def _keep_writes(self, card: str, keep: bool) -> None:
        self.cards[card].keeps_writes = keep

    def _busy(self, card: str) -> dict[str, float]:
        clock = self.cards[card].clock
        return {} if clock is None else clock.busy_s


def main() -> None:
    """Serve the file system until it is unmounted."""
    place = Path(sys.argv[1])
    options: dict[str, Any] = {"foreground": True, "direct_io": True, "fsname": "bad-cards"}
    options |= {"attr_timeout": 0, "entry_timeout": 0}
    mfusepy.FUSE(CardFiles(place), str(place), **options)


if __name__ == "__main__":
    main()
