# SPDX-License-Identifier: Apache-2.0
"""How much is written to a card at once, from what its device says of itself."""

from collections.abc import Sequence

from edge.units import KIB, MIB
from flasher.device import Device, Host

_LEAST_BYTES = 512 * KIB
_MOST_BYTES = 4 * MIB
_USUAL_BYTES = MIB
_BUDGET_BYTES = 128 * MIB
_CHUNKS_A_CARD = 14  # in the common ring, in its own workers, and in its ring once it is let go


def chunk_bytes_of(devices: Sequence[Device], host: Host) -> int:
    """Return the size of chunks for all of `devices`: what the largest request of each allows.

    Many cards get smaller ones, so that all buffers together stay within a budget.
    """
    size = max((_chunk_bytes(device, host) for device in devices), default=_USUAL_BYTES)
    while size > _LEAST_BYTES and size * len(devices) * _CHUNKS_A_CARD > _BUDGET_BYTES:
        size //= 2
    return size


def _chunk_bytes(device: Device, host: Host) -> int:
    queue = host.sys / "class/block" / device.path.name / "queue"
    largest = host.read_number(queue / "max_sectors_kb") * KIB or _USUAL_BYTES
    # Past 512 KiB size gains nothing, but a device that names its best multiple shall have it.
    best = host.read_number(queue / "optimal_io_size")
    size = _LEAST_BYTES
    while size * 2 <= min(max(min(largest, _USUAL_BYTES), best), _MOST_BYTES):
        size *= 2
    return size
