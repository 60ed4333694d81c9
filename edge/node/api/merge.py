# SPDX-License-Identifier: Apache-2.0
"""One answer made of many nodes' answers, on the wire alone: no message is decoded.

All answers begin alike: `messages` is field 1 of a response, and `metadata` is field 1 of each of
them. What is appended to an embedded message is merged with it by whoever decodes it, so
that a name can be put into any message without knowing its type.
"""

from collections.abc import Iterator

from edge.api import common_pb2
from edge.errors import NodeError
from edge.node.api.failure import Failure

_MESSAGES = 1 << 3 | 2
_VARINT, _EMBEDDED = 0, 2
_FIXED_BYTES = {1: 8, 5: 4}
_LONGEST_VARINT = 10
_NO_MESSAGE = "the answer is cut off or no message at all"


def label(response: bytes, node: str) -> bytes:
    """Return a unary response whose every message says that it comes from `node`.

    Raises:
        NodeError: when the response is none.
    """
    name = label_part(b"", node)
    parts = [_relabel(response, field, name) for field in _fields(response)]
    # A node that has nothing to say has answered nevertheless.
    return b"".join(parts) or _embed(name)


def label_part(message: bytes, node: str) -> bytes:
    """Return one message of a stream, saying that it comes from `node`."""
    metadata = common_pb2.Metadata(hostname=node)
    return message + common_pb2.Empty(metadata=metadata).SerializeToString()


def failed(node: str, failure: Failure) -> bytes:
    """Return the response that stands for a node that gave none."""
    return _embed(failed_part(node, failure))


def failed_part(node: str, failure: Failure) -> bytes:
    """Return the message of a stream that stands for a node that failed."""
    metadata = common_pb2.Metadata(
        hostname=node,
        error=f"rpc error: code = {failure.spelling} desc = {failure.message}",
        status=failure.status(),
    )
    return common_pb2.Empty(metadata=metadata).SerializeToString()


def _embed(message: bytes) -> bytes:
    return bytes((_MESSAGES,)) + _varint(len(message)) + message


def _relabel(response: bytes, field: tuple[int, int, int, int], name: bytes) -> bytes:
    tag, start, content, end = field
    if tag != _MESSAGES:
        return response[start:end]
    return _embed(response[content:end] + name)


def _fields(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield tag, start, start of the content, and end of every field."""
    at = 0
    while at < len(data):
        tag, content = _read_varint(data, at)
        end = _end_of(data, tag, content)
        if end > len(data) or not tag >> 3:
            raise NodeError(_NO_MESSAGE)
        if tag & 7 == _EMBEDDED:
            _length, content = _read_varint(data, content)
        yield tag, at, content, end
        at = end


def _end_of(data: bytes, tag: int, content: int) -> int:
    form = tag & 7
    if form == _VARINT:
        return _read_varint(data, content)[1]
    if form == _EMBEDDED:
        length, content = _read_varint(data, content)
        return content + length
    if form in _FIXED_BYTES:
        return content + _FIXED_BYTES[form]
    raise NodeError(_NO_MESSAGE)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for position, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            return value, at + position + 1
    raise NodeError(_NO_MESSAGE)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
