# SPDX-License-Identifier: Apache-2.0
"""The META keys that have a meaning; upstream's numbers first, ours from 0xe0."""

from typing import Final

UPGRADE: Final = 0x06
STAGED_UPGRADE_IMAGE: Final = 0x07
STAGED_UPGRADE_OPTIONS: Final = 0x08
STATE_ENCRYPTION: Final = 0x09
METAL_NETWORK: Final = 0x0A
DOWNLOAD_URL_CODE: Final = 0x0B
USER_RESERVED_1: Final = 0x0C
USER_RESERVED_2: Final = 0x0D
USER_RESERVED_3: Final = 0x0E
UUID_OVERRIDE: Final = 0x0F
UNIQUE_MACHINE_TOKEN: Final = 0x10
DISK_IMAGE_BOOTLOADER: Final = 0x11

NODE_KEY: Final = 0xE0
"""PEM PKCS#8 of the ECDSA P-256 key that the node serves TLS with."""

ENROLMENT: Final = 0xE1
"""JSON of `edge.meta.enrolment.Enrolment`."""

LAST_TIME: Final = 0xE2
"""Unix seconds, decimal: the last wall-clock time a board without a clock was sure of."""

TRIAL: Final = 0xE3
"""The boot slot on trial after an upgrade, until the node confirms it."""

VOLUMES_MADE: Final = 0xE4
"""JSON list of the volumes whose file systems are complete."""

MACHINE_CONFIG: Final = 0xE5
"""The machine configuration that a card brings; it is gone once the node keeps it on STATE."""

OWN_KEYS: Final = frozenset({NODE_KEY, ENROLMENT, LAST_TIME, TRIAL, VOLUMES_MADE, MACHINE_CONFIG})
"""Keys that the node keeps for itself: nobody changes them through the API."""

SECRET_KEYS: Final = frozenset(
    {STATE_ENCRYPTION, UNIQUE_MACHINE_TOKEN, NODE_KEY, ENROLMENT, MACHINE_CONFIG}
)
"""Keys whose values never leave the node or appear in a log."""


def key_name(key: int) -> str:
    """Return the resource id of `key`, such as "0x0a"."""
    return f"0x{key:02x}"
