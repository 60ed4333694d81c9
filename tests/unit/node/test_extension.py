# SPDX-License-Identifier: Apache-2.0
"""Programs of extensions, as real children below a root of their own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.config.generate import Generated
from edge.config.load import read
from edge.node.boot.image import ImageInfo
from edge.node.configuration import Configuration, parse_configuration
from edge.node.control.extension import ExtensionServiceController, _writable, read_settings
from edge.node.control.security import SystemStateController
from edge.node.durable import write_durably
from edge.node.extension import Keeper, ServiceDefinition, Settings, read_services
from edge.node.log import LogBook
from edge.node.machine import Machine, Stage
from edge.node.resource import kind
from edge.node.service import State
from tests.fakes.node import FakePlatform

DEADLINE_S = 60.0
SLEEPER = """
import os, sys, time
print("here", os.environ.get("COLOUR", "plain"), *sys.argv[1:], flush=True)
while True:
    time.sleep(0.05)
"""
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""

NewKeeper = Callable[..., Keeper]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "usr/bin").mkdir(parents=True)
    return folder


@pytest.fixture
async def machine(
    new_machine: Callable[[], Machine], entered: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    machine = new_machine()
    enter = machine.services.enter

    def enter_and_tell(*arguments: Any) -> None:
        enter(*arguments)
        entered.set()

    monkeypatch.setattr(machine.services, "enter", enter_and_tell)
    return machine


@pytest.fixture
async def entered() -> asyncio.Event:
    """Set whenever a service enters a state."""
    return asyncio.Event()


Until = Callable[..., Awaitable[None]]


@pytest.fixture
def until(machine: Machine, entered: asyncio.Event) -> Until:
    """What waits until the service entered a state so many times."""

    async def wait(state: State, *, times: int = 1) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while states(machine).count(state) < times:
                entered.clear()
                await entered.wait()

    return wait


@pytest.fixture
async def new_keeper(machine: Machine, root: Path) -> AsyncIterator[NewKeeper]:
    """What makes a keeper of a program; it is ended with the test."""
    made: list[Keeper] = []

    def make(**fields: Any) -> Keeper:
        fields = {"name": "tool", "program": "usr/bin/tool", **fields}
        keeper = Keeper(
            ServiceDefinition(**fields), machine.services, root=root, first_pause_s=0.01
        )
        made.append(keeper)
        return keeper

    yield make
    await asyncio.gather(*(each.close() for each in made))


def write_program(root: Path, text: str, name: str = "tool") -> None:
    path = root / "usr/bin" / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)


def moments(machine: Machine, name: str = "ext-tool") -> list[tuple[State, str]]:
    service = machine.services.find(name)
    return [(each.state, each.message) for each in service.moments] if service else []


def states(machine: Machine, name: str = "ext-tool") -> list[State]:
    return [state for state, _ in moments(machine, name)]


async def lines(logs: LogBook, name: str = "ext-tool") -> AsyncIterator[str]:
    async for line in logs.open(name).read(follow=True):
        yield line


async def first_line(logs: LogBook, with_text: str) -> str:
    async with asyncio.timeout(DEADLINE_S):
        async for line in lines(logs):
            if with_text in line:
                return line
    raise AssertionError


async def test_a_program_runs_and_its_output_is_its_log(
    machine: Machine, logs: LogBook, root: Path, new_keeper: NewKeeper, until: Until
) -> None:
    """Arguments and variables reach it; what it prints is the log of its service."""
    write_program(root, SLEEPER)
    await new_keeper(arguments=("-v",), environment={"COLOUR": "red"}).keep(Settings())
    assert "here red -v" in await first_line(logs, "here")
    await until(State.RUNNING)


async def test_operators_stop_start_and_restart_it(
    machine: Machine, logs: LogBook, root: Path, new_keeper: NewKeeper, until: Until
) -> None:
    """The calls of the API work, and a stopped one stays stopped when settings change."""
    write_program(root, SLEEPER)
    keeper = new_keeper()
    await keeper.keep(Settings())
    await until(State.RUNNING)
    operations = machine.services.operations("ext-tool")
    assert operations.start
    assert operations.stop
    assert operations.restart
    await operations.stop()
    assert moments(machine)[-1] == (State.FINISHED, "Stopped by an operator")
    await keeper.keep(Settings(environment={"COLOUR": "blue"}))
    assert states(machine)[-1] is State.FINISHED
    await operations.start()
    assert "blue" in await first_line(logs, "here blue")
    await operations.restart()
    await until(State.RUNNING, times=3)


async def test_other_settings_start_it_anew(
    machine: Machine, logs: LogBook, root: Path, new_keeper: NewKeeper, until: Until
) -> None:
    """Variables and files of the configuration arrive; the same ones again change nothing."""
    write_program(root, SLEEPER)
    keeper = new_keeper()
    settings = Settings(environment={"COLOUR": "green"}, files={"/run/tool.conf": "a = 1\n"})
    await keeper.keep(Settings())
    await until(State.RUNNING)
    await keeper.keep(settings)
    await until(State.RUNNING, times=2)
    await keeper.keep(settings)
    assert states(machine).count(State.RUNNING) == 2
    assert (root / "run/tool.conf").read_text() == "a = 1\n"
    assert (root / "run/tool.conf").stat().st_mode & 0o777 == 0o600


async def test_a_program_that_ends_comes_back_after_growing_pauses(
    machine: Machine, root: Path, new_keeper: NewKeeper, until: Until
) -> None:
    """A crash is told with its code, and the next start is put off further each time."""
    write_program(root, "raise SystemExit(3)")
    await new_keeper().keep(Settings())
    await until(State.RUNNING, times=3)
    waits = [text for state, text in moments(machine) if state is State.WAITING]
    assert waits[0] == "Ended with code 3; starts again in 0 s"


async def test_a_program_that_cannot_be_started_is_no_fault_of_the_node(
    machine: Machine, logs: LogBook, new_keeper: NewKeeper, until: Until
) -> None:
    """What is missing is told in its log, and it is tried again."""
    await new_keeper().keep(Settings())
    await until(State.WAITING, times=2)
    assert "No such file" in await first_line(logs, "cannot start")


async def test_variables_that_are_none_are_no_fault_of_the_node(
    machine: Machine, logs: LogBook, root: Path, new_keeper: NewKeeper, until: Until
) -> None:
    """They come from the configuration; with better ones the program starts."""
    write_program(root, SLEEPER)
    keeper = new_keeper()
    await keeper.keep(Settings(environment={"A": "a\0b"}))
    assert "null byte" in await first_line(logs, "cannot start")
    await keeper.keep(Settings())
    await until(State.RUNNING)


@pytest.mark.parametrize(
    ("restart", "code", "state"),
    [
        ("never", 0, State.FINISHED),
        ("never", 1, State.FAILED),
        ("on-failure", 0, State.FINISHED),
    ],
)
async def test_some_programs_run_once(
    machine: Machine,
    root: Path,
    new_keeper: NewKeeper,
    restart: str,
    code: int,
    state: State,
    until: Until,
) -> None:
    """The policy says whether one that ended comes back."""
    write_program(root, f"raise SystemExit({code})")
    await new_keeper(restart=restart).keep(Settings())
    await until(state)
    assert State.WAITING not in states(machine)


async def test_a_program_can_run_every_so_often(
    machine: Machine, root: Path, new_keeper: NewKeeper, until: Until
) -> None:
    """Between its runs it is finished, and it says when the next one is."""
    write_program(root, "print('done')")
    await new_keeper(every_s=0.05).keep(Settings())
    await until(State.FINISHED, times=2)
    assert "runs again in" in moments(machine)[-1][1] or states(machine)[-1] is not State.FINISHED


async def test_a_program_waits_for_what_it_depends_on(
    machine: Machine,
    root: Path,
    new_keeper: NewKeeper,
    monkeypatch: pytest.MonkeyPatch,
    until: Until,
) -> None:
    """It starts when the path is there, and says what it waits for until then."""
    monkeypatch.setattr("edge.node.extension.LOOK_S", 0.02)
    write_program(root, SLEEPER)
    await new_keeper(depends=("/dev/port",)).keep(Settings())
    await until(State.WAITING)
    assert moments(machine)[-1] == (State.WAITING, "Waiting for /dev/port")
    (root / "dev").mkdir()
    (root / "dev/port").touch()
    await until(State.RUNNING)


async def test_a_program_is_told_what_was_found(
    machine: Machine,
    logs: LogBook,
    root: Path,
    new_keeper: NewKeeper,
    until: Until,
    monkeypatch: Any,
) -> None:
    """Hardware whose number nobody knows beforehand; of several the first."""
    monkeypatch.setattr("edge.node.extension.LOOK_S", 0.02)
    write_program(root, SLEEPER)
    await new_keeper(finds={"port": "/dev/vport*p1"}, arguments=("--path={port}",)).keep(Settings())
    await until(State.WAITING)
    assert moments(machine)[-1] == (State.WAITING, "Waiting for /dev/vport*p1")
    (root / "dev").mkdir()
    (root / "dev/vport3p1").touch()
    assert "--path=/dev/vport3p1" in await first_line(logs, "here")


async def test_what_a_program_keeps_is_made_once(
    machine: Machine, root: Path, new_keeper: NewKeeper, until: Until
) -> None:
    """Folders and first files are there before it starts; a file that is there stays."""
    write_program(root, SLEEPER)
    keeper = new_keeper(
        folders=("/run/lock/tool",), keeps={"/var/lib/tool/name": "Name=node:{random}\n"}
    )
    await keeper.keep(Settings())
    await until(State.RUNNING)
    name = (root / "var/lib/tool/name").read_text()
    assert len(name.removeprefix("Name=node:").strip()) == 12
    assert (root / "run/lock/tool").is_dir()
    await keeper.restart()
    await until(State.RUNNING, times=2)
    assert (root / "var/lib/tool/name").read_text() == name


SLOW_TO_END = """
import signal, sys, time
def end(*_):
    print("ending", flush=True)
    time.sleep(0.2)
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("here", flush=True)
while True:
    time.sleep(0.05)
