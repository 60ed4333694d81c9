# SPDX-License-Identifier: Apache-2.0
"""Serial consoles that live in memory: a test says what is plugged in and what boards print."""

import threading
from collections import deque

from edge.errors import EdgeError
from edge.events import Event
from edge.provision.console import Adapter
from tui.console import BoardConsole, Line, Opened, Recording
from tui.reading import Reading

FTDI = Adapter(
    device="/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0",
    name="FTDI FT232R",
    port="/dev/ttyUSB0",
)
PROBE = Adapter(
    device="/dev/serial/by-id/usb-Raspberry_Pi_Debug_Probe_E661-if01",
    name="Raspberry Pi Debug Probe",
    port="/dev/ttyACM0",
)
BOARDS = (
    BoardConsole(
        board="rpi4",
        title="Raspberry Pi 4B / 400 / CM4",
        baud=115200,
        connect="header pins 8 (TX), 10 (RX), 6 (GND), 3.3 V",
    ),
    BoardConsole(board="rock5b", title="Radxa Rock 5B", baud=1500000, connect="header pins 8/10/6"),
)


class FakeConsoles:
    """Has adapters, and tells whoever follows one what a test says."""

    def __init__(self, *adapters: Adapter) -> None:
        self.plugged = list(adapters)
        self.refusal: Exception | None = None
        self.fault: EdgeError | None = None
        self.now_s = 100.0
        self.opened: list[Line] = []
        self.open_now = 0
        self.closed = threading.Event()
        self._script: deque[Event] = deque()
        self._news = threading.Event()

    def clock(self) -> float:
        """Return a time that stands still until a test moves it."""
        return self.now_s

    def adapters(self) -> tuple[Adapter, ...]:
        """Return what is plugged in."""
        if self.fault:
            raise self.fault
        return tuple(self.plugged)

    def boards(self) -> tuple[BoardConsole, ...]:
        """Return two boards of different speed."""
        return BOARDS

    def say(self, *events: Event) -> None:
        """Have whoever reads be told."""
        self._script.extend(events)
        self._news.set()

    def follow(self, line: Line, reading: Reading) -> None:
        """Tell what the test says until halted; a log is only said to be written."""
        if self.refusal:
            raise self.refusal
        self.opened.append(line)
        self.open_now += 1
        self.closed.clear()
        log_path = None
        reading.tell(Opened(name=line.port, started_s=self.now_s))
        while not reading.is_halted():
            if reading.log_path != log_path:
                log_path = reading.log_path
                reading.tell(Recording(path=log_path))
            while self._script:
                reading.tell(self._script.popleft())
            self._news.wait(0.01)
            self._news.clear()
        self.open_now -= 1
        self.closed.set()
