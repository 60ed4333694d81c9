# SPDX-License-Identifier: Apache-2.0
"""What the records are told about an attempt to flash a card, before and after."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic

from edge.errors import EdgeError
from flasher.card import RenderedCard
from flasher.record import Attempt, CardRecords, Outcome
from flasher.write.card import StoppedError, Tally
from flasher.write.request import FlashPlan
from flasher.write.watch import WatchedMedium

Clock = Callable[[], datetime]


def new_attempt(
    plan: FlashPlan, card: RenderedCard, now: datetime, *, resumes: int | None
) -> Attempt:
    """Return what is known before the first byte is written."""
    device, request, personality = plan.device, plan.request, card.personality
    enrolment = personality.enrolment if personality else None
    return Attempt(
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
        device_port=device.port,
        device_bytes=plan.size_bytes,
        card_cid=device.cid,
        asset_tag=card.spec.asset_tag,
        card_name=card.spec.name,
        hostname=card.spec.hostname,
        resumes=resumes,
        fingerprint=personality.fingerprint if personality else None,
        enrolment_id=enrolment.id if enrolment else None,
        secret=enrolment.secret if enrolment else None,
    )


@contextmanager
def recording_failure(
    records: CardRecords, number: int, clock: Clock, tally: Tally, *, is_due: Callable[[], bool]
) -> Iterator[None]:
    """Note how an attempt fails or that it was stopped, unless its end was noted meanwhile."""
    started = monotonic()

    def note(outcome: Outcome, error: str = "") -> None:
        if is_due():
            record_failure(
                records,
                number,
                outcome,
                tally,
                clock=clock,
                error=error,
                seconds=monotonic() - started,
            )

    try:
        yield
    except EdgeError as error:
        note(Outcome.FAILED, error.message)
        raise
    except (StoppedError, KeyboardInterrupt):
        note(Outcome.STOPPED)
        raise


def record_failure(
    records: CardRecords,
    number: int,
    outcome: Outcome,
    tally: Tally,
    *,
    clock: Clock,
    error: str,
    seconds: float = 0.0,
) -> None:
    """Note that attempt `number` came no further than `tally`."""
    records.finish(
        number,
        outcome,
        ended=clock(),
        error=error,
        seconds=seconds,
        written_bytes=tally.written_bytes,
        verified_bytes=tally.verified_bytes,
        rewritten_ranges=len(tally.rewritten),
        probed_bytes=tally.probed_bytes,
    )


def record_success(
    records: CardRecords,
    number: int,
    tally: Tally,
    *,
    medium: WatchedMedium,
    clock: Clock,
    seconds: float,
    sha256: str,
) -> None:
    """Note that the card of attempt `number` is written and read back."""
    records.finish(
        number,
        Outcome.WRITTEN,
        ended=clock(),
        seconds=seconds,
        written_bytes=tally.written_bytes,
        verified_bytes=tally.verified_bytes,
        rewritten_ranges=len(tally.rewritten),
        write_bytes_per_second=medium.write_bytes_per_second,
        read_bytes_per_second=medium.read_bytes_per_second,
        probed_bytes=tally.probed_bytes,
        image_sha256=sha256,
    )