"""


async def test_a_closed_keeper_starts_nothing_more(
    machine: Machine, logs: LogBook, root: Path, new_keeper: NewKeeper
) -> None:
    """Closing waits for a restart under way, which then starts nothing; nor does a later one."""
    write_program(root, SLOW_TO_END)
    keeper = new_keeper()
    await keeper.keep(Settings())
    await first_line(logs, "here")
    restart = asyncio.create_task(keeper.restart())
    await first_line(logs, "ending")
    await keeper.close()
    assert states(machine)[-1] is State.STOPPING
    assert states(machine).count(State.RUNNING) == 1
    await restart
    await keeper.keep(Settings(environment={"COLOUR": "blue"}))
    start = machine.services.operations("ext-tool").start
    assert start
    await start()
    await keeper.restart()
    await asyncio.sleep(0)
    assert states(machine)[-1] is State.STOPPING


async def test_files_are_written_once_and_only_where_they_differ(
    machine: Machine, root: Path, new_keeper: NewKeeper, until: Until, monkeypatch: Any
) -> None:
    """Waiting for hardware wears out no card, and an empty kept file is made anew."""
    monkeypatch.setattr("edge.node.extension.LOOK_S", 0.01)
    written: list[str] = []

    def write(path: Path, content: bytes) -> None:
        written.append(path.name)
        write_durably(path, content)

    monkeypatch.setattr("edge.node.extension.write_durably", write)
    write_program(root, SLEEPER)
    (root / "var").mkdir()
    (root / "var/kept").touch()
    await new_keeper(depends=("/dev/port",), keeps={"/var/kept": "a"}).keep(
        Settings(files={"/var/tool.conf": "b"})
    )
    await until(State.WAITING)
    for _ in range(5):
        await asyncio.sleep(0.02)
    (root / "dev").mkdir()
    (root / "dev/port").touch()
    await until(State.RUNNING)
    assert written == ["kept", "tool.conf"]
    assert (root / "var/kept").read_text() == "a"


async def test_files_go_through_no_link_out(
    machine: Machine, root: Path, new_keeper: NewKeeper, until: Until
) -> None:
    """What a program laid out below /var leads nothing of the configuration elsewhere."""
    write_program(root, SLEEPER)
    (root / "etc").mkdir()
    (root / "var").mkdir()
    (root / "var/out").symlink_to("../etc")
    await new_keeper().keep(Settings(files={"/var/out/deep/evil": "x"}))
    await until(State.WAITING)
    assert moments(machine)[-1][1] == (
        "Waiting for /var/out/deep/evil: it leads out of /run and /var"
    )
    assert not list((root / "etc").iterdir())


async def test_a_program_joins_its_control_group_before_it_is_one(
    machine: Machine, logs: LogBook, root: Path, tmp_path: Path, until: Until
) -> None:
    """It starts when the group is empty of what ran before, and finds itself a member."""
    group = tmp_path / "groups/ext-tool"
    group.mkdir(parents=True)
    (group / "cgroup.procs").touch()
    (group / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    write_program(root, f"print('found', open({str(group / 'cgroup.procs')!r}).read(), flush=True)")
    definition = ServiceDefinition(name="tool", program="usr/bin/tool", restart="never")
    keeper = Keeper(definition, machine.services, root=root, cgroups=group.parent)
    await keeper.keep(Settings())
    await until(State.STARTING)
    await asyncio.sleep(0.05)
    assert State.RUNNING not in states(machine)
    (group / "cgroup.events").write_text("populated 0\nfrozen 0\n")
    assert await first_line(logs, "found 0")
    await keeper.close()


async def test_children_of_a_program_end_with_it(
    machine: Machine, logs: LogBook, root: Path, new_keeper: NewKeeper
) -> None:
    """Nothing that it started keeps a volume busy."""
    write_program(root, PARENT)
    keeper = new_keeper()
    await keeper.keep(Settings())
    child = int((await first_line(logs, "child")).split()[-1])
    has_ended = ending_of(child)
    await keeper.close()
    async with asyncio.timeout(DEADLINE_S):
        await has_ended


async def test_a_program_that_ignores_the_request_is_ended(
    machine: Machine, logs: LogBook, root: Path, new_keeper: NewKeeper, monkeypatch: Any
) -> None:
    """After its grace it is ended by force."""
    monkeypatch.setattr("edge.node.extension.GRACE_S", 0.05)
    ignoring = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    write_program(root, ignoring + SLEEPER)
    keeper = new_keeper()
    await keeper.keep(Settings())
    await first_line(logs, "here")
    async with asyncio.timeout(DEADLINE_S):
        await keeper.close()
    assert states(machine)[-1] is State.STOPPING


async def test_a_line_without_an_end_is_told_in_pieces(
    machine: Machine, logs: LogBook, root: Path, new_keeper: NewKeeper
) -> None:
    """A program cannot fill the node's memory, nor stop its own log."""
    write_program(root, "print('x' * 300_000)\nprint('after', flush=True)\n" + SLEEPER)
    await new_keeper().keep(Settings())
    assert await first_line(logs, "after")


