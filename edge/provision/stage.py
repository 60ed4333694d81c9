# SPDX-License-Identifier: Apache-2.0
"""Name the boot stages in the text of a serial console, in whatever pieces it arrives.

    firmware -> u-boot | uefi -> grub -> efi-stub -> kernel -> loader -> root -> init -> machined
        -> maintenance | running -> restarting -> restarted | powering-off -> powered-off

A board that starts again goes back to an earlier stage, which begins a new boot. Remarks
(`*-error`) are troubles a board may get over by itself; failures (`*-failed`) leave it stuck.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edge.events import Event
from edge.provision.terminal import ConsoleText

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
    MACHINED_ERROR = "machined-error"

    FIRMWARE_FAILED = "firmware-failed"
    U_BOOT_FAILED = "u-boot-failed"
    UEFI_FAILED = "uefi-failed"
    GRUB_FAILED = "grub-failed"
    KERNEL_FAILED = "kernel-failed"
    LOADER_FAILED = "loader-failed"

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
    """A line that marks a stage."""

    stage: Stage
    regex: re.Pattern[str]
    starts: bool = False
    """A boot prints it once, when this stage begins; seen again, it is another boot."""
    again: bool = False
    """Worth telling again when it comes with other words: an address, a slot."""


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

# Words that mean this only while that stage is the latest.
_ONLY_IN: Final = {Stage.GRUB_ERROR: Stage.GRUB}

# What boards print, from reference logs; each is searched for in a line without its time stamp.
_LINES: Final = (
    (Stage.LOADER_FAILED, r"^edge: loader: .*: error \d+", ""),
    (Stage.MACHINED_ERROR, r"^edge: machined ended with ", ""),
    (Stage.LOADER, r"^edge: loader\b", ""),
    (Stage.ROOT, r"^edge: root mounted\b", ""),
    (Stage.INIT, r"^edge: init\b", ""),
    (Stage.MACHINED, r"^edge: machined started\b", ""),
    (Stage.MAINTENANCE, r"^edge: maintenance\b", "again"),
    (Stage.RUNNING, r"^edge: running\b", "again"),
    (Stage.RESTARTING, r"^edge: rebooting\b", ""),
    (Stage.POWERING_OFF, r"^edge: powering off\b", ""),
    (Stage.RESTARTED, r"^reboot: Restarting system", ""),
    (Stage.POWERED_OFF, r"^reboot: (Power down|Power off not available|System halted)", ""),
    (Stage.POWERED_OFF, r"^Power off not available: System halted", ""),
    # Raspberry Pi: EEPROM, then start4.elf or, on the 5, the kernel directly
    (Stage.FIRMWARE, r"RPi: BOOTSYS release VERSION:", "starts"),
    (Stage.FIRMWARE, r"RPi: BOOTLOADER release VERSION:", "starts"),
    (Stage.FIRMWARE, r"^Boot mode: [A-Z0-9-]+ \(..\) order", ""),
    (Stage.FIRMWARE, r"^Starting start4?\.elf @ 0x", ""),
    (Stage.FIRMWARE, r"^MESS:\d\d:\d\d:\d\d\.\d+:0: (brfs: File read:|arm_loader: )", ""),
    (Stage.FIRMWARE, r"\*\*\* Restart logging", ""),
    (Stage.FIRMWARE, r"^NOTICE: +BL31: v", ""),
    (Stage.FIRMWARE_ERROR, r"^(MESS:\S+ )?Failed to open device", ""),
    (Stage.FIRMWARE_FAILED, r"^ERROR: .*(kernel|start4?\.elf|bootcode).* not found", ""),
    # Jetson: boot ROM stages before UEFI
    (Stage.FIRMWARE, r"\[L4T TegraBoot\] \(version", "starts"),
    (Stage.FIRMWARE, r"I> MB1 \(version:", "starts"),
    (Stage.FIRMWARE, r"I> (MB2\b|Boot-mode : )", ""),
    (Stage.FIRMWARE, r"Bootloader downloaded successfully\.", ""),
    (Stage.FIRMWARE, r"CPU switching to normal world boot", ""),
    # U-Boot
    (Stage.U_BOOT, r"^U-Boot SPL 20\d\d\.\d\d", "starts"),
    (Stage.U_BOOT, r"^U-Boot 20\d\d\.\d\d", "starts"),
    (Stage.U_BOOT, r"^\*\* Booting bootflow '.*' with ", ""),
    (Stage.U_BOOT, r"^(Booting: mmc \d|Retrieving file: )", ""),
    (Stage.U_BOOT, r"^Starting kernel \.\.\.", ""),
    (Stage.U_BOOT_ERROR, r"ERROR: Did not find a cmdline Flattened Device Tree", ""),
    (Stage.U_BOOT_ERROR, r"Boot failed \(err=", ""),
    (Stage.U_BOOT_ERROR, r"EFI boot manager: Cannot load any image", ""),
    (Stage.U_BOOT_FAILED, r"No more bootdevs", ""),
    # PC BIOS in emulators
    (Stage.FIRMWARE, r"^SeaBIOS \(version", "starts"),
    # UEFI: EDK2 and Jetson's
    (Stage.UEFI, r"UEFI firmware \(version", "starts"),
    (Stage.UEFI, r"BdsDxe: (loading|starting) Boot[0-9A-F]{4}", ""),
    (Stage.UEFI, r"L4TLauncher: ", ""),
    (Stage.UEFI_ERROR, r"BdsDxe: failed to (load|start) Boot[0-9A-F]{4}", ""),
    (Stage.UEFI_FAILED, r"No bootable option", ""),
    # GRUB
    (Stage.GRUB, r"Welcome to GRUB!", ""),
    (Stage.GRUB, r"GNU GRUB +version \d", ""),
    (Stage.GRUB, r"^Booting [`'].+'", "again"),
    (Stage.GRUB_ERROR, r"^error: (?!no suitable video mode|no video mode)", ""),
    # Linux
    (Stage.EFI_STUB, r"EFI stub: (Booting Linux|Exiting boot services|Loaded initrd)", ""),
    (Stage.KERNEL, r"^Linux version \S+", "starts"),
    (Stage.KERNEL, r"^(Freeing unused kernel (memory|image)|Run /init as init process)", ""),
    (Stage.KERNEL_ERROR, r"^(Internal error: |Asynchronous SError|BUG: |Oops: )", ""),
    (Stage.KERNEL_ERROR, r"^rcu: INFO: rcu_\w+ self-detected stall", ""),
    (Stage.KERNEL_ERROR, r"^watchdog: BUG: soft lockup", ""),
    (Stage.KERNEL_FAILED, r"Kernel panic - not syncing", ""),
    (Stage.KERNEL_FAILED, r"VFS: Unable to mount root fs", ""),
    (Stage.RESTARTING, r"^Rebooting in \d+ seconds", ""),
    (Stage.FOREIGN, r"^systemd\[1\]: .* running in system mode", ""),
)
# Prompts have no line end; they are looked for when a line so far ends in "> " or ": ".
_PROMPTS: Final = (
    (Stage.U_BOOT_FAILED, r"^(U-Boot|=)> $"),
    (Stage.GRUB_FAILED, r"^grub( rescue)?> $"),
    (Stage.UEFI_FAILED, r"^Shell> $"),
    (Stage.FOREIGN, r"^\S+ login: $"),
)
LINE_PATTERNS: Final = tuple(
    Pattern(stage, re.compile(text), starts=mode == "starts", again=mode == "again")
    for stage, text, mode in _LINES
)
PROMPT_PATTERNS: Final = tuple(Pattern(stage, re.compile(text)) for stage, text in _PROMPTS)


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
        if not self._is_news(pattern, text):
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

    def _is_news(self, pattern: Pattern, text: str) -> bool:
        if pattern.stage.is_remark:
            self._remarks += 1
            return self._remarks <= MAX_REMARKS
        before = self._told.get(pattern.stage)
        return before is None or (pattern.again and before != text)


def _match(line: str, patterns: tuple[Pattern, ...]) -> Pattern | None:
    return next((pattern for pattern in patterns if pattern.regex.search(line)), None)
