# SPDX-License-Identifier: Apache-2.0
"""All checks in their order, and the one function that runs them on an image."""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from boards.catalog import load_profile
from boards.profile import Profile
from edge.errors import EdgeError, ImageError, InputError
from edge.units import MIB, format_size
from flasher.image.grub import BOOT_CONFIG
from flasher.scratch import scratch_folder
from flasher.source.format import COMPRESSIONS, HEAD_BYTES, Kind, recognise
from flasher.table import Partition
from flasher.tool import require_tools
from flasher.verify import (
    addition,
    config_txt,
    description,
    device_tree,
    files,
    filesystem,
    grub,
    initramfs,
    memory,
    module,
    program,
    root,
    table,
)
from flasher.verify.check import Check, Finding, Verdict, run_check
from flasher.verify.read.ext import ExtVolume
from flasher.verify.read.fat import FatVolume
from flasher.verify.subject import SLOT, Subject

_BOARD = re.compile(r"\bedge\.board=([a-z0-9-]+)")
_DIRECT = f"{SLOT}/cmdline.txt"

_PACKED = COMPRESSIONS | {Kind.ZIP, Kind.TAR}
_WANTED = "give a file that `edgectl image build` wrote"
_TOOLS = ("debugfs", "unsquashfs")
_ROOM_BYTES = 512 * MIB
"""What an image takes up at most while it is looked into."""

CHECKS: tuple[Check, ...] = (
    *table.CHECKS,
    *filesystem.CHECKS,
    *files.CHECKS,
    *program.CHECKS,
    *config_txt.CHECKS,
    *grub.CHECKS,
    *memory.CHECKS,
    *device_tree.CHECKS,
    *initramfs.CHECKS,
    *module.CHECKS,
    *root.CHECKS,
    *addition.CHECKS,
    *description.CHECKS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What all checks found on one image."""

    image: str
    board: str
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that speak against using the image."""
        return self.of(Verdict.FAILED)

    def of(self, verdict: Verdict) -> tuple[Finding, ...]:
        """Return the findings that ended so."""
        return tuple(each for each in self.findings if each.verdict == verdict)


def verify_image(
    path: Path, profile: Profile | None = None, *, checks: Sequence[Check] = CHECKS
) -> Report:
    """Check an image against what its board wants; without `profile`, the image names its board.

    Raises:
        ImageError: when it is no image at all, is packed or cut off, or does not say which board
            it is for.
        BoardError: when it names one that is unknown.
        ToolError: when a program is missing without which it cannot be read at all.
    """
    require_tools(_TOOLS)
    with _open(path) as subject:
        subject.profile = profile or load_profile(_board_of(subject))
        findings = tuple(run_check(check, subject) for check in checks)
        if any(each.verdict is Verdict.FAILED for each in findings):
            _require_room(subject.work)
    return Report(image=str(path), board=subject.profile.name, findings=findings)


def _require_room(work: Path) -> None:
    """Tell a fault of the image from one of the disk that it is unpacked on."""
    free = shutil.disk_usage(work).free
    if free < _ROOM_BYTES:
        raise ImageError(
            f"{work.parent} has {format_size(free)} left, too little to look into an image",
            hint=f"free {format_size(_ROOM_BYTES)} there, or let TMPDIR name another folder",
        )


@contextmanager
def _open(path: Path) -> Iterator[Subject]:
    if not path.exists():
        raise InputError(f"there is no file {path}")
    if not path.is_file():
        raise InputError(f"{path} is not a regular file")
    try:
        with path.open("rb") as file, scratch_folder("verify") as work:
            _check_kind(path, file.read(HEAD_BYTES))
            subject = Subject(path, file, work)
            _check_size(subject)
            yield subject
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror or error}") from error


def _check_kind(path: Path, head: bytes) -> None:
    try:
        kind = recognise(head, path)
    except ImageError as error:
        raise ImageError(error.message, hint=_WANTED) from error
    if kind in _PACKED:
        raise ImageError(f"{path} is packed ({kind})", hint="unpack it first")
    if kind is not Kind.RAW:
        raise ImageError(f"{path} is not a raw image but {kind}", hint=_WANTED)


def _check_size(subject: Subject) -> None:
    """Refuse an image that ends before its last partition does."""
    end = max((each.end_bytes for each in subject.table.partitions), default=0)
    if end > subject.size_bytes:
        raise ImageError(
            f"{subject.path} is cut off: it has {subject.size_bytes} bytes"
            f" and its partitions reach to {end}",
            hint="copy or download it again",
        )


def _board_of(subject: Subject) -> str:
    """Return the board that the kernel's arguments in the image name, or else its description."""
    for part in subject.table.partitions:
        for arguments in _kernel_arguments(subject, part):
            if named := _BOARD.search(arguments):
                return named[1]
    with suppress(ImageError):
        if isinstance(board := (subject.described or {}).get("board"), str):
            return board
    raise ImageError(
        f"{subject.path} does not say which board it is for",
        hint="if it is an image of edgectl all the same: --board BOARD",
    )


def _kernel_arguments(subject: Subject, part: Partition) -> Iterator[str]:
    with suppress(EdgeError, ValueError, IndexError):
        yield FatVolume(subject.file, part.start_bytes).read(_DIRECT).decode(errors="replace")
    with suppress(EdgeError):
        copy = subject.work / "grub.cfg"
        ExtVolume(subject.link, part.start_bytes).extract(BOOT_CONFIG, copy)
        yield copy.read_text(errors="replace")
        copy.unlink()