def image_with(*services: dict[str, Any]) -> ImageInfo:
    extension: dict[str, Any] = {
        "name": "kit",
        "version": "1.2",
        "author": "us",
        "description": "A kit.",
    }
    extension["packages"] = {"kit": "1.2-3", "libkit1": "1.2-3"}
    schematic = {"name": "schematic", "version": "ab" * 32}
    return ImageInfo(
        version="1",
        board="rpi4",
        arch="arm64",
        build_time=0.0,
        extensions=({**extension, "services": list(services)}, schematic),
    )


def test_the_image_says_what_is_run() -> None:
    """The entry of an extension holds its services as the builder wrote them."""
    [found] = read_services(
        image_with(
            {
                "name": "tool",
                "program": "usr/bin/tool",
                "every": "2h",
                "keeps": [{"path": "/var/a", "text": "b"}],
            }
        )
    )
    assert (found.id, found.every_s, found.keeps) == ("ext-tool", 7200.0, {"/var/a": "b"})


def test_settings_come_from_the_configuration() -> None:
    """ExtensionServiceConfig names the service without its prefix, as upstream does."""
    text = """
apiVersion: v1alpha1
kind: ExtensionServiceConfig
name: tool
environment: [COLOUR=red, EMPTY=]
configFiles:
  - content: "secret"
    mountPath: /run/tool.conf
"""
    [(name, settings)] = read_settings(text).items()
    assert name == "tool"
    assert settings.environment == {"COLOUR": "red", "EMPTY": ""}
    assert settings.files == {"/run/tool.conf": "secret"}
    assert "secret" not in repr(settings)


