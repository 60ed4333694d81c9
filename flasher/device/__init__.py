# SPDX-License-Identifier: Apache-2.0
"""The disks of this machine: what they are, what is on them, and who uses them."""

from flasher.device.facts import Device, DeviceKind, History, Identity, Volume
from flasher.device.host import THIS_HOST, Host
from flasher.device.identity import look_again
from flasher.device.inventory import find_devices, inspect

__all__ = [
    "THIS_HOST",
    "Device",
    "DeviceKind",
    "History",
    "Host",
    "Identity",
    "Volume",
    "find_devices",
    "inspect",
    "look_again",
]
