# SPDX-License-Identifier: Apache-2.0
"""The stages of a boot as a serial console shows them, and the event that one passed.

    firmware -> u-boot | uefi -> grub -> efi-stub -> kernel -> loader -> root -> init -> machined
        -> maintenance | running -> restarting -> restarted | powering-off -> powered-off

A board that starts again goes back to an earlier stage, which begins a new boot. Remarks
(`*-error`) are troubles a board may get over by itself; failures (`*-failed`) leave it stuck.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edge.events import Event


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
    INIT_ERROR = "init-error"
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
    def is_trouble(self) -> bool:
        """Say whether this is a failure or a remark."""
        return self.is_failure or self.is_remark

    @property
    def is_end(self) -> bool:
        """Say whether a boot is over with this."""
        return self in ENDS

    @property
    def rank(self) -> int | None:
        """Return the place in the order of a boot; troubles and ends have none."""
        return _RANK.get(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePassed(Event):
    """Boot number `boot` (from 1) reached `stage`; `text` is the console line that says so."""

    stage: Stage
    text: str
    boot: int
    advice: str = ""
    """Of a remark or failure: what it means and what to do about it, in one sentence."""
    at_s: float = 0.0
    """When it passed, in seconds since the console was opened."""
    boot_at_s: float = 0.0
    """When this boot began, in the same seconds: its first byte."""


ENDS: Final = (Stage.RESTARTING, Stage.RESTARTED, Stage.POWERING_OFF, Stage.POWERED_OFF)
_ORDER: Final = (
    *(Stage.FIRMWARE, Stage.U_BOOT, Stage.UEFI, Stage.GRUB, Stage.EFI_STUB, Stage.KERNEL),
    *(Stage.LOADER, Stage.ROOT, Stage.INIT, Stage.MACHINED, Stage.MAINTENANCE),
)
_RANK: Final = {stage: rank for rank, stage in enumerate(_ORDER)} | {
    # A node may become running after maintenance, and go back to it by a reset, in one boot.
    Stage.RUNNING: _ORDER.index(Stage.MAINTENANCE),
    Stage.FOREIGN: len(_ORDER) + 1,
}
