# SPDX-License-Identifier: Apache-2.0
"""Finds the block map that belongs to an image.

A block map decides what is left out. Where a signature is asked for, only a signed one may.
"""

from collections.abc import Iterator
from pathlib import Path

from edge.errors import TrustError
from edge.events import Listener, Noted
from flasher.map import Bmap, read_bmap
from flasher.source.download import download
from flasher.source.fault import explained
from flasher.source.verify import Subject, Verification, read_key
from flasher.source.web import fetch_text, is_address


def find_bmap(
    subject: Subject, given: Path | str | None, verification: Verification, listener: Listener
) -> Bmap | None:
    """Return the block map that was given, or else that beside the image's file.

    Raises:
        ImageError: when it cannot be had, or does not match its own checksum.
        TrustError: when there is a public key and its signature is wrong or, for one that was
            given, missing.
    """
    if given is not None:
        return _read_given(str(given), verification, listener) if str(given) else None
    if is_address(subject.origin) or subject.origin == "-":
        return None
    path = next((path for path in _places(subject) if path.is_file()), None)
    if path is None:
        return None
    if verification.public_key:
        signature = path.with_name(f"{path.name}.minisig")
        if not signature.is_file():
            listener(Noted(text=f"{path} is not used: it has no signature"))
            return None
        _verify(path, str(signature), verification)
    listener(Noted(text=f"block map: {path}"))
    return read_bmap(path)


def _read_given(given: str, verification: Verification, listener: Listener) -> Bmap:
    path = download(given, listener=listener) if is_address(given) else Path(given)
    if verification.public_key:
        signature = f"{given}.minisig"
        if not is_address(given) and not Path(signature).is_file():
            raise TrustError(
                f"{given} has no signature: there is no {signature}",
                hint="give a signed block map, or none",
            )
        _verify(path, signature, verification)
    return read_bmap(path)


def _verify(path: Path, signature: str, verification: Verification) -> None:
    from edge.pki.minisign import verify_file

    with explained(path):
        verify_file(path, fetch_text(signature, "signature"), read_key(verification))


def _places(subject: Subject) -> Iterator[Path]:
    """Yield image.img.xz.bmap, image.img.bmap and image.bmap, in this order."""
    names = [subject.name, *subject.unpacked_names]
    for name in names:
        yield subject.path.with_name(f"{name}.bmap")
    yield subject.path.with_name(f"{Path(names[-1]).stem}.bmap")
