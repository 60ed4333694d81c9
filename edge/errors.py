# SPDX-License-Identifier: Apache-2.0
"""The exception tree: classes differ by what the caller can do next.

Messages are lower case without a full stop and name the object and the value; `hint` is what
to type or do next. Library code raises these and never prints, prompts or exits.
"""


class EdgeError(Exception):
    """Any fault that edgectl explains to its user in one line."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(EdgeError):
    """A document that somebody wrote is wrong; `faults` lists every problem found in it."""

    def __init__(self, message: str, *, faults: tuple[str, ...] = (), hint: str | None = None):
        super().__init__(message, hint=hint)
        self.faults = faults


class InputError(ConfigError):
    """What somebody named or chose is not there, or not allowed: nothing was done with it."""


class BoardError(EdgeError):
    """There is no such board profile, or the board cannot do what was asked."""


class DeviceError(EdgeError):
    """This disk may not be written; the message names device, model, size and reason."""


class ImageError(EdgeError):
    """An image cannot be built or read, or does not verify."""


class FlashError(EdgeError):
    """A write to a medium failed; the message says whether the medium is now unusable."""


class TrustError(EdgeError):
    """A certificate, key, fingerprint or role does not permit this."""


class NodeError(EdgeError):
    """A node is unreachable, refused, or did not answer in time."""


class StageTimeoutError(NodeError):
    """The boot stage that was waited for did not come in time."""


class BoardFailedError(NodeError):
    """A board got stuck on its way, and will not go on by itself."""


class ConsoleLostError(NodeError):
    """A console went away and was not back in time."""


class ToolError(EdgeError):
    """A program that edgectl needs on this host is missing or failed."""


class BugError(EdgeError):
    """An invariant of edgectl itself is broken: please report it."""
