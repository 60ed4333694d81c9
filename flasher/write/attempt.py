# SPDX-License-Identifier: Apache-2.0
"""What the records are told about an attempt to flash a card, before and after."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from time import monotonic
from typing import Any

from edge.errors import EdgeError
from flasher.card import RenderedCard
from flasher.plan.request import FlashPlan
from flasher.record import Attempt, CardRecords, Outcome
from flasher.write.card import StoppedError, Tally
from flasher.write.watch import WatchedMedium

Clock = Callable[[], datetime]
Told = Callable[[str], None]


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


class Entry:
    """An attempt in the records; how it ended is said once, by whoever knows first.

    Records that cannot be written make no good card bad, nor hide why a bad one is: that the
    end is missing there is only told.
    """

    def __init__(self, records: CardRecords, number: int, *, clock: Clock, told: Told) -> None:
        self.number = number
        self.tally = Tally()
        """How far it came; the card's job fills it."""
        self._records, self._clock, self._told = records, clock, told
        self._began, self._lock, self._has_ended = monotonic(), Lock(), False

    def fail(self, error: EdgeError) -> None:
        """Note why the attempt failed."""
        self._end(Outcome.FAILED, error=error.message)

    def stop(self) -> None:
        """Note that the operator stopped it."""
        self._end(Outcome.STOPPED)

    def succeed(self, medium: WatchedMedium, *, seconds: float, sha256: str) -> None:
        """Note that the card is written and read back."""
        self._end(
            Outcome.WRITTEN,
            seconds=seconds,
            write_bytes_per_second=medium.write_bytes_per_second,
            read_bytes_per_second=medium.read_bytes_per_second,
            image_sha256=sha256,
        )

    def _end(self, outcome: Outcome, *, seconds: float | None = None, **more: Any) -> None:
        with self._lock:
            if self._has_ended:
                return
            self._has_ended = True
        try:
            self._records.finish(
                self.number,
                outcome,
                ended=self._clock(),
                seconds=monotonic() - self._began if seconds is None else seconds,
                written_bytes=self.tally.written_bytes,
                verified_bytes=self.tally.verified_bytes,
                rewritten_ranges=len(self.tally.rewritten),
                probed_bytes=self.tally.probed_bytes,
                **more,
            )
        except EdgeError as error:
            self._told(f"its end is not recorded ({outcome}): {error.message}")


@contextmanager
def recording_failure(entry: Entry) -> Iterator[None]:
    """Note how an attempt fails or that it was stopped."""
    try:
        yield
    except EdgeError as error:
        entry.fail(error)
        raise
    except (StoppedError, KeyboardInterrupt):
        entry.stop()
        raise
