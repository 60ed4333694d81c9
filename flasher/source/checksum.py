# SPDX-License-Identifier: Apache-2.0
"""Reads checksum files, as sha256sum and its relatives, BSD's tools and web pages write them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from edge.errors import ImageError

_ALGORITHMS = {56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_WEAK = {32: "md5", 40: "sha1"}
_GNU = re.compile(r"\\?([0-9A-Fa-f]{32,128})(?:\s+\*?(.+))?")
_BSD = re.compile(r"\w[\w-]* ?\((.+)\) ?= ?([0-9A-Fa-f]{32,128})")
_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """What the file `name` must hash to; without a name it is of the file it came with."""

    algorithm: str
    digest: str
    """As lower-case hex."""
    name: str = ""


def parse_checksums(text: str, told_by: object) -> tuple[Checksum, ...]:
    """Return all checksums in `text`; other lines, such as comments, are passed over.

    Raises:
        ImageError: when there is none, or none that still proves anything.
    """
    found, weak = [], ""
    for line in text.partition(_SIGNATURE)[0].splitlines():
        digest, name = _split(line.strip())
        weak = _WEAK.get(len(digest), weak)
        if algorithm := _ALGORITHMS.get(len(digest)):
            found.append(Checksum(algorithm=algorithm, digest=digest.lower(), name=name))
    if not found:
        reason = f"only {weak}, which proves nothing" if weak else "no checksum"
        raise ImageError(f"{told_by} holds {reason}", hint="give one with SHA-256 or SHA-512")
    return tuple(found)


def parse_sha256(text: str) -> Checksum:
    """Return the checksum that somebody typed.

    Raises:
        ImageError: when it is not 64 hexadecimal digits.
    """
    digest = text.strip().lower().removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ImageError(f"{text!r} is not a SHA-256 checksum", hint="it has 64 hexadecimal digits")
    return Checksum(algorithm="sha256", digest=digest)


def pick_checksums(checksums: Iterable[Checksum], names: Iterable[str]) -> tuple[Checksum, ...]:
    """Return those checksums that are of the first of `names` that has any."""
    entries = tuple(checksums)
    for name in names:
        if mine := tuple(each for each in entries if _base(each.name) == name):
            return mine
    return ()


def _split(line: str) -> tuple[str, str]:
    """Return digest and name of one line, both empty when it is something else."""
    if match := _BSD.fullmatch(line):
        return match[2], match[1]
    if match := _GNU.fullmatch(line):
        return match[1], (match[2] or "").strip()
    return "", ""


def _base(name: str) -> str:
    return re.split(r"[/\\]", name)[-1]
