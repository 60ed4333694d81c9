# SPDX-License-Identifier: Apache-2.0
"""Decodes with a program of the host where that uses more than one processor.

xz does so for files of many blocks since its release 5.4, lbzip2 for every bz2 file. Both are
ended and reaped when the stream is closed, however far it was read.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO

from edge.units import MIB
from flasher.source.fault import AGAIN, WrongImageError
from flasher.source.format import Kind
from flasher.source.forward import Forward

_XZ_THREADED = 50040000  # as xz numbers its releases
_XZ_LIMITS = ("--threads=0", "--memlimit-mt-decompress=160MiB")  # fewer threads, if need be
_PIPE_BYTES = MIB
_MESSAGE_BYTES = 2000


class Child(Forward):
    """What a program writes to its output while it decodes `path`."""

    def __init__(
        self, path: Path, program: str, process: subprocess.Popen[bytes], messages: IO[bytes]
    ) -> None:
        assert process.stdout
        super().__init__(process.stdout)
        self._path, self._program = path, program
        self._process, self._messages = process, messages
        self._output = process.stdout.fileno()
        _widen(self._output)

    def _fill(self, into: memoryview) -> int:
        done = 0
        while done < len(into):
            count = os.readv(self._output, [into[done:]])
            if not count:
                self._check()
                break
            done += count
        return done

    def close(self) -> None:
        """End the program, if it still runs, and reap it."""
        if not self.closed:
            self._process.kill()
            self._process.wait()
            self._messages.close()
        super().close()

    def _check(self) -> None:
        code = self._process.wait()
        if code:
            raise WrongImageError(f"{self._path} is damaged: {self._told() or code}", hint=AGAIN)

    def _told(self) -> str:
        """Return the program's last message without the names it starts with."""
        self._messages.seek(0)
        text = self._messages.read(_MESSAGE_BYTES).decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return f"{self._program}: {lines[-1].rpartition(': ')[2]}" if lines else ""


def open_child(path: Path, kind: Kind, *, blocks: int) -> Child | None:
    """Return a decoding program's output, or nothing where it would not be any faster."""
    if processors() < 2:
        return None
    if kind is Kind.XZ and blocks > 1 and _has_threaded_xz():
        return _start(path, ("xz", "--decompress", "--stdout", "--quiet", *_XZ_LIMITS))
    if kind is Kind.BZ2 and shutil.which("lbzip2"):
        return _start(path, ("lbzip2", "--decompress", "--stdout"))
    return None


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _start(path: Path, command: Sequence[str]) -> Child:
    messages = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the stream
    try:
        with path.open("rb") as file:
            process = subprocess.Popen(
                command,
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=messages,
                bufsize=0,
                process_group=0,  # out of reach of a Ctrl-C, which our own process answers
                env={**os.environ, "LC_ALL": "C"},
            )
    except OSError:
        messages.close()
        raise
    return Child(path, command[0], process, messages)


@cache
def _has_threaded_xz() -> bool:
    if shutil.which("xz") is None:
        return False
    told = subprocess.run(
        ["xz", "--robot", "--version"], capture_output=True, text=True, check=False
    )
    found = dict(line.split("=", 1) for line in told.stdout.splitlines() if "=" in line)
    return int(found.get("XZ_VERSION", "0")) >= _XZ_THREADED


def _widen(pipe: int) -> None:
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        try:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:
            return  # the user's pipes are at their limit; it works with narrow ones too
