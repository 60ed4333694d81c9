# SPDX-License-Identifier: Apache-2.0
"""Exit codes, documented and never renumbered, and the one table from errors to codes."""

from enum import IntEnum

from edge import errors


class ExitCode(IntEnum):
    """What a finished edgectl tells the shell."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CONFIG = 3
    BOARD = 4
    DEVICE = 5
    IMAGE = 6
    FLASH = 7
    TRUST = 8
    NODE = 9
    TOOL = 10
    TIMEOUT = 11
    STUCK = 12
    LOST = 13
    BUG = 70
    INTERRUPTED = 130


_CODES: dict[type[errors.EdgeError], ExitCode] = {
    errors.InputError: ExitCode.USAGE,
    errors.ConfigError: ExitCode.CONFIG,
    errors.BoardError: ExitCode.BOARD,
    errors.DeviceError: ExitCode.DEVICE,
    errors.ImageError: ExitCode.IMAGE,
    errors.FlashError: ExitCode.FLASH,
    errors.TrustError: ExitCode.TRUST,
    errors.NodeError: ExitCode.NODE,
    errors.ToolError: ExitCode.TOOL,
    errors.StageTimeoutError: ExitCode.TIMEOUT,
    errors.BoardFailedError: ExitCode.STUCK,
    errors.ConsoleLostError: ExitCode.LOST,
    errors.BugError: ExitCode.BUG,
}


def exit_code(error: errors.EdgeError) -> ExitCode:
    """Return the exit code for `error`."""
    kinds = (kind for kind in type(error).__mro__ if kind in _CODES)
    return _CODES[kind] if (kind := next(kinds, None)) else ExitCode.FAILED
