# SPDX-License-Identifier: Apache-2.0
"""Programs that extensions of the image bring and the node keeps running.

```
          depends there      started            ended
 Waiting ──────────────► Starting ──► Running ────────► Waiting (1, 2, 4 … 30 s) or Finished
```
Each is a service `ext-NAME` whose output is its log. Nothing of it outlives machined for long: on
a board every program has a control group, which is emptied before it starts and when it ends.
"""

import asyncio
import errno
import os
import secrets
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from edge.node.boot.image import ImageInfo
from edge.node.durable import write_durably
from edge.node.log import logger
from edge.node.service import EXTENSION, Operations, Services, State
from edge.units import format_duration, parse_duration

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
HEALTHY_AFTER_S = 60.0
GRACE_S = 5.0
LOOK_S = 1.0
GONE_S = 0.02
GONE_WITHIN_S = 2.0
LINE_BYTES = 64 * 1024
CGROUPS = "sys/fs/cgroup"
_WRITABLE = ("run", "var")
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin", "HOME": "/", "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDefinition:
    """A program as the image describes it."""

    name: str
    program: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    restart: str = "always"
    every_s: float | None = None
    depends: tuple[str, ...] = ()
    finds: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    keeps: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return the name of the service."""
        return f"{EXTENSION}{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the machine configuration adds: variables, and files by their path."""

    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_services(image: ImageInfo) -> list[ServiceDefinition]:
    """Return the programs that the image's extensions want kept running."""
    return [
        _definition(service)
        for extension in image.extensions
        for service in extension.get("services", ())
    ]


def _definition(fields: Mapping[str, Any]) -> ServiceDefinition:
    every = fields.get("every")
    return ServiceDefinition(
        name=fields["name"],
        program=fields["program"],
        arguments=tuple(fields.get("arguments", ())),
        environment=dict(fields.get("environment", {})),
        restart=fields.get("restart", "always"),
        every_s=parse_duration(every) if every else None,
        depends=tuple(fields.get("depends", ())),
        finds=dict(fields.get("finds", {})),
        folders=tuple(fields.get("folders", ())),
        keeps={each["path"]: each["text"] for each in fields.get("keeps", ())},
    )


