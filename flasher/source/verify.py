# SPDX-License-Identifier: Apache-2.0
"""Proves an image before it is used: checksums, checksum files and minisign signatures.

A checksum may be of the file as it is or of what it unpacks to. The first is checked at once,
the second when the image has been read through.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ImageError, TrustError
from edge.events import Listener, Noted, Progressed, step
from edge.units import MIB
from flasher.source.checksum import Checksum, parse_checksums, parse_sha256, pick_checksums
from flasher.source.fault import AGAIN, WrongImageError, explained
from flasher.source.web import fetch_text, is_address

if TYPE_CHECKING:
    from edge.pki.minisign import SigningKey

_PACKED = (".gz", ".xz", ".zst", ".bz2", ".zip", ".tgz", ".txz", ".qcow2", ".tar")
_OWN_FILES = (".sha256", ".sha512", ".sha256sum", ".sha512sum")
_LISTS = ("SHA256SUMS", "SHA512SUMS", "SHA256SUMS.txt", "sha256sum.txt", "sha512sum.txt")
_READ_BYTES = 4 * MIB
_LIST_HINT = "name the list of checksums that came with the image"
_SIGNATURE_HINT = "name the minisign signature that came with the image"
_KEY_HINT = "give the file of a minisign public key, or its line that begins with RW"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What the user gave to prove an image with; files and addresses alike."""

    sha256: str = ""
    """Of the image's file, or of what it unpacks to."""
    checksums: str | Path = ""
    """A checksum file; without one those beside the image are used."""
    signature: str | Path = ""
    """A minisign signature of the image's file; without one that beside it is used."""
    public_key: str = ""
    """The file of a minisign public key, or the key itself in base64."""


NOTHING = Verification()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The image's file and what it was called where it came from."""

    path: Path
    name: str
    origin: str

    @property
    def title(self) -> str:
        """What messages call it: as the user did."""
        return "standard input" if self.origin == "-" else self.origin

    def discard(self) -> None:
        """Drop a download that is wrong, else it would be found right again and again."""
        if is_address(self.origin):
            self.path.unlink(missing_ok=True)

    @property
    def unpacked_names(self) -> Iterator[str]:
        """What the file may be called without what it is packed in."""
        name = Path(self.name)
        while name.suffix.lower() in _PACKED:
            name = name.with_suffix("")
            yield name.name


@dataclass(frozen=True, slots=True)
class Claim:
    """A checksum, who told it, and what it may be of."""

    checksum: Checksum
    told_by: str
    of_file: bool
    of_image: bool


def collect_claims(
    subject: Subject, verification: Verification, listener: Listener
) -> tuple[Claim, ...]:
    """Verify the signature, if there is a key, and return all checksums that must hold.

    Raises:
        TrustError: when a signature is missing or wrong.
        ImageError: when a checksum file cannot be read or does not list the image.
    """
    lists = list(_checksum_texts(subject, verification))
    signed = _check_signature(subject, verification, [where for where, _ in lists], listener)
    claims = []
    if verification.sha256:
        checksum = parse_sha256(verification.sha256)
        claims.append(Claim(checksum, "the expected SHA-256", of_file=True, of_image=True))
    for where, text in lists:
        found = _claims_in(subject, where, text)
        if verification.checksums and not found:
            raise ImageError(
                f"{where} has no checksum of {subject.name}", hint="is it of another release?"
            )
        if not verification.checksums:
            listener(Noted(text=_note_of(subject, where, found)))
        claims += found
    if signed and not any(claim.told_by == str(signed) for claim in claims):
        raise TrustError(f"{signed} is signed but has no checksum of {subject.name}")
    return tuple(claims)


def check_file(subject: Subject, claims: Sequence[Claim], listener: Listener) -> tuple[Claim, ...]:
    """Check what is claimed of a packed file itself; return what is left, of the image.

    Raises:
        ImageError: when a checksum does not match.
    """
    mine = [claim for claim in claims if claim.of_file]
    left = [claim for claim in claims if not claim.of_file]
    if mine:
        algorithms = {claim.checksum.algorithm for claim in mine}
        with step(listener, "check image"):
            digests = _hash_file(subject.path, algorithms, listener)
        for claim in mine:
            if digests[claim.checksum.algorithm] == claim.checksum.digest:
                continue
            if not claim.of_image:
                raise _mismatch(subject, claim, digests)
            left.append(claim)
    return tuple(left)


def check_image(subject: Subject, claims: Iterable[Claim], digests: dict[str, str]) -> None:
    """Check what is claimed of the unpacked image.

    Raises:
        ImageError: when a checksum does not match.
    """
    for claim in claims:
        if digests[claim.checksum.algorithm] != claim.checksum.digest:
            raise _mismatch(subject, claim, digests)


def algorithms_of(claims: Iterable[Claim]) -> tuple[str, ...]:
    """Return what must be computed for `claims`; SHA-256 always."""
    return tuple(sorted({"sha256", *(claim.checksum.algorithm for claim in claims)}))