async def test_a_board_runs_them_once_it_is_configured(
    platform: FakePlatform,
    machine: Machine,
    configuration: Configuration,
    generated: Generated,
    root: Path,
    until: Until,
) -> None:
    """Not in maintenance; a file that cannot be written on a node is told, the rest counts."""
    platform.mode, platform.root = "metal", root
    platform.image = image_with({"name": "tool", "program": "usr/bin/tool"})
    write_program(root, SLEEPER)
    controller = ExtensionServiceController(machine)
    await controller.reconcile()
    assert not states(machine)
    document = (
        "---\napiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: tool\n"
        "environment: [COLOUR=red]\nconfigFiles: [{content: x, mountPath: /etc/tool}]\n"
    )
    machine.active = replace(
        parse_configuration((generated.worker + document).encode()), warnings=()
    )
    machine.stage = Stage.RUNNING
    await controller.reconcile()
    await until(State.RUNNING)
    message = machine.store.spec(kind.DIAGNOSTIC, "ext-tool")["message"]
    assert "must lie below /run or /var: /etc/tool" in message
    assert not (root / "etc/tool").exists()
    await controller.close()
    assert machine.services.all_healthy()


@pytest.mark.parametrize("path", ["/var/../etc/evil", "/var//tool", "/run/", "/var/./a", "run/a"])
async def test_only_plain_paths_are_written(
    machine: Machine, platform: FakePlatform, root: Path, path: str
) -> None:
    """The configuration is refused with the field, and a node that has it all the same is safe."""
    text = (
        "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: tool\n"
        f"configFiles: [{{content: x, mountPath: {path!r}}}]\n"
    )
    _, faults = read(text, source="x")
    assert any("mountPath" in str(each) and "absolute path" in str(each) for each in faults)
    assert not _writable(Settings(files={path: "x"})).files