class Keeper:
    """Keeps one program running, below `root`; `cgroups` is where control groups are, if any."""

    def __init__(
        self,
        definition: ServiceDefinition,
        services: Services,
        *,
        root: Path = Path("/"),
        cgroups: Path | None = None,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._definition = definition
        self._services = services
        self._root = root
        self._group = cgroups / definition.id if cgroups else None
        self._first_pause_s = first_pause_s
        self._settings = Settings()
        self._task: asyncio.Task[None] | None = None
        self._is_stopped = False
        self._is_closed = False
        # Operators, the configuration and the end of the node ask at the same time.
        self._lock = asyncio.Lock()
        self._log = logger(definition.id)
        services.offer(
            definition.id, Operations(start=self._start, stop=self._stop, restart=self.restart)
        )

    async def keep(self, settings: Settings) -> None:
        """Start the program unless an operator stopped it; anew where its settings changed."""
        async with self._lock:
            if self._task and settings == self._settings:
                return
            self._settings = settings
            if not self._is_stopped:
                await self._end_task()
                self._start_task()

    async def close(self) -> None:
        """End the program for good: whoever is starting it or asks for it later gets none."""
        self._is_closed = True
        async with self._lock:
            await self._end_task()

    async def restart(self) -> None:
        """End the program, if it runs, and start it."""
        async with self._lock:
            await self._end_task()
            self._start_task()

    async def clear(self) -> None:
        """End what an earlier machined left running."""
        async with self._lock:
            if self._task is None:
                await self._empty_group()

    async def _start(self) -> None:
        async with self._lock:
            self._start_task()

    async def _stop(self) -> None:
        async with self._lock:
            self._is_stopped = True
            await self._end_task()
            self._enter(State.FINISHED, "Stopped by an operator")

    def _start_task(self) -> None:
        self._is_stopped = False
        if not self._is_closed and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name=self._definition.id)

    async def _end_task(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _run(self) -> None:
        loop, pause_s = asyncio.get_running_loop(), self._first_pause_s
        while True:
            await self._prepare()
            started, code = loop.time(), await self._run_once()
            if loop.time() - started >= HEALTHY_AFTER_S:
                pause_s = self._first_pause_s
            said = f"Ended with code {code}" if code >= 0 else f"Ended by signal {-code}"
            definition = self._definition
            if definition.every_s:
                state = State.FAILED if code else State.FINISHED
                again = format_duration(definition.every_s)
                self._enter(state, f"{said}; runs again in {again}")
                await asyncio.sleep(definition.every_s)
                continue
            if definition.restart == "never" or (definition.restart == "on-failure" and not code):
                self._enter(State.FAILED if code else State.FINISHED, said)
                return
            self._enter(State.WAITING, f"{said}; starts again in {pause_s:.0f} s")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _prepare(self) -> None:
        """Wait for what the program depends on, and make what it needs."""
        told, is_made = "", False
        while True:
            missing = "" if is_made else self._make()
            is_made = not missing
            missing = missing or self._missing()
            if not missing:
                return
            if missing != told:
                self._enter(State.WAITING, missing)
                told = missing
            await asyncio.sleep(LOOK_S)

    def _make(self) -> str:
        """Make folders and files, and return what stands in the way."""
        try:
            for folder in self._definition.folders:
                self._place(folder).mkdir(parents=True, exist_ok=True)
            for path, text in self._definition.keeps.items():
                # An empty one is what a power cut may have left.
                if not (self._place(path).exists() and self._place(path).stat().st_size):
                    self._write(path, text.replace("{random}", secrets.token_hex(6)))
            for path, text in self._settings.files.items():
                self._write(path, text)
        except OSError as error:
            # /var is not there yet, or full.
            return f"Waiting for {error.filename}: {error.strerror}"
        return ""

    def _missing(self) -> str:
        waited = [path for path in self._definition.depends if not self._place(path).exists()]
        waited += [
            pattern for pattern in self._definition.finds.values() if not self._find(pattern)
        ]
        return f"Waiting for {', '.join(waited)}" if waited else ""

    def _arguments(self) -> list[str]:
        arguments = list(self._definition.arguments)
        for word, pattern in self._definition.finds.items():
            found = self._find(pattern)
            arguments = [each.replace(f"{{{word}}}", found) for each in arguments]
        return arguments

    def _find(self, pattern: str) -> str:
        """Return the first path that matches, as the program sees it, or nothing."""
        found = sorted(self._root.glob(pattern.lstrip("/") or "."))
        return f"/{found[0].relative_to(self._root)}" if found else ""

    def _write(self, path: str, text: str) -> None:
        place = self._place(path)
        folder = place.parent.resolve()
        if not any(folder.is_relative_to((self._root / each).resolve()) for each in _WRITABLE):
            raise PermissionError(errno.EPERM, "it leads out of /run and /var", path)
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(place, text.encode())

    async def _run_once(self) -> int:
        """Run the program until it ends and return its exit code, negative for a signal."""
        definition = self._definition
        self._enter(State.STARTING, f"Starting {definition.program}")
        await self._empty_group()
        group = self._open_group()
        try:
            process = await asyncio.create_subprocess_exec(
                str(self._place(definition.program)),
                *self._arguments(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**_ENVIRONMENT, **definition.environment, **self._settings.environment},
                cwd="/",
                limit=LINE_BYTES,
                start_new_session=True,
                # Before it is the program: what that starts in its first moment is in the group.
                preexec_fn=partial(_join_group, group),
            )
        except (OSError, ValueError) as error:
            # A variable may have a name that is none.
            reason = getattr(error, "strerror", None) or error
            self._log.warning("cannot start %s: %s", definition.program, reason)
            return 127
        finally:
            if group is not None:
                os.close(group)
        try:
            self._enter(State.RUNNING, f"Started with process {process.pid}")
            reading = asyncio.create_task(self._read(process.stdout))
            code = await process.wait()
            # What it left behind may keep its output open.
            await asyncio.wait({reading}, timeout=LOOK_S)
            reading.cancel()
            return code
        finally:
            await self._end(process)

    async def _read(self, output: asyncio.StreamReader | None) -> None:
        assert output is not None
        while part := await _read_line(output):
            self._log.info("%s", part.decode(errors="replace").rstrip("\r\n"))

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """End what of it still runs: politely first."""
        if process.returncode is None:
            self._enter(State.STOPPING, "Ending")
            _signal_all(process.pid, signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE_S):
                    await process.wait()
        # Its children too: they may have stayed when it went.
        _signal_all(process.pid, signal.SIGKILL)
        await self._empty_group()
        await process.wait()

    def _open_group(self) -> int | None:
        """Make the program's control group and open what lists its processes."""
        if self._group:
            with suppress(OSError):
                self._group.mkdir(exist_ok=True)
                return os.open(self._group / "cgroup.procs", os.O_WRONLY)
        return None

    async def _empty_group(self) -> None:
        """End whatever is in the program's control group, such as what a crash left there."""
        if not (self._group and self._group.is_dir()):
            return
        with suppress(OSError, TimeoutError):
            (self._group / "cgroup.kill").write_text("1")
            # The kernel ends them one by one and tells nobody; then what they hold is free.
            async with asyncio.timeout(GONE_WITHIN_S):
                while "populated 1" in (self._group / "cgroup.events").read_text():  # noqa: ASYNC110
                    await asyncio.sleep(GONE_S)

    def _place(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def _enter(self, state: State, message: str) -> None:
        self._services.enter(self._definition.id, state, message)


async def _read_line(output: asyncio.StreamReader) -> bytes:
    try:
        return await output.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        # A line without an end is told in pieces.
        return await output.readexactly(error.consumed or LINE_BYTES)


def _join_group(group: int | None) -> None:
    """Put the process itself into the control group that is open as `group`."""
    if group is not None:
        with suppress(OSError):
            os.write(group, b"0")


def _signal_all(leader: int, number: signal.Signals) -> None:
    """Send a signal to the session that a program leads."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