def read_key(verification: Verification) -> "SigningKey":
    """Return the public key that was given, a file or the key itself.

    Raises:
        TrustError: when it is none.
    """
    from edge.pki.minisign import read_public_key

    key = verification.public_key
    text = _key_text(key)
    try:
        return read_public_key(text)
    except TrustError as error:
        reason = "neither a file nor a minisign public key" if text == key else error.message
        raise TrustError(f"{key} is {reason}", hint=_KEY_HINT) from error


def _mismatch(subject: Subject, claim: Claim, digests: dict[str, str]) -> ImageError:
    algorithm, expected = claim.checksum.algorithm, claim.checksum.digest
    return WrongImageError(
        f"{subject.title} does not match {claim.told_by}:"
        f" its {algorithm} is {digests[algorithm]}, not {expected}",
        hint=AGAIN,
    )


def _checksum_texts(subject: Subject, verification: Verification) -> Iterator[tuple[str, str]]:
    """Yield name and content of each checksum file that was given or lies beside the image."""
    if verification.checksums:
        yield (
            str(verification.checksums),
            fetch_text(verification.checksums, "checksum list", _LIST_HINT),
        )
        return
    if is_address(subject.origin) or subject.origin == "-":
        return
    names = [
        *(f"{name}{end}" for name in (subject.name, *subject.unpacked_names) for end in _OWN_FILES),
        *_LISTS,
    ]
    for name in names:
        path = subject.path.with_name(name)
        if path.is_file():
            yield str(path), fetch_text(path, "checksum list")


def _claims_in(subject: Subject, where: str, text: str) -> list[Claim]:
    checksums = parse_checksums(text, where)
    of_file = pick_checksums(checksums, [subject.name])
    of_image = () if of_file else pick_checksums(checksums, subject.unpacked_names)
    found = [Claim(each, where, of_file=True, of_image=False) for each in of_file]
    found += [Claim(each, where, of_file=False, of_image=True) for each in of_image]
    is_own = len(checksums) == 1 and Path(where).suffix in _OWN_FILES
    if not found and len(checksums) == 1 and (is_own or not checksums[0].name):
        found = [Claim(checksums[0], where, of_file=True, of_image=True)]
    return found


def _note_of(subject: Subject, where: str, found: Sequence[Claim]) -> str:
    if not found:
        return f"{where} is not used: it has no checksum of {subject.name}"
    return f"checksum: {where}"


def _hash_file(path: Path, algorithms: set[str], listener: Listener) -> dict[str, str]:
    digests = {name: hashlib.new(name) for name in algorithms}
    buffer, done = memoryview(bytearray(_READ_BYTES)), 0
    with explained(path), path.open("rb", buffering=0) as file:
        total = path.stat().st_size
        while count := file.readinto(buffer):
            for digest in digests.values():
                digest.update(buffer[:count])
            done += count
            listener(Progressed(step="check image", done_bytes=done, total_bytes=max(done, total)))
    return {name: digest.hexdigest() for name, digest in digests.items()}


def _check_signature(
    subject: Subject, verification: Verification, lists: Sequence[str], listener: Listener
) -> Path | None:
    """Verify the signature; return the signed checksum file where it is not the image's own."""
    if not verification.public_key:
        _note_unchecked(subject, verification, listener)
        return None
    from edge.pki.minisign import WrongContentError, verify_file

    key = read_key(verification)
    path, signature = _find_signature(subject, verification, lists)
    try:
        with explained(path):
            comment = verify_file(path, signature, key)
    except WrongContentError:
        subject.discard()
        raise
    listener(Noted(text=f"signed with {key.name}: {comment or path.name}"))
    return None if path == subject.path else path


def _note_unchecked(subject: Subject, verification: Verification, listener: Listener) -> None:
    if verification.signature:
        raise TrustError(
            f"cannot verify the signature of {subject.title} without a public key",
            hint="give --public-key, a file or the key itself",
        )
    beside = _beside(subject.path)
    if beside.is_file():
        listener(Noted(text=f"{beside} was not checked: no public key was given"))


def _find_signature(
    subject: Subject, verification: Verification, lists: Sequence[str]
) -> tuple[Path, str]:
    """Return which file is signed, and the signature: the image's, or that of its checksums."""
    if verification.signature:
        return subject.path, fetch_text(verification.signature, "signature", _SIGNATURE_HINT)
    if is_address(subject.origin):
        return subject.path, fetch_text(f"{subject.origin}.minisig", "signature")
    for path in (subject.path, *(Path(each) for each in lists if not is_address(each))):
        if _beside(path).is_file():
            return path, fetch_text(_beside(path), "signature")
    lacking = "" if subject.origin == "-" else f": there is no {_beside(subject.path)}"
    raise TrustError(
        f"{subject.title} has no signature{lacking}",
        hint="give the signature, or leave out the public key",
    )


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.minisig")


def _key_text(key: str) -> str:
    try:
        return Path(key).read_text()
    except FileNotFoundError:
        return key
    except (OSError, ValueError) as error:
        raise TrustError(f"cannot read the public key {key}: {error}") from error