async def test_a_lab_node_runs_nothing(
    platform: FakePlatform, machine: Machine, configuration: Configuration, root: Path
) -> None:
    """It is a process on somebody's machine: what the image brings is listed, not started."""
    platform.mode, platform.root = "container", root
    platform.image = image_with({"name": "tool", "program": "usr/bin/tool"})
    machine.active, machine.stage = configuration, Stage.RUNNING
    controller = ExtensionServiceController(machine)
    await controller.reconcile()
    assert machine.services.find("ext-tool") is None
    await SystemStateController(machine).reconcile()
    found = {each.id: each.spec for each in machine.store.of_kind(kind.EXTENSION_STATUS)}
    assert found["kit"]["metadata"] == {
        "name": "kit",
        "version": "1.2",
        "author": "us",
        "description": "A kit.",
        "extraInfo": "kit 1.2-3\nlibkit1 1.2-3",
    }
    assert found["schematic"]["metadata"]["version"] == "ab" * 32


def ending_of(pid: int) -> asyncio.Future[None]:
    """Return what is done when the process, which runs now, has ended."""
    loop, handle = asyncio.get_running_loop(), os.pidfd_open(pid)
    ended = loop.create_future()

    def tell() -> None:
        loop.remove_reader(handle)
        os.close(handle)
        ended.set_result(None)

    loop.add_reader(handle, tell)
    return ended
