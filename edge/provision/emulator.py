# SPDX-License-Identifier: Apache-2.0
"""A virtual board: QEMU booting the very disk that the flasher wrote.

Software emulation is always used: KVM may be present on a virtual host and still be unusable.
"""

import shutil
import socket
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from boards.profile import Emulator as EmulatorProfile
from boards.profile import Profile
from edge.errors import BoardError, ToolError

STOP_DEADLINE_S = 10.0
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
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = TemporaryDirectory(prefix="edgectl-qemu-")

    @property
    def console_url(self) -> str:
        """Return where the serial console is, for pyserial."""
        return f"socket://127.0.0.1:{self._port}"

    def switch_on(self) -> None:
        """Start the machine; it waits for somebody at the console before it runs.

        Raises:
            ToolError: when QEMU ends at once.
        """
        log = Path(self._folder.name, "qemu.log")
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            code = self._process.wait(timeout=0.3)
        except subprocess.TimeoutExpired:
            return
        raise ToolError(f"{self._machine.program} ended with {code}: {log.read_text().strip()}")

    def cut_power(self) -> None:
        """End the machine at once."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wait_off(self, timeout_s: float) -> bool:
        """Wait until the machine has switched itself off, and say whether it did."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            return False
        self._process = None
        return True

    def close(self) -> None:
        """Cut the power and forget temporary files."""
        self.cut_power()
        self._folder.cleanup()

    def _command(self) -> list[str]:
        machine = self._machine
        extra = [word for name in machine.extra_devices for word in ("-device", name)]
        return [
            machine.program,
            *("-accel", "tcg,thread=multi"),
            *("-M", machine.machine, "-cpu", machine.cpu),
            *("-smp", str(machine.smp), "-m", str(machine.memory_mib)),
            *self._firmware(),
            *("-drive", f"if=none,id=disk,format=raw,file={self._disk}"),
            *("-device", f"{machine.disk_device},drive=disk"),
            *("-netdev", f"tap,id=net,ifname={self._link},script=no,downscript=no"),
            *("-device", f"{machine.nic_device},netdev=net,mac={self._mac},romfile="),
            *extra,
            *("-chardev", f"socket,id=con,host=127.0.0.1,port={self._port},server=on,wait=on"),
            *("-serial", "chardev:con", "-display", "none", "-monitor", "none"),
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
