# SPDX-License-Identifier: Apache-2.0
"""Proves that a disk is still the one that was looked at, some time later."""

from dataclasses import fields
from pathlib import Path

from edge.errors import DeviceError
from flasher.device.facts import Device
from flasher.device.host import THIS_HOST, Host
from flasher.device.inventory import inspect

_NAMES = {
    "number": "its device number",
    "size_bytes": "its size",
    "serial": "its serial",
    "by_id": "its names in /dev/disk/by-id",
    "diskseq": "its medium",
    "cid": "the card in it",
}


def look_again(device: Device, host: Host = THIS_HOST) -> Device:
    """Return the facts about `device` as they are now, if it is the same disk.

    Raises:
        DeviceError: naming what is another than it was.
    """
    now = inspect(device.path, host)
    before, after = device.identity, now.identity
    changed = [
        _NAMES.get(each.name, each.name)
        for each in fields(before)
        if _is_lost(getattr(before, each.name), getattr(after, each.name))
    ]
    # A link that udev moved to another disk in between says what the kernel's numbers cannot.
    changed += [f"where {link} leads" for link in device.by_id if link.resolve() != now.path]
    if changed:
        raise DeviceError(
            f"{device.path} is not the disk it was a moment ago ({', '.join(changed)} changed);"
            " nothing was written",
            hint="look at it again with `edgectl devices`, then repeat the command",
        )
    return now


def _is_lost(before: object, after: object) -> bool:
    """Return whether what was known no longer holds; udev may have learnt more meanwhile."""
    if isinstance(before, tuple) and before and isinstance(before[0], Path):
        return not (isinstance(after, tuple) and set(before) <= set(after))
    return before not in ((), "", None) and before != after
