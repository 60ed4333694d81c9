# SPDX-License-Identifier: Apache-2.0
"""Virtual boards on this machine: machined as ordinary processes, each with a disk of its own.

A lab node is a folder: `disk.img` written by the real flasher, `node.json` that says who it is,
`console.log`, and `pid` of its lab-init while it runs. It answers on its own loopback address.
"""

import json
import os
import platform
import shutil
import signal
import socket
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

from edge import __version__
from edge.client.trust import look_at
from edge.errors import EdgeError, NodeError
from edge.events import Listener, ignore, step
from edge.paths import data_dir
from edge.units import MIB
from flasher.card import CardSpec
from flasher.image.assemble import Content, plan_table, write_image
from flasher.plan import FlashOptions, prepare
from flasher.record import CardRecords, card_records
from flasher.write import flash

API_PORT = 50000
DISK_BYTES = 256 * MIB
START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 15.0
_NETWORK = "127.42.{}.{}"
_LAYOUT = (Content("EFI", 1), Content("BOOT", 1), Content("META", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class LabNode:
    """One virtual board; `pid` is nothing while it is off."""

    name: str
    folder: Path
    address: str
    pid: int | None
    fingerprint: str
    enrolment_id: str
    """Empty when its disk was flashed without an enrolment."""

    @property
    def console(self) -> Path:
        """Return the file that holds what the node printed."""
        return self.folder / "console.log"


class Lab:
    """All virtual boards below one folder."""

    def __init__(self, folder: Path | None = None, records: CardRecords | None = None) -> None:
        self.folder = folder or data_dir() / "lab"
        self._records = records or card_records()

    def nodes(self) -> list[LabNode]:
        """Return every node, running or not, sorted by name."""
        folders = sorted(self.folder.glob("*/node.json"))
        return [_read_node(path.parent) for path in folders]

    def node(self, name: str) -> LabNode:
        """Return the node called `name`.

        Raises:
            NodeError: when there is none.
        """
        for each in self.nodes():
            if each.name == name:
                return each
        known = ", ".join(each.name for each in self.nodes()) or "none"
        raise NodeError(f"the lab has no node {name!r}", hint=f"nodes: {known}")

    def create(
        self,
        name: str,
        *,
        enrolment: bool = True,
        card: CardSpec | None = None,
        listener: Listener = ignore,
    ) -> LabNode:
        """Flash a disk for a new node called `name`, with what `card` wants on it.

        Without `enrolment` anybody may configure the node first, blindly.

        Raises:
            NodeError: when there is such a node already.
            EdgeError: when flashing fails; nothing is left behind then.
        """
        folder = self.folder / name
        if folder.exists():
            raise NodeError(f"the lab has a node {name!r} already", hint=f"edgectl lab down {name}")
        folder.mkdir(parents=True)
        try:
            return self._create(folder, name, listener, card, enrolment=enrolment)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def start(self, name: str, *, listener: Listener = ignore) -> LabNode:
        """Switch a node on and wait until its API answers.

        Raises:
            NodeError: when it does not come up in time; the message quotes its console.
        """
        node = self.node(name)
        if node.pid is None:
            with step(listener, f"start {name}") as running:
                _start(node)
                running.detail = node.address
        return self.node(name)

    def up(
        self, count: int, *, enrolment: bool = True, listener: Listener = ignore
    ) -> list[LabNode]:
        """Have at least `count` nodes running, making new ones as needed."""
        names = [node.name for node in self.nodes()]
        for number in range(1, count + 1):
            if len(names) >= count:
                break
            if (name := f"lab-{number}") not in names:
                names.append(self.create(name, enrolment=enrolment, listener=listener).name)
        return [self.start(name, listener=listener) for name in sorted(names)]

    def stop(self, name: str) -> None:
        """Power a node off in good order, or cut its power when it does not listen."""
        node = self.node(name)
        if node.pid is None:
            return
        os.kill(node.pid, signal.SIGTERM)
        if not _wait_gone(node.pid, STOP_DEADLINE_S):
            self.cut_power(name)

    def cut_power(self, name: str) -> None:
        """End a node's processes at once, as if its plug were pulled."""
        node = self.node(name)
        if node.pid is not None:
            os.killpg(node.pid, signal.SIGKILL)
            _wait_gone(node.pid, STOP_DEADLINE_S)

    def down(self, names: Iterable[str] = ()) -> list[str]:
        """Stop and delete the named nodes, or all; return their names."""
        chosen = [self.node(name) for name in names] or self.nodes()
        for node in chosen:
            self.stop(node.name)
            shutil.rmtree(node.folder)
        return [node.name for node in chosen]

    def _create(
        self, folder: Path, name: str, listener: Listener, card: CardSpec | None, *, enrolment: bool
    ) -> LabNode:
        image = _lab_image(folder)
        options = FlashOptions(size_bytes=DISK_BYTES, enrolment=enrolment)
        plan = prepare(image, folder / "disk.img", options, card=card, listener=listener)
        report = flash(plan, records=self._records, listener=listener)
        image.unlink()
        description = {
            "name": name,
            "address": _free_address(self.folder, (node.address for node in self.nodes())),
            "uuid": str(uuid.uuid4()),
            "fingerprint": report.fingerprint,
            "enrolment": report.enrolment_id or "",
            "image": {
                "version": __version__,
                "board": "lab",
                "arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), ""),
                "build_time": datetime.now(UTC).timestamp(),
            },
        }
        (folder / "node.json").write_text(json.dumps(description, indent=2))
        return _read_node(folder)


def _lab_image(folder: Path) -> Path:
    """Write an image with a board's partitions and nothing to boot from."""
    path = folder / "image.img"
    with path.open("w+b") as file:
        write_image(file, plan_table("gpt", "lab", _LAYOUT), _LAYOUT)
    return path


def _read_node(folder: Path) -> LabNode:
    try:
        fields = json.loads((folder / "node.json").read_text())
        return LabNode(
            name=fields["name"],
            folder=folder,
            address=fields["address"],
            pid=_running_pid(folder),
            fingerprint=fields["fingerprint"],
            enrolment_id=fields["enrolment"],
        )
    except (ValueError, KeyError) as error:
        raise NodeError(
            f"lab node {folder.name} has an unreadable node.json: {error}",
            hint=f"delete {folder}",
        ) from error


def _running_pid(folder: Path) -> int | None:
    try:
        pid = int((folder / "pid").read_text())
        command = Path("/proc", str(pid), "cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    # Process ids are used again: the one we started names this folder.
    return pid if str(folder).encode() in command else None


def _free_address(lab: Path, taken: Iterable[str]) -> str:
    used = set(taken)
    for address in _addresses(lab):
        if address not in used and _is_free(address):
            return address
    raise EdgeError("no loopback address is free for another lab node")


def _addresses(lab: Path) -> Iterator[str]:
    # Each lab begins at a place of its own, so that several at once hardly ever meet.
    start = crc32(str(lab.resolve()).encode())
    for third in range(256):
        for fourth in range(1, 255):
            yield _NETWORK.format((start + third) % 256, fourth)


def _is_free(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, API_PORT))
        except OSError:
            return False
    return True


def _start(node: LabNode) -> None:
    pid = _spawn(node)
    (node.folder / "pid").write_text(str(pid))
    deadline = time.monotonic() + START_DEADLINE_S
    while (shown := _shown_fingerprint(node)) is None:
        _reap(pid)
        if not Path("/proc", str(pid)).exists() or time.monotonic() > deadline:
            raise NodeError(f"lab node {node.name} did not start: {_last_line(node.console)}")
        time.sleep(0.05)
    if shown != node.fingerprint:
        os.killpg(pid, signal.SIGKILL)
        raise NodeError(
            f"lab node {node.name} cannot have {node.address}: somebody else answers there",
            hint=f"edgectl lab down {node.name}",
        )


def _spawn(node: LabNode) -> int:
    # Not a Popen: the node outlives whoever started it, and nobody has to hold on to an object.
    with node.console.open("ab") as console, Path(os.devnull).open("rb") as nothing:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "edge.node.lab_init", str(node.folder)],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nothing.fileno(), 0),
                (os.POSIX_SPAWN_DUP2, console.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, console.fileno(), 2),
            ],
            setsid=True,
        )


def _shown_fingerprint(node: LabNode) -> str | None:
    try:
        return look_at(node.address, API_PORT).fingerprint
    except NodeError:
        # Not listening yet, or listening and not ready for a handshake.
        return None


def _last_line(console: Path) -> str:
    lines = console.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it printed nothing"


def _wait_gone(pid: int, deadline_s: float) -> bool:
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        _reap(pid)
        if not Path("/proc", str(pid)).exists():
            return True
        time.sleep(0.05)
    return False


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        # Started by an earlier edgectl: init collects it.
        return
