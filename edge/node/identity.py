# SPDX-License-Identifier: Apache-2.0
"""Who this machine is: a UUID that stays, and a name made from it."""

import hashlib
import uuid

from edge.node.machine import Machine
from edge.node.resource import kind

_BLANK = {"", "00000000-0000-0000-0000-000000000000", "03000200-0400-0500-0006-000700080009"}


def machine_uuid(machine: Machine) -> str:
    """Return the META override, else the firmware's UUID, else one made from the node key."""
    override = machine.store.spec(kind.META_KEY, "0x0f").get("value", "")
    if override:
        return str(override)
    firmware = machine.platform.identity().get("uuid", "").lower()
    if firmware not in _BLANK:
        return firmware
    return str(uuid.UUID(bytes=machine.key_digest[:16], version=4))


def stable_name(machine: Machine) -> str:
    """Return the host name of a node that was given none: `edge-` and eight characters."""
    digest = hashlib.sha256(machine_uuid(machine).encode()).hexdigest()
    return f"edge-{digest[:8]}"


def publish_identity(machine: Machine) -> None:
    """Publish what the firmware says about the hardware, with the machine's UUID."""
    known = machine.platform.identity()
    spec = {
        "manufacturer": known.get("manufacturer", ""),
        "productName": known.get("productName", ""),
        "version": known.get("version", ""),
        "serialnumber": known.get("serialnumber", ""),
        "uuid": machine_uuid(machine),
        "skuNumber": known.get("skuNumber", ""),
    }
    owner = "hardware.SystemInfoController"
    machine.store.put(kind.SYSTEM_INFORMATION, "systeminformation", spec, owner=owner)
