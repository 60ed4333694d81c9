# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces joined by a cable, and programs in them that are ended by their id."""

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
ANNOUNCER = Path(__file__).parent / "announcer.py"


class Program:
    """A running program whose output lines can be waited for."""

    def __init__(self, command: Sequence[str], env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.seen: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, wanted: Callable[[str], bool], timeout_s: float = 60) -> str:
        """Return the next line that is `wanted`."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                break
            self.seen.append(line)
            if wanted(line):
                return line
        raise AssertionError(f"not printed within {timeout_s} s; printed: {self.seen[-20:]}")

    def tell(self, line: str) -> None:
        """Send a line and wait for "done"."""
        self.say(line)
        self.wait_for("done".__eq__)

    def say(self, line: str) -> None:
        """Send a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def interrupt(self) -> int:
        """Press ctrl-C and return the exit code."""
        self._process.send_signal(2)
        return self._process.wait(timeout=60)

    def end(self) -> None:
        """End this program, politely first, and wait for it."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
        self._reader.join(timeout=10)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)


@dataclass
class Cable:
    """Namespaces `left` and `right`, each with the interface "port" on 10.77.0.0/24."""

    left: str
    right: str
    programs: list[Program] = field(default_factory=list)

    def start(self, where: str, *command: str, env: dict[str, str] | None = None) -> Program:
        """Start a program in the namespace `where`."""
        program = Program(["ip", "netns", "exec", where, *command], env)
        self.programs.append(program)
        return program

    def announce(self, numbers: Sequence[int], *, ttl_s: int = 120) -> Program:
        """Announce nodes on the right, number n at 10.77.0.n, and wait until they are."""
        addresses = [f"10.77.0.{number}" for number in numbers]
        for address in addresses:
            run("ip", "-n", self.right, "address", "add", f"{address}/24", "dev", "port")
        arguments = (str(ANNOUNCER), str(ttl_s), "port", *addresses)
        program = self.start(self.right, sys.executable, *arguments)
        program.wait_for("ready".__eq__, 60)
        return program

    def discover(self, *options: str) -> Program:
        """Start `edgectl discover` on the left."""
        return self.start(self.left, sys.executable, "-m", "edge", "discover", *options)


def run(*command: str) -> str:
    """Run a command that must succeed and return its output."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def parsed(line: str) -> dict[str, Any]:
    """Return the object on a JSON line."""
    value: dict[str, Any] = json.loads(line)
    return value


@pytest.fixture
def cable() -> Iterator[Cable]:
    """Join two fresh namespaces; end their programs and remove them whatever happens."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    with _namespaces() as (left, right):
        joined = Cable(left, right)
        try:
            yield joined
        finally:
            for program in joined.programs:
                program.end()


@contextmanager
def _namespaces() -> Iterator[tuple[str, str]]:
    names = (f"edge-l-{os.getpid()}", f"edge-r-{os.getpid()}")
    try:
        for name in names:
            run("ip", "netns", "add", name)
        run(*f"ip -n {names[0]} link add port type veth peer name port netns {names[1]}".split())
        for name, address in zip(names, ("10.77.0.1", "10.77.0.2"), strict=True):
            run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "port")
            for link in ("lo", "port"):
                run("ip", "-n", name, "link", "set", link, "up")
        _wait_until_carrying(names)
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _wait_until_carrying(names: Sequence[str]) -> None:
    # A fresh link drops what is sent before the kernel has noticed its carrier, and its IPv6
    # address cannot be used before it has been checked for duplicates.
    deadline = time.monotonic() + 60
    for name in names:
        while time.monotonic() < deadline:
            is_up = " state UP " in run("ip", "-n", name, "-o", "link", "show", "port")
            if is_up and not run("ip", "-n", name, "-o", "address", "show", "tentative"):
                break
