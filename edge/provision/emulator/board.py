# SPDX-License-Identifier: Apache-2.0
"""One virtual machine, switched on and off as often as wanted."""

import contextlib
import re
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from boards.emulator import Emulator
from boards.profile import Profile
from edge.errors import ToolError
from edge.provision.emulator.card import fit_card
from edge.provision.emulator.choice import check_emulator
from edge.provision.emulator.command import SD_SLOT, Wiring, command_line
from edge.provision.emulator.firmware import prepare_firmware

START_DEADLINE_S = 20.0
PORT_NOTICED_S = 1.5
_PORT = re.compile(r"char device redirected to (/dev/pts/\d+) \(label con\)")
_MAC = "52:54:00:ed:9e:{:02x}"


class VirtualBoard:
    """One machine; its disk stays when its power goes."""

    def __init__(
        self,
        profile: Profile,
        emulator: Emulator,
        disk: Path,
        *,
        link: str | None = None,
        number: int = 1,
    ) -> None:
        """Prepare a machine; `link` is the tap device that its network card is wired to.

        Raises:
            ToolError: when QEMU or its firmware is not installed.
        """
        self._emulator = check_emulator(emulator)
        self._folder = TemporaryDirectory(prefix="edgectl-qemu-")
        folder = Path(self._folder.name)
        self._wiring = Wiring(
            disk=fit_card(disk, folder) if emulator.disk_device == SD_SLOT else disk,
            link=link,
            mac=_MAC.format(number),
            console=profile.console.device,
            log_of_other_port=folder / "other-port.log",
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def other_port(self) -> str:
        """Return what came out of the machine's second serial port, if it has one."""
        log = self._wiring.log_of_other_port
        return log.read_text(errors="replace") if log.exists() else ""

    def plug_in(self) -> str:
        """Start the emulator with its processors halted; return its serial port, a pseudo-terminal.

        The emulator ends with the thread that calls this, however that ends: call it from the
        main thread.

        Raises:
            ImageError: when the disk does not hold what the machine starts with.
            ToolError: when QEMU ends at once or names no port.
        """
        folder = Path(self._folder.name)
        firmware = prepare_firmware(self._emulator, self._wiring.disk, folder)
        command = command_line(self._emulator, firmware, self._wiring)
        log = folder / "qemu.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            text = log.read_text(errors="replace")
            if found := _PORT.search(text):
                return found[1]
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise ToolError(f"{self._emulator.program} did not start: {log.read_text().strip()}")

    def switch_on(self) -> None:
        """Let the machine run, now that somebody listens at its serial port."""
        assert self._process, "plug_in comes before switch_on"
        assert self._process.stdin, "it was started with a pipe"
        # QEMU looks once a second whether the port has been opened, and drops output before.
        time.sleep(PORT_NOTICED_S)
        self._process.stdin.write(b"cont\n")
        self._process.stdin.flush()

    def cut_power(self) -> None:
        """End the machine at once."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._forget()

    def close(self) -> None:
        """Cut the power and forget temporary files."""
        self.cut_power()
        self._folder.cleanup()

    def _forget(self) -> None:
        if self._process and self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process = None
