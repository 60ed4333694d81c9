# SPDX-License-Identifier: Apache-2.0
"""Flashes one card: looks, plans, renders, records, writes, reads back, records again.

Everything that can go wrong without a card goes wrong before its first byte is destroyed.
"""

import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from edge.errors import DeviceError, EdgeError
from edge.events import Listener, Noted, ignore, step
from edge.meta.adv import STORE_BYTES
from edge.units import format_duration, format_size
from flasher.card.personality import Personality, find_meta, new_personality, render_meta
from flasher.description import read_description
from flasher.device import THIS_HOST, DeviceKind, Host, inspect
from flasher.device.usage import disks_of_path
from flasher.patch import Patch
from flasher.record import Attempt, CardRecords, Outcome
from flasher.source import Image, open_image, scan_image
from flasher.write.content import Content, lay_out, read_image_table
from flasher.write.medium import Medium, open_medium
from flasher.write.safety import FlashOptions, FlashPlan, FlashRequest, plan_flash
from flasher.write.writer import UNUSABLE, Writing, write_content

_HEAD_BYTES = 4096  # enough to hold a partition table, and aligned as direct reads want it
Clock = Callable[[], datetime]
_DEFAULTS = FlashOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashReport:
    """A card that was written and read back."""

    target: Path
    record_id: int
    image_sha256: str
    written_bytes: int
    verified_bytes: int
    rewritten_ranges: int
    """How many chunks had to be written a second time; more than none is a bad sign."""
    seconds: float
    fingerprint: str | None
    """Of the node's key, base64; None when the image has no META."""
    enrolment_id: str | None
    """None as well when the card was flashed without an enrolment."""

    @property
    def bytes_per_second(self) -> float:
        """Return how fast the card took it, reading back included."""
        return self.written_bytes / self.seconds if self.seconds else 0.0


def prepare(
    image_path: Path,
    target: Path,
    options: FlashOptions = _DEFAULTS,
    *,
    meta: dict[int, bytes] | None = None,
    listener: Listener = ignore,
    host: Host = THIS_HOST,
) -> FlashPlan:
    """Look at image and target and return the plan; nothing is changed.

    Raises:
        DeviceError: when the target may not be written.
        ImageError: when the image cannot be.
    """
    device = inspect(target, host)
    with step(listener, "read image") as running:
        image = scan_image(image_path.resolve(), listener)
        read_image_table(image)
        running.detail = f"{format_size(image.size_bytes)}, sha256 {image.sha256[:12]}"
    board, version = _origin(image)
    disks = frozenset(host.dev / name for name in disks_of_path(host, image.path))
    request = FlashRequest(
        image=image,
        options=options,
        image_disks=disks,
        board=board,
        version=version,
        meta=meta or {},
    )
    return plan_flash(device, request)


def flash(
    plan: FlashPlan,
    *,
    records: CardRecords,
    listener: Listener = ignore,
    clock: Clock = lambda: datetime.now(UTC),
    host: Host = THIS_HOST,
) -> FlashReport:
    """Carry out `plan` and return what came of it.

    Raises:
        DeviceError: when the target is no longer what the plan was made for. Nothing is written.
        ImageError, FlashError: as `write_content` does; the card is then unbootable on purpose.
    """
    _check_again(plan, host)
    personality, content = _render(plan, clock())
    with open_medium(plan.device, plan.size_bytes) as medium, _removing_failed_file(plan):
        attempt = _attempt(plan, personality, clock())
        number = records.begin(attempt)
        started = monotonic()
        with _recording(
            records, number, medium=medium, listener=listener, clock=clock, started=started
        ):
            writing = _write(medium, content, listener)
        seconds = monotonic() - started
        records.finish(
            number,
            Outcome.WRITTEN,
            ended=clock(),
            written_bytes=writing.written_bytes,
            seconds=seconds,
        )
    return FlashReport(
        target=plan.device.path,
        record_id=number,
        image_sha256=plan.request.image.sha256,
        written_bytes=writing.written_bytes,
        verified_bytes=writing.verified_bytes,
        rewritten_ranges=len(writing.rewritten),
        seconds=seconds,
        fingerprint=attempt.fingerprint,
        enrolment_id=attempt.enrolment_id,
    )


