# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a card, in words, and what of it a second try may heal."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from edge.errors import FlashError
from edge.units import format_size
from flasher.write.medium import Medium, MediumGoneError

UNUSABLE = "the medium is unbootable on purpose"
_WORTH_A_TRY = (errno.EIO, errno.EREMOTEIO, errno.ETIMEDOUT, errno.EILSEQ, errno.ENODATA)


class BadRangeError(Exception):
    """The card refused an operation on a range; a second try may do."""

    def __init__(self, error: FlashError) -> None:
        super().__init__(error.message)
        self.error = error


@contextmanager
def explained(medium: Medium, action: str, offset: int) -> Iterator[None]:
    """Tell a range that is bad from a card that is gone, or full, which ends its run."""
    try:
        yield
    except OSError as error:
        fault = failed(medium, action, offset, error)
        if isinstance(error, MediumGoneError) or error.errno not in _WORTH_A_TRY:
            raise fault from error
        raise BadRangeError(fault) from error


def failed(medium: Medium, action: str, offset: int, error: OSError) -> FlashError:
    """Return the error for an operation that the card refused."""
    reason = (error.strerror or str(error)).lower()
    return FlashError(
        f"{action} {medium.name} at byte {offset} ({format_size(offset)}): {reason}; {UNUSABLE}",
        hint="check the card and its reader, then flash it again",
    )


def unreliable(medium: Medium, offset: int) -> FlashError:
    """Return the error for a medium that lost the byte at `offset` twice."""
    return FlashError(
        f"{medium.name} does not keep what is written to it: byte {offset}"
        f" ({format_size(offset)}) read back wrong twice; {UNUSABLE}",
        hint="replace this card; cards that lie about their size fail like this",
    )
