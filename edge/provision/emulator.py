# SPDX-License-Identifier: Apache-2.0
"""A virtual board: QEMU booting the very disk that the flasher wrote.

Software emulation is always used: KVM may be present on a virtual host and still be unusable.
"""

import contextlib
import re
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from boards.emulator import Emulator as EmulatorProfile
from boards.profile import Profile
from edge.errors import BoardError, ToolError

START_DEADLINE_S = 20.0
PORT_NOTICED_S = 1.5
_PORT = re.compile(r"char device redirected to (/dev/pts/\d+) \(label con\)")
_MAC = "52:54:00:ed:9e:{:02x}"


class VirtualBoard:
    """One machine, switched on and off as often as wanted; its disk stays."""

    def __init__(self, profile: Profile, disk: Path, *, link: str, number: int = 1) -> None:
        """Prepare a machine; `link` is the tap device that its network card is wired to.

        Raises:
            BoardError: when the profile has no emulator.
            ToolError: when QEMU or its firmware is not installed.
        """
        if profile.emulator is None:
            raise BoardError(f"board {profile.name} has no emulator")
        self._machine = check_emulator(profile.emulator)
        self._disk = disk
        self._link = link
        self._mac = _MAC.format(number)
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = TemporaryDirectory(prefix="edgectl-qemu-")

    def plug_in(self) -> str:
        """Start the emulator with its processors halted; return its serial port, a pseudo-terminal.

        The emulator ends with the thread that calls this, however that ends: call it from the
        main thread.

        Raises:
            ToolError: when QEMU ends at once or names no port.
        """
        log = Path(self._folder.name, "qemu.log")
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command(),
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
        raise ToolError(f"{self._machine.program} did not start: {log.read_text().strip()}")

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

    def _command(self) -> list[str]:
        machine = self._machine
        extra = [word for name in machine.extra_devices for word in ("-device", name)]
        return [
            *("setpriv", "--pdeathsig", "KILL", machine.program),
            *("-accel", "tcg,thread=multi"),
            *("-M", machine.machine, "-cpu", machine.cpu or "max"),
            *("-smp", str(machine.smp), "-m", str(machine.memory_mib)),
            *self._firmware(),
            *("-drive", f"if=none,id=disk,format=raw,file={self._disk}"),
            *("-device", f"{machine.disk_device},drive=disk"),
            *("-netdev", f"tap,id=net,ifname={self._link},script=no,downscript=no"),
            *("-device", f"{machine.nic_device},netdev=net,mac={self._mac},romfile="),
            *extra,
            *("-chardev", "pty,id=con", "-serial", "chardev:con"),
            *("-S", "-display", "none", "-monitor", "stdio"),
        ]

    def _firmware(self) -> list[str]:
        firmware = self._machine.firmware
        if firmware.bios:
            return ["-bios", firmware.bios]
        assert firmware.flash_code, "the profile model wants bios or a flash pair"
        assert firmware.flash_vars, "the profile model wants bios or a flash pair"
        variables = Path(self._folder.name, "vars.fd")
        if not variables.exists():
            shutil.copy(firmware.flash_vars, variables)
        return [
            *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={firmware.flash_code}"),
            *("-drive", f"if=pflash,format=raw,unit=1,file={variables}"),
        ]


def check_emulator(machine: EmulatorProfile) -> EmulatorProfile:
    """Return `machine` when what it needs is installed.

    Raises:
        ToolError: naming the package to install.
    """
    if shutil.which(machine.program) is None:
        raise ToolError(f"{machine.program} is missing", hint=f"sudo apt install {machine.package}")
    firmware = machine.firmware
    for path in filter(None, (firmware.bios, firmware.flash_code, firmware.flash_vars)):
        if not Path(path).exists():
            raise ToolError(f"{path} is missing", hint=f"sudo apt install {firmware.package}")
    return machine
