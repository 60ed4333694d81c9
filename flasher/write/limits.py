# SPDX-License-Identifier: Apache-2.0
"""How much is written to a card at once, from what its device says of itself."""

from collections.abc import Sequence

from edge.units import KIB, MIB
from flasher.device import Device, Host

_LEAST_BYTES = 512 * KIB
_MOST_BYTES = 4 * MIB
_USUAL_BYTES = MIB


def chunk_bytes_of(devices: Sequence[Device], host: Host) -> int:
    """Return the size of chunks for all of `devices`: what the largest request of each allows."""
    return max((_chunk_bytes(device, host) for device in devices), default=_USUAL_BYTES)


def _chunk_bytes(device: Device, host: Host) -> int:
    queue = host.sys / "class/block" / device.path.name / "queue"
    largest = host.read_number(queue / "max_sectors_kb") * KIB or _USUAL_BYTES
    # Past 512 KiB size gains nothing, but a device that names its best multiple shall have it.
    best = host.read_number(queue / "optimal_io_size")
    size = _LEAST_BYTES
    while size * 2 <= min(max(min(largest, _USUAL_BYTES), best), _MOST_BYTES):
        size *= 2
    return size
