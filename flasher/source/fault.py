# SPDX-License-Identifier: Apache-2.0
"""Turns whatever can go wrong with a file, an archive or a decoder into one plain line."""

import errno
import lzma
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import ImageError

AGAIN = "download or build it again"
_WINDOW = "pack it with at most xz -9 or zstd --long=27"
_UNPACK = f"{AGAIN}; if it was published so, unpack it and give the disk image"
BUILD = "build one: edgectl image build --board BOARD"
_ELSEWHERE = "EDGECTL_CACHE names another folder for large files"
_ROOM = f"free space; {_ELSEWHERE}"


class WrongImageError(ImageError):
    """The bytes of the image itself are wrong, so that only another copy of it can help."""


class TrailingDataError(Exception):
    """Something that is not compressed data follows a whole stream."""


@contextmanager
def explained(path: Path | str, what: str = "image", hint: str = BUILD) -> Iterator[None]:
    """Raise an ImageError that names `path` for every fault of reading it.

    Args:
        path: A file or an address.
        what: What it should be; `hint` says how to have one where there is none.
        hint: See `what`.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise ImageError(f"there is no {what} {path}", hint=hint) from error
    except EOFError as error:
        raise WrongImageError(f"{path} is truncated: its data ends early", hint=AGAIN) from error
    except TrailingDataError as error:
        raise WrongImageError(
            f"{path} has something else behind its compressed data", hint=_UNPACK
        ) from error
    except (lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, zlib.error) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno is None:  # what bz2 and gzip raise for damaged data
            raise _damaged(path, error) from error
        raise ImageError(f"cannot read {path}: {error.strerror or error}") from error
    except _decoder_errors() as error:
        raise _damaged(path, error) from error


@contextmanager
def storing(place: Path) -> Iterator[None]:
    """Raise an ImageError for every fault of writing below `place`."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        reason = "the disk is full" if full else error.strerror or error
        hint = _ROOM if full else _ELSEWHERE
        raise ImageError(f"cannot write to {place}: {reason}", hint=hint) from error


def _damaged(path: Path | str, error: Exception) -> ImageError:
    text = str(error).rstrip(".!") or type(error).__name__
    if "emory" in text:
        return ImageError(f"{path} takes too much memory to unpack: {text}", hint=_WINDOW)
    return WrongImageError(f"{path} is damaged: {text}", hint=AGAIN)


def _decoder_errors() -> tuple[type[Exception], ...]:
    """Return the error classes of those decoders that are in use."""
    names = (
        ("isal.igzip_lib", "IsalError"),
        ("backports.zstd", "ZstdError"),
        ("compression.zstd", "ZstdError"),
    )
    return tuple(getattr(sys.modules[name], kind) for name, kind in names if name in sys.modules)
