# SPDX-License-Identifier: Apache-2.0
"""The demonstration on an emulated board: the image a user would flash, on a real block device."""

import asyncio
import os
import subprocess
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from boards.profile import Profile
from edge.errors import NodeError
from edge.events import Event, Listener, Noted
from edge.provision.console import (
    Aim,
    Stage,
    StageDetector,
    StagePassed,
    follow_async,
    open_console,
)
from edge.provision.demo.bench import Written, make_folder
from edge.provision.emulator import VirtualBoard, check_emulator, choose_emulator
from edge.provision.network import check_private_network, enter_private_network, private_network
from edge.units import GIB
from flasher.card import CardSpec
from flasher.plan import FlashOptions, prepare
from flasher.record import CardRecords
from flasher.stock import stock_image
from flasher.write import flash

DISK_BYTES = 4 * GIB
BOOT_DEADLINE_S = 240.0
SLOW_BOOT_DEADLINE_S = 480.0
"""Of a machine whose processors share one thread of the host."""
_ENDS = (Stage.MAINTENANCE, Stage.RUNNING)


class EmulatedBench:
    """A board of the given profile in QEMU, in a network namespace of its own."""

    def __init__(
        self, profile: Profile, folder: Path, records: CardRecords, *, emulator: str | None = None
    ) -> None:
        """Check that the emulator is there before anything is built.

        Raises:
            BoardError: when the board has none, or none of that name.
            ToolError: when something that it needs is not installed.
        """
        self.emulator = check_emulator(choose_emulator(profile, emulator))
        check_private_network()
        self.title = f"{profile.title}, emulated by {self.emulator.name}"
        self._profile = profile
        self._folder = make_folder(folder)
        self._records = records
        self._stack = ExitStack()
        self._board: VirtualBoard | None = None
        self._console: asyncio.Task[object] | None = None
        self._detector = StageDetector()

    @property
    def deadline_s(self) -> float:
        """Return how long a boot may take."""
        return SLOW_BOOT_DEADLINE_S if self.emulator.threads == "single" else BOOT_DEADLINE_S

    @property
    def disk(self) -> Path:
        """Return the card as a file."""
        return self._folder / "card.img"

    @property
    def other_port(self) -> str:
        """Return what came out of the machine's second serial port, if it has one."""
        return self._board.other_port if self._board else ""

    def prepare(self, listener: Listener, spec: CardSpec | None = None) -> Written:
        """Build the board's image and flash it to a card, with what `spec` wants on it."""
        image = stock_image(self._profile, listener=listener)
        with _card(self.disk) as card:
            listener(Noted(text=f"card: {card}"))
            options = FlashOptions(size_bytes=None if card.is_block_device() else DISK_BYTES)
            plan = prepare(image, card, options, card=spec, listener=listener)
            report = flash(plan, records=self._records, listener=listener)
        return Written(fingerprint=report.fingerprint or "", enrolment_id=report.enrolment_id or "")

    def open(self, *, dhcp: bool = True) -> None:
        """Enter a network namespace with one wire to the board."""
        enter_private_network()
        network = self._stack.enter_context(private_network(dhcp=dhcp))
        self._board = VirtualBoard(self._profile, self.emulator, self.disk, link=network.link)
        self._stack.callback(self._board.close)

    async def power_on(self, listener: Listener) -> str:
        """Switch on and follow the console until the node says where it has come to."""
        return str((await self.boot(listener)).stage)

    async def boot(self, listener: Listener, until: Collection[Stage] = _ENDS) -> StagePassed:
        """Switch on and return the first stage of `until` that passes.

        The console is followed until the power is cut, because a board whose console nobody
        reads stands still.

        Raises:
            NodeError: when none passes in time.
        """
        assert self._board, "open comes before boot"
        port = self._board.plug_in()
        passed: asyncio.Future[StagePassed] = asyncio.get_running_loop().create_future()

        def hear(event: Event) -> None:
            if not isinstance(event, StagePassed):
                return
            listener(Noted(text=f"{event.stage}: {event.text}"))
            if event.stage in until and not passed.done():
                passed.set_result(event)

        console = open_console(port)
        self._console = asyncio.create_task(
            follow_async(
                console,
                hear,
                Aim(log_path=self._folder / "console.log"),
                detector=self._detector,
            )
        )
        await asyncio.to_thread(self._board.switch_on)
        try:
            return await asyncio.wait_for(passed, self.deadline_s)
        except TimeoutError as error:
            raise NodeError(
                f"the board did not come up in {self.deadline_s:.0f} s",
                hint=f"read {self._folder / 'console.log'}",
            ) from error

    async def cut_power(self) -> None:
        """Kill the emulator; its console ends with it."""
        assert self._board, "open comes before cut_power"
        if self._console:
            self._console.cancel()
            await asyncio.gather(self._console, return_exceptions=True)
        await asyncio.to_thread(self._board.cut_power)

    def close(self) -> None:
        """Cut the power and leave the network."""
        self._stack.close()


@contextmanager
def _card(file: Path) -> Iterator[Path]:
    """Give a block device backed by `file` where root allows it, else the file itself."""
    if os.geteuid() != 0:
        yield file
        return
    with file.open("wb") as card:
        card.truncate(DISK_BYTES)
    device = _attach(file)
    if device is None:
        file.unlink()
        yield file
        return
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", str(device)], check=False)


def _attach(file: Path) -> Path | None:
    command = ["losetup", "--find", "--show", "--direct-io=on", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return Path(result.stdout.strip()) if result.returncode == 0 else None
