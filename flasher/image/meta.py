# SPDX-License-Identifier: Apache-2.0
"""META values that an image brings: those that are the image maker's to set, and no others."""

from collections.abc import Mapping

from edge.errors import InputError
from edge.meta import keys
from edge.meta.adv import render_store

_FIRST_OF_OURS = 0xE0
_STATE = frozenset(
    {keys.UPGRADE, keys.STAGED_UPGRADE_IMAGE, keys.STAGED_UPGRADE_OPTIONS, keys.STATE_ENCRYPTION}
)


def render_image_meta(values: Mapping[int, bytes]) -> bytes:
    """Return the beginning of a META partition that holds `values`; the rest of it stays blank.

    Raises:
        InputError: when a key is not one that an image may bring.
        ImageError: when the values do not fit.
    """
    for key in sorted(values):
        if fault := key_fault(key):
            raise InputError(f"META key {keys.key_name(key)} {fault}")
    return render_store(values) if values else b""


def parse_meta(text: str) -> tuple[int, bytes]:
    """Return key and value of `KEY=VALUE`, such as `0x0c=rack 4`.

    Raises:
        InputError: when it has another form, or the key is not one that an image may bring.
    """
    name, sign, value = text.partition("=")
    try:
        key = int(name, 0)
    except ValueError:
        key = -1
    if not sign or key < 0:
        raise InputError(f"cannot read META value {text!r}", hint="write KEY=VALUE: 0x0c=rack-4")
    if fault := key_fault(key):
        raise InputError(f"META key {name} {fault}")
    return key, value.encode()


def key_fault(key: int) -> str:
    """Return why an image may not bring a value for `key`, or nothing."""
    if not 0 < key < 256:
        return "is not a key: they go from 1 to 255"
    if key >= _FIRST_OF_OURS:
        return "is the node's and the flasher's own"
    if key in _STATE:
        return "is the state of a running node"
    return ""
