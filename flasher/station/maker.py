# SPDX-License-Identifier: Apache-2.0
"""Makes a station's cards with the flasher's own engine; the image is read and mapped once."""

from dataclasses import replace
from threading import Event as Flag

from edge.errors import DeviceError, FlashError
from edge.events import Event, Listener, Noted
from edge.units import MIB, format_duration, format_size
from flasher.device import THIS_HOST, Device, Host
from flasher.device.eject import eject
from flasher.plan import FlashOptions, FlashPlan, prepare
from flasher.record import CardRecords
from flasher.source import Image
from flasher.station.item import Item
from flasher.station.mark import Mark, read_mark
from flasher.station.port import Sighting
from flasher.station.station import Job, Made
from flasher.write import FlashReport, flash
from flasher.write.event import CardNoted, CardProgressed
from flasher.write.fault import UNUSABLE
from flasher.write.head import read_marker

_AHEAD_BYTES = 8 * MIB  # every slot has a stream of its own


class CardMaker:
    """Applies every rule of a single flash to every card of a station."""

    def __init__(
        self,
        image: Image,
        options: FlashOptions,
        records: CardRecords,
        host: Host = THIS_HOST,
    ) -> None:
        # The engine would eject before the station knows that the card is finished.
        self._image, self._options = image, replace(options, eject=False)
        self._ejects = options.eject
        self._records, self._host = records, host

    def check(self, card: Sighting) -> Mark:
        """See that the card may be written, whatever will be written to it."""
        _check_medium(prepare(self._image, card.path, self._options, host=self._host), card)
        return read_mark(card)

    def flash(self, job: Job, item: Item, listener: Listener) -> Made:
        """Write, verify, record and eject the card."""
        card = job.card
        # A card that was pulled or whose station was killed goes on, whatever item it is now.
        options = replace(self._options, resume=read_marker(card.path) is not None)
        plan = prepare(self._image, card.path, options, card=item.spec, host=self._host)
        _check_medium(plan, card)
        for oddity in plan.oddities:  # the ports were confirmed, so nobody is asked about it
            listener(CardNoted(card=str(card.path), text=f"careful: {oddity}"))
        words: list[str] = []
        try:
            report = flash(
                plan,
                records=self._records,
                listener=_stopping(listener, job.stop, words),
                host=self._host,
                ahead_bytes=_AHEAD_BYTES,
            )
        except KeyboardInterrupt:
            raise FlashError(_condition(words, card)) from None
        made = _made(report, read_mark(card))
        return self._eject(job, plan.device, made) if self._ejects else made

    def _eject(self, job: Job, device: Device, made: Made) -> Made:
        job.leaving.set()
        ejection = eject(device, self._host)
        if ejection.is_done:
            return made
        job.leaving.clear()
        return replace(made, text=f"{made.text}; {ejection.text}")


def _check_medium(plan: FlashPlan, card: Sighting) -> None:
    """See that what was inspected is still what was put in."""
    device = plan.device
    if (device.path.name, device.diskseq, device.size_bytes) != (
        card.name,
        card.diskseq,
        card.size_bytes,
    ):
        raise DeviceError(f"{card.path} was exchanged a moment ago; nothing was written")


def _stopping(listener: Listener, stop: Flag, words: list[str]) -> Listener:
    """Return a listener that interrupts the write at its next sign of life once `stop` is set.

    The engine then says in what condition the card is left; that is kept in `words`.
    """

    def hear(event: Event) -> None:
        if isinstance(event, Noted) and stop.is_set():
            words.append(event.text)
        elif stop.is_set() and isinstance(event, CardProgressed):
            raise KeyboardInterrupt
        else:
            listener(event)

    return hear


def _condition(words: list[str], card: Sighting) -> str:
    """Return what the engine said of a stopped card, without what a slot says already."""
    said = words[-1].removeprefix(f"stopped: {card.path}: ") if words else UNUSABLE
    return f"stopped: {said.partition(';')[0]}"


def _made(report: FlashReport, mark: Mark) -> Made:
    took = format_duration(report.seconds)
    speed = format_size(int(report.bytes_per_second))
    return Made(
        record=report.record_id,
        mark=replace(mark, enrolment=report.enrolment_id or mark.enrolment),
        enrolment=report.enrolment_id or "",
        fingerprint=report.fingerprint or "",
        image_sha256=report.image_sha256,
        text=f"{format_size(report.written_bytes)} in {took}, {speed}/s",
    )
