# SPDX-License-Identifier: Apache-2.0
"""Writes what read back wrong a second time, and names the exact byte of what stays wrong."""

import mmap
from collections.abc import Callable, Iterator, Mapping, Sequence

from flasher.plan.content import Content
from flasher.ranges import Range, merge, split
from flasher.source import open_image
from flasher.write.digest import digest
from flasher.write.fault import failed, unreliable
from flasher.write.medium import Medium

_PIECE_BYTES = 512 * 1024
Note = Callable[[str], None]


def repair(
    medium: Medium, content: Content, bad: Sequence[Range], note: Note
) -> dict[Range, bytes]:
    """Write every range of `bad` once more and read it back; return the digests of what is there.

    Raises:
        FlashError: at the first byte that is wrong a second time.
    """
    digests, still_bad = rewrite(medium, content, bad, note)
    if still_bad:
        raise unreliable(medium, locate(medium, content, still_bad[0]))
    return digests


def rewrite(
    medium: Medium, content: Content, bad: Sequence[Range], note: Note
) -> tuple[dict[Range, bytes], list[Range]]:
    """Write every range of `bad`, read it back; return the digests of all, and what is wrong.

    Raises:
        FlashError: when the medium refuses.
    """
    digests = {}
    for at, view in _wanted(content, bad):
        note(f"byte {_locate(medium, at, view)} read back wrong; writing it again")
        _rewrite(medium, at, view)
        digests[at] = digest(view)
    flush(medium)
    return digests, [at for at in digests if _digest_of(medium, at) != digests[at]]


def prove_again(
    medium: Medium, content: Content, proofs: Mapping[Range, bytes], note: Note
) -> None:
    """Read everything back once more, because something was written in the meantime.

    Raises:
        FlashError: at the first byte that is not what it was.
    """
    for at in sorted(proofs):
        note(f"byte {at.start} is read once more")
        if _digest_of(medium, at) != proofs[at]:
            raise unreliable(medium, locate(medium, content, at))


def locate(medium: Medium, content: Content, bad: Range) -> int:
    """Return the first byte of `bad` that the medium has otherwise than `content`."""
    for at, view in _wanted(content, [bad]):
        if _digest_of(medium, at) != digest(view):
            return _locate(medium, at, view)
    return bad.start


def flush(medium: Medium) -> None:
    """Return when everything written is on the medium.

    Raises:
        FlashError: when the medium says that it is not.
    """
    try:
        medium.flush()
    except OSError as error:
        raise failed(medium, "flushing", medium.size_bytes, error) from error


def read(medium: Medium, at: Range) -> memoryview:
    """Return what the medium has at `at`, in memory of its own."""
    view = memoryview(mmap.mmap(-1, at.size_bytes))
    medium.read(at.start, view)
    return view


def first_difference(found: memoryview, wanted: memoryview) -> int:
    """Return the index of the first byte that differs, 0 when none does any more."""
    start, end = 0, len(wanted) if found != wanted else 1
    while end - start > 1:
        middle = (start + end) // 2
        if found[start:middle] != wanted[start:middle]:
            end = middle
        else:
            start = middle
    return start


def _wanted(content: Content, ranges: Sequence[Range]) -> Iterator[tuple[Range, memoryview]]:
    """Yield what belongs at `ranges`, read from the image once more."""
    buffer = memoryview(mmap.mmap(-1, _PIECE_BYTES))
    with open_image(content.image) as reader:
        for at in split(merge(ranges), _PIECE_BYTES):
            view = buffer[: at.size_bytes]
            content.fill(reader, at, view)
            yield at, view


def _locate(medium: Medium, at: Range, wanted: memoryview) -> int:
    try:
        return at.start + first_difference(read(medium, at), wanted)
    except OSError:
        return at.start


def _rewrite(medium: Medium, at: Range, view: memoryview) -> None:
    try:
        medium.write(at.start, view)
    except OSError as error:
        raise failed(medium, "writing", at.start, error) from error


def _digest_of(medium: Medium, at: Range) -> bytes:
    try:
        return digest(read(medium, at))
    except OSError as error:
        raise failed(medium, "reading back", at.start, error) from error