def _origin(image: Image) -> tuple[str, str]:
    """Return board and version from the description beside the image, if it is of this image."""
    found = read_description(image.path)
    if found.get("sha256") != image.sha256:
        return "", ""
    return found.get("board", ""), found.get("version", "")


def _check_again(plan: FlashPlan, host: Host) -> None:
    """Apply every rule to the disk as it is now, and see that it is still the same one."""
    now = inspect(plan.device.path, host)
    if now.identity != plan.device.identity:
        raise DeviceError(
            f"{plan.device.path} is not the disk it was a moment ago; nothing was written",
            hint="look at it again with `edgectl devices`, then repeat the command",
        )
    plan_flash(now, plan.request)


def _render(plan: FlashPlan, now: datetime) -> tuple[Personality | None, Content]:
    """Make everything that will be written, keys included."""
    image = plan.request.image
    meta = find_meta(read_image_table(image))
    if meta is None:
        return None, lay_out(image, plan.size_bytes)
    personality = new_personality(now, enrol=plan.request.options.enrolment)
    size_bytes = min(meta.size_bytes, STORE_BYTES)
    store = render_meta(_read(image, meta.start_bytes, size_bytes), personality, plan.request.meta)
    return personality, lay_out(image, plan.size_bytes, (Patch(meta.start_bytes, store),))


def _read(image: Image, offset: int, size_bytes: int) -> bytes:
    data = bytearray(size_bytes)
    with open_image(image) as reader:
        reader.read_at(offset, memoryview(data))
    return bytes(data)


def _write(medium: Medium, content: Content, listener: Listener) -> Writing:
    with step(listener, "flash") as running:
        started = monotonic()
        writing = write_content(medium, content, listener)
        seconds = monotonic() - started
        running.detail = (
            f"{format_size(writing.written_bytes)} written,"
            f" {format_size(writing.verified_bytes)} read back in {format_duration(seconds)}"
        )
    return writing


@contextmanager
def _recording(
    records: CardRecords,
    number: int,
    *,
    medium: Medium,
    listener: Listener,
    clock: Clock,
    started: float,
) -> Iterator[None]:
    """Note how an attempt fails, and say what state a stopped one leaves the card in."""
    try:
        yield
    except EdgeError as error:
        records.finish(
            number,
            Outcome.FAILED,
            ended=clock(),
            error=error.message,
            seconds=monotonic() - started,
        )
        raise
    except KeyboardInterrupt:
        listener(Noted(text=f"stopped: {medium.name}: {_condition(medium)}"))
        records.finish(number, Outcome.STOPPED, ended=clock(), seconds=monotonic() - started)
        raise


def _condition(medium: Medium) -> str:
    """Say what a stopped write leaves behind, by what is where the partition table was."""
    head = memoryview(mmap.mmap(-1, _HEAD_BYTES))
    try:
        medium.read(0, head)
    except OSError:
        return "it can no longer be read; flash it again"
    return "nothing was written to it" if any(head) else f"{UNUSABLE}; flash it again"


@contextmanager
def _removing_failed_file(plan: FlashPlan) -> Iterator[None]:
    """Leave no half-written file where there was none."""
    try:
        yield
    except BaseException:
        if plan.device.kind is DeviceKind.FILE and plan.device.is_new:
            plan.device.path.unlink(missing_ok=True)
        raise


def _attempt(plan: FlashPlan, personality: Personality | None, now: datetime) -> Attempt:
    device, request = plan.device, plan.request
    attempt = Attempt(
        started=now,
        image_path=request.image.path,
        image_sha256=request.image.sha256,
        image_bytes=request.image.size_bytes,
        board=request.board,
        version=request.version,
        device_path=device.path,
        device_model=f"{device.vendor} {device.model}".strip(),
        device_serial=device.serial,
        device_by_id=str(device.by_id[0]) if device.by_id else "",
        device_bytes=plan.size_bytes,
    )
    if personality is None:
        return attempt
    enrolment = personality.enrolment
    return replace(
        attempt,
        fingerprint=personality.fingerprint,
        enrolment_id=enrolment.id if enrolment else None,
        secret=enrolment.secret if enrolment else None,
    )
