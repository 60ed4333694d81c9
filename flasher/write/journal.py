# SPDX-License-Identifier: Apache-2.0
"""What a run has already proven to be on a card, kept so that a killed run can be continued.

One file of JSON lines a run: a header, then ranges that were written and read back. It is only
a hint: whoever continues reads those ranges back again and writes what differs, so a journal
that lies, or a card that lost its cache when it was pulled, costs time and nothing else.
"""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from time import time

from edge.units import MIB
from flasher.device import Device
from flasher.ranges import Range, merge
from flasher.source import Image

_STEP_BYTES = 16 * MIB
_KEPT_S = 60 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Which image goes to which card."""

    run: str
    started: str
    image: str
    image_bytes: int
    image_changed_ns: int
    device: str
    device_bytes: int
    serial: str
    by_id: str
    diskseq: int | None
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """A run that did not come to its end."""

    header: Header
    done: tuple[Range, ...]
    is_probed: bool = False
    """The card was found to hold what it says, and this is the same card."""


class Journal:
    """The file of one run; it is removed when the card is finished.

    A journal that cannot be written fails no card: `fault` says why the run cannot be resumed.
    """

    def __init__(self, folder: Path, header: Header) -> None:
        self.path = folder / f"{header.run}.jsonl"
        self._pending: list[Range] = []
        self._pending_bytes = 0
        self._lock = Lock()
        self.fault = ""
        _forget_old(folder)
        self._append(asdict(header), mode=os.O_EXCL)

    def verified(self, at: Range) -> None:
        """Note that `at` is on the card; it is written down a few MiB at a time."""
        with self._lock:
            self._pending.append(at)
            self._pending_bytes += at.size_bytes
            is_due = self._pending_bytes >= _STEP_BYTES
        if is_due:
            self.save()

    def save(self) -> None:
        """Write down what is noted."""
        with self._lock:
            pending, self._pending, self._pending_bytes = merge(self._pending), [], 0
        if pending:
            self._append({"done": [[one.start, one.end] for one in pending]})

    def probed(self) -> None:
        """Note that the card holds what it says."""
        self._append({"probed": True})

    def take_over(self, interrupted: Interrupted) -> None:
        """Continue `interrupted`, whose own file is of no more use once all of it is here."""
        if interrupted.is_probed:
            self.probed()
        for one in interrupted.done:
            self.verified(one)
        self.save()
        if not self.fault:
            _remove(self.path.parent / f"{interrupted.header.run}.jsonl")

    def remove(self) -> None:
        """Forget the run: its card is finished."""
        _remove(self.path)

    def _append(self, line: dict[str, object], mode: int = 0) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | mode
        if self.fault:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path, flags, 0o600)
            try:
                os.write(fd, json.dumps(line).encode() + b"\n")
            finally:
                os.close(fd)
        except OSError as error:
            self.fault = f"cannot be resumed: {self.path}: {error.strerror}"


def new_header(
    device: Device, size_bytes: int, image: Image, *, started: datetime, attempt: int
) -> Header:
    """Return the header of a run that begins now."""
    return Header(
        run=secrets.token_hex(8),
        started=started.isoformat(timespec="seconds"),
        image=str(image.path),
        image_bytes=image.size_bytes,
        image_changed_ns=image.stamp.changed_ns,
        device=str(device.path),
        device_bytes=size_bytes,
        serial=device.serial,
        by_id=str(device.by_id[0]) if device.by_id else "",
        diskseq=device.diskseq,
        attempt=attempt,
    )


def find_interrupted(
    folder: Path, device: Device, size_bytes: int, run: str | None
) -> Interrupted | None:
    """Return the run that `device` was left by: the one its marker names, else its latest.

    Without a marker it may be another card in the same reader: nothing is proven of that.
    """
    found = [one for one in _read_all(folder) if _is_of(one.header, device, size_bytes, run)]
    latest = max(found, key=lambda one: one.header.started, default=None)
    return replace(latest, is_probed=False) if latest and run is None else latest


def is_same_image(header: Header, image: Image) -> bool:
    """Tell whether `image` is what the interrupted run was writing."""
    return (header.image_bytes, header.image_changed_ns) == (
        image.size_bytes,
        image.stamp.changed_ns,
    )


def _remove(path: Path) -> None:
    with suppress(OSError):  # one that stays is a hint that costs time, and no card
        path.unlink(missing_ok=True)


def _forget_old(folder: Path) -> None:
    """Remove the journals of runs that nobody came back to."""
    oldest = time() - _KEPT_S
    for path in folder.glob("*.jsonl"):
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _is_of(header: Header, device: Device, size_bytes: int, run: str | None) -> bool:
    if run is not None:
        return header.run == run
    if header.device_bytes != size_bytes:
        return False
    if header.serial or device.serial:
        return header.serial == device.serial
    return (header.device, header.diskseq) == (str(device.path), device.diskseq)


def _read_all(folder: Path) -> Iterator[Interrupted]:
    for path in sorted(folder.glob("*.jsonl")):
        with suppress(OSError, ValueError, TypeError, AttributeError):
            yield _read(path)


def _read(path: Path) -> Interrupted:
    header, *lines = path.read_text().splitlines()
    done: list[Range] = []
    is_probed = False
    for line in lines:
        with suppress(ValueError):  # the last line of a killed run may be half there
            found = json.loads(line)
            is_probed = is_probed or bool(found.get("probed"))
            done += [Range(start, end) for start, end in found.get("done", ())]
    return Interrupted(header=Header(**json.loads(header)), done=merge(done), is_probed=is_probed)
