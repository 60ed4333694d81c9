# SPDX-License-Identifier: Apache-2.0
"""The ADV block: META's wire format. All integers are big-endian.

    offset      0  magic          0x5a4b3c2d
    offset      4  entries        tag u32, size u32, value; tag 0 ends
    length - 36    SHA-256        over the block with these 32 bytes zeroed
    length -  4    magic          0xa5b4c3d2

A store is two such blocks of 256 KiB in a row; the first valid one counts.
"""

import hashlib
import struct
from collections.abc import Mapping

from edge.errors import ImageError

BLOCK_BYTES = 256 * 1024
STORE_BYTES = 2 * BLOCK_BYTES

_MAGIC_HEAD = 0x5A4B3C2D
_MAGIC_TAIL = 0xA5B4C3D2
_DIGEST_AT = BLOCK_BYTES - 36
_TAIL_AT = BLOCK_BYTES - 4
_WORD = struct.Struct(">I")
_ENTRY = struct.Struct(">II")


def render(values: Mapping[int, bytes]) -> bytes:
    """Return one block that holds `values`, ordered by key.

    Raises:
        ImageError: when a key is not 1 to 2^32-1 or the values do not fit.
    """
    block = bytearray(BLOCK_BYTES)
    _WORD.pack_into(block, 0, _MAGIC_HEAD)
    _WORD.pack_into(block, _TAIL_AT, _MAGIC_TAIL)
    entries = b"".join(_render_entry(key, values[key]) for key in sorted(values))
    room = _DIGEST_AT - _WORD.size
    if len(entries) > room:
        raise ImageError(f"meta: {len(entries)} bytes of values do not fit into {room}")
    block[_WORD.size : _WORD.size + len(entries)] = entries
    block[_DIGEST_AT:_TAIL_AT] = hashlib.sha256(block).digest()
    return bytes(block)


def parse(block: bytes) -> dict[int, bytes]:
    """Return the values in one block.

    Raises:
        ImageError: when the block is not a valid one.
    """
    if len(block) != BLOCK_BYTES:
        raise ImageError(f"meta: a block has {BLOCK_BYTES} bytes, not {len(block)}")
    if _word(block, 0) != _MAGIC_HEAD or _word(block, _TAIL_AT) != _MAGIC_TAIL:
        raise ImageError("meta: a block lacks its magic numbers")
    zeroed = block[:_DIGEST_AT] + bytes(32) + block[_TAIL_AT:]
    if hashlib.sha256(zeroed).digest() != block[_DIGEST_AT:_TAIL_AT]:
        raise ImageError("meta: a block does not match its checksum")
    return _parse_entries(block[_WORD.size : _DIGEST_AT])


def render_store(values: Mapping[int, bytes]) -> bytes:
    """Return both copies of the block for `values`, as they lie on the partition."""
    return render(values) * 2


def parse_store(store: bytes) -> dict[int, bytes]:
    """Return the values of the first valid copy; a store never written holds nothing.

    Raises:
        ImageError: when neither copy is valid and neither is blank.
    """
    copies = (store[:BLOCK_BYTES], store[BLOCK_BYTES:STORE_BYTES])
    for copy in copies:
        if is_valid(copy):
            return parse(copy)
    # A first write that the power cut short leaves the other copy as blank as it was.
    if any(not any(copy) for copy in copies):
        return {}
    raise ImageError("meta: neither copy of the store is valid")


def is_valid(block: bytes) -> bool:
    """Say whether `block` is a whole, unharmed ADV block."""
    try:
        parse(block)
    except ImageError:
        return False
    return True


def _render_entry(key: int, value: bytes) -> bytes:
    if not 0 < key < 2**32:
        raise ImageError(f"meta: {key} is not a key")
    return _ENTRY.pack(key, len(value)) + value


def _parse_entries(data: bytes) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    at = 0
    while at + _ENTRY.size <= len(data):
        key, size = _ENTRY.unpack_from(data, at)
        if key == 0:
            break
        at += _ENTRY.size
        if at + size > len(data):
            raise ImageError(f"meta: the value of key {key:#04x} runs past its block")
        values[key] = data[at : at + size]
        at += size
    return values


def _word(block: bytes, at: int) -> int:
    word: int = _WORD.unpack_from(block, at)[0]
    return word
