# SPDX-License-Identifier: Apache-2.0
"""Name the boot stages in the text of a serial console, in whatever pieces it arrives.

    firmware -> u-boot | uefi -> grub -> efi-stub -> kernel -> loader -> root -> init -> machined
        -> maintenance | running -> restarting -> restarted | powering-off -> powered-off

A board that starts again goes back to an earlier stage, which begins a new boot. Remarks
(`*-error`) are troubles a board may get over by itself; failures (`*-failed`) leave it stuck.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edge.events import Event

MAX_LINE_BYTES: Final = 1024
MAX_TEXT: Final = 200
MAX_REMARKS: Final = 8


class Stage(StrEnum):
    """How far a board has come, in boot order; then remarks and failures."""

    FIRMWARE = "firmware"
    U_BOOT = "u-boot"
    UEFI = "uefi"
    GRUB = "grub"
    EFI_STUB = "efi-stub"
    KERNEL = "kernel"
    LOADER = "loader"
    ROOT = "root"
    INIT = "init"
    MACHINED = "machined"
    MAINTENANCE = "maintenance"
    RUNNING = "running"
    FOREIGN = "foreign-system"
    """An operating system that is not ours came up."""
    RESTARTING = "restarting"
    RESTARTED = "restarted"
    POWERING_OFF = "powering-off"
    POWERED_OFF = "powered-off"

    FIRMWARE_ERROR = "firmware-error"
    U_BOOT_ERROR = "u-boot-error"
    UEFI_ERROR = "uefi-error"
    GRUB_ERROR = "grub-error"
    KERNEL_ERROR = "kernel-error"

    FIRMWARE_FAILED = "firmware-failed"
    U_BOOT_FAILED = "u-boot-failed"
    UEFI_FAILED = "uefi-failed"
    GRUB_FAILED = "grub-failed"
    KERNEL_FAILED = "kernel-failed"

    @property
    def is_failure(self) -> bool:
        """Say whether the board will not go on from here by itself."""
        return self.value.endswith("-failed")

    @property
    def is_remark(self) -> bool:
        """Say whether this is a trouble that the board may get over."""
        return self.value.endswith("-error")

    @property
    def is_end(self) -> bool:
        """Say whether a boot is over with this."""
        return self in _ENDS


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePassed(Event):
    """Boot number `boot` (from 1) reached `stage`; `text` is the console line that says so."""

    stage: Stage
    text: str
    boot: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """A line that marks a stage; `starts` when a boot prints it once, near its very beginning."""

    stage: Stage
    regex: re.Pattern[str]
    starts: bool = False


_ORDER: Final = (
    *(Stage.FIRMWARE, Stage.U_BOOT, Stage.UEFI, Stage.GRUB, Stage.EFI_STUB, Stage.KERNEL),
    *(Stage.LOADER, Stage.ROOT, Stage.INIT, Stage.MACHINED, Stage.MAINTENANCE, Stage.RUNNING),
)
_RANK: Final = {stage: rank for rank, stage in enumerate(_ORDER)} | {
    Stage.FOREIGN: len(_ORDER),
    # A node may become running after maintenance, and go back to it by a reset, in one boot.
    Stage.MAINTENANCE: _ORDER.index(Stage.MAINTENANCE),
    Stage.RUNNING: _ORDER.index(Stage.MAINTENANCE),
}
_ENDS: Final = (Stage.RESTARTING, Stage.RESTARTED, Stage.POWERING_OFF, Stage.POWERED_OFF)
# Said again with other words (an address that came, a reason), these are worth telling again.
_RETOLD: Final = frozenset({Stage.MAINTENANCE, Stage.RUNNING})

# Words that mean this only while that stage is the latest.
_ONLY_IN: Final = {Stage.GRUB_ERROR: Stage.GRUB}

# What boards print, from reference logs; each is searched for in a line without its time stamp.
_LINES: Final = (
    (Stage.LOADER, r"^edge: loader\b", False),
    (Stage.ROOT, r"^edge: root mounted\b", False),
    (Stage.INIT, r"^edge: init\b", False),
    (Stage.MACHINED, r"^edge: machined started\b", False),
    (Stage.MAINTENANCE, r"^edge: maintenance\b", False),
    (Stage.RUNNING, r"^edge: running\b", False),
    (Stage.RESTARTING, r"^edge: rebooting\b", False),
    (Stage.POWERING_OFF, r"^edge: powering off\b", False),
    (Stage.RESTARTED, r"^reboot: Restarting system", False),
    (Stage.POWERED_OFF, r"^reboot: (Power down|Power off not available|System halted)", False),
    (Stage.POWERED_OFF, r"^Power off not available: System halted", False),
    # Raspberry Pi: EEPROM, then start4.elf or, on the 5, the kernel directly
    (Stage.FIRMWARE, r"RPi: BOOTSYS release VERSION:", True),
    (Stage.FIRMWARE, r"RPi: BOOTLOADER release VERSION:", True),
    (Stage.FIRMWARE, r"^Boot mode: [A-Z0-9-]+ \(..\) order", False),
    (Stage.FIRMWARE, r"^Starting start4?\.elf @ 0x", False),
    (Stage.FIRMWARE, r"^MESS:\d\d:\d\d:\d\d\.\d+:0: (brfs: File read:|arm_loader: )", False),
    (Stage.FIRMWARE, r"\*\*\* Restart logging", False),
    (Stage.FIRMWARE, r"^NOTICE: +BL31: v", False),
    (Stage.FIRMWARE_ERROR, r"^(MESS:\S+ )?Failed to open device", False),
    (Stage.FIRMWARE_FAILED, r"^ERROR: .*(kernel|start4?\.elf|bootcode).* not found", False),
    # Jetson: boot ROM stages before UEFI
    (Stage.FIRMWARE, r"\[L4T TegraBoot\] \(version", True),
    (Stage.FIRMWARE, r"I> MB1 \(version:", True),
    (Stage.FIRMWARE, r"I> (MB2\b|Boot-mode : )", False),
    (Stage.FIRMWARE, r"Bootloader downloaded successfully\.", False),
    (Stage.FIRMWARE, r"CPU switching to normal world boot", False),
    # U-Boot
    (Stage.U_BOOT, r"^U-Boot SPL 20\d\d\.\d\d", True),
    (Stage.U_BOOT, r"^U-Boot 20\d\d\.\d\d", True),
    (Stage.U_BOOT, r"^\*\* Booting bootflow '.*' with ", False),
    (Stage.U_BOOT, r"^(Booting: mmc \d|Retrieving file: )", False),
    (Stage.U_BOOT, r"^Starting kernel \.\.\.", False),
    (Stage.U_BOOT_ERROR, r"ERROR: Did not find a cmdline Flattened Device Tree", False),
    (Stage.U_BOOT_ERROR, r"Boot failed \(err=", False),
    (Stage.U_BOOT_ERROR, r"EFI boot manager: Cannot load any image", False),
    (Stage.U_BOOT_FAILED, r"No more bootdevs", False),
    # PC BIOS in emulators
    (Stage.FIRMWARE, r"^SeaBIOS \(version", True),
    # UEFI: EDK2 and Jetson's
    (Stage.UEFI, r"UEFI firmware \(version", True),
    (Stage.UEFI, r"BdsDxe: (loading|starting) Boot[0-9A-F]{4}", False),
    (Stage.UEFI, r"L4TLauncher: ", False),
    (Stage.UEFI_ERROR, r"BdsDxe: failed to (load|start) Boot[0-9A-F]{4}", False),
    (
        Stage.UEFI_FAILED,
        r"BdsDxe: No bootable option|No bootable option or device was found",
        False,
    ),
    # GRUB
    (Stage.GRUB, r"Welcome to GRUB!", False),
    (Stage.GRUB, r"GNU GRUB +version \d", False),
    (Stage.GRUB, r"^Booting [`'].+'", False),
    (Stage.GRUB_ERROR, r"^error: (?!no suitable video mode|no video mode)", False),
    # Linux
    (
        Stage.EFI_STUB,
        r"EFI stub: (Booting Linux Kernel|Exiting boot services|Loaded initrd)",
        False,
    ),
    (Stage.KERNEL, r"^Linux version \S+", True),
    (Stage.KERNEL, r"^(Freeing unused kernel (memory|image)|Run /init as init process)", False),
    (Stage.KERNEL_ERROR, r"^(Internal error: |Asynchronous SError|BUG: |Oops: )", False),
    (Stage.KERNEL_ERROR, r"^rcu: INFO: rcu_\w+ self-detected stall", False),
    (Stage.KERNEL_ERROR, r"^watchdog: BUG: soft lockup", False),
    (Stage.KERNEL_FAILED, r"Kernel panic - not syncing", False),
    (Stage.KERNEL_FAILED, r"VFS: Unable to mount root fs", False),
    (Stage.RESTARTING, r"^Rebooting in \d+ seconds", False),
    (Stage.FOREIGN, r"^systemd\[1\]: .* running in system mode", False),
)
# Prompts have no line end; they are looked for when a line so far ends in "> " or ": ".
_PROMPTS: Final = (
    (Stage.U_BOOT_FAILED, r"^(U-Boot|=)> $"),
    (Stage.GRUB_FAILED, r"^grub( rescue)?> $"),
    (Stage.UEFI_FAILED, r"^Shell> $"),
    (Stage.FOREIGN, r"^\S+ login: $"),
)
LINE_PATTERNS: Final = tuple(Pattern(stage, re.compile(text), one) for stage, text, one in _LINES)
PROMPT_PATTERNS: Final = tuple(Pattern(stage, re.compile(text)) for stage, text in _PROMPTS)

_TIME_STAMP = re.compile(r"^(<\d+>)?\[ *\d+\.\d+\](\[ *[TC]\d+\])? ?")


class StageDetector:
    """Turns console bytes into the stages that passed; how they are cut up makes no difference."""

    def __init__(self) -> None:
        self._text = ConsoleText()
        self._boot = 0
        self._rank = -1
        self._over = False
        self._told: dict[Stage, str] = {}
        self._starts: set[Pattern] = set()
        self._remarks = 0

    @property
    def boots(self) -> int:
        """Return how many boots were seen so far."""
        return self._boot

    def feed(self, data: bytes) -> list[StagePassed]:
        """Return the stages that pass with `data`, in order."""
        passed = []
        for line, is_prompt in self._text.feed(data):
            pattern = _match(line, PROMPT_PATTERNS if is_prompt else LINE_PATTERNS)
            if pattern is not None and (event := self._pass(pattern, line)):
                passed.append(event)
        return passed

    def _pass(self, pattern: Pattern, line: str) -> StagePassed | None:
        stage, text = pattern.stage, line.strip()[:MAX_TEXT]
        if stage in _ONLY_IN and self._rank != _RANK[_ONLY_IN[stage]]:
            return None
        if self._begins_boot(pattern):
            self._begin_boot()
        self._rank = max(self._rank, _RANK.get(stage, -1))
        self._over = self._over or stage.is_end
        if pattern.starts:
            self._starts.add(pattern)
        if not self._is_news(stage, text):
            return None
        self._told[stage] = text
        return StagePassed(stage=stage, text=text, boot=self._boot)

    def _begins_boot(self, pattern: Pattern) -> bool:
        if self._boot == 0:
            return True
        rank = _RANK.get(pattern.stage)
        if rank is None:
            return False
        if self._over:
            return rank <= _RANK[Stage.KERNEL]
        if pattern.starts and (pattern in self._starts or rank < self._rank):
            return True
        return rank < _RANK[Stage.KERNEL] <= self._rank

    def _begin_boot(self) -> None:
        self._boot += 1
        self._rank, self._over, self._remarks = -1, False, 0
        self._told.clear()
        self._starts.clear()

    def _is_news(self, stage: Stage, text: str) -> bool:
        if stage.is_remark:
            self._remarks += 1
            return self._remarks <= MAX_REMARKS
        return stage not in self._told or (stage in _RETOLD and self._told[stage] != text)


class ConsoleText:
    """Plain lines out of terminal output: escape sequences dropped, backspaces carried out.

    A carriage return or a cursor movement ends a line, because menus are painted by them.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._escape = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[str, bool]]:
        """Yield (line, False) for finished lines and (text, True) where a prompt may be."""
        for byte in data:
            if self._escape:
                if self._continues_escape(byte):
                    continue
                if not self._moved_cursor():
                    self._escape.clear()
                    continue
                self._escape.clear()
                yield from self._finish()
            elif byte == 0x1B:
                self._escape.append(byte)
            elif byte in b"\r\n":
                yield from self._finish()
            elif byte == 0x08:
                del self._line[-1:]
            elif byte >= 0x20 and byte != 0x7F and len(self._line) < MAX_LINE_BYTES:
                self._line.append(byte)
                if byte == 0x20 and self._line.endswith((b"> ", b": ")):
                    yield _plain(self._line), True

    def _finish(self) -> Iterator[tuple[str, bool]]:
        if self._line:
            yield _plain(self._line), False
            self._line.clear()

    def _continues_escape(self, byte: int) -> bool:
        """Take `byte` into the escape sequence; say whether more of it must follow."""
        self._escape.append(byte)
        if len(self._escape) > 64:
            return False
        kind = self._escape[1]
        if kind == ord("["):
            return len(self._escape) == 2 or not 0x40 <= byte <= 0x7E
        if kind == ord("]"):
            return byte != 0x07 and not self._escape.endswith(b"\x1b\\")
        return 0x20 <= byte <= 0x2F

    def _moved_cursor(self) -> bool:
        return self._escape[1] == ord("[") and self._escape[-1] in b"ABEFHJdf"


def _plain(line: bytearray) -> str:
    return _TIME_STAMP.sub("", line.decode("utf-8", "replace"))


def _match(line: str, patterns: tuple[Pattern, ...]) -> Pattern | None:
    return next((pattern for pattern in patterns if pattern.regex.search(line)), None)
