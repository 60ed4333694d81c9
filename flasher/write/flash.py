# SPDX-License-Identifier: Apache-2.0
"""Flashes cards: checks again, renders, records, writes, reads back, records again.

Everything that can go wrong without a card goes wrong before its first byte is destroyed, and
for all cards before the first of them is touched.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from resource import RUSAGE_SELF, getrusage
from threading import Event, Lock

from edge.errors import BugError, DeviceError, EdgeError
from edge.events import Event as Happening
from edge.events import Listener, Noted, ignore, step
from edge.units import KIB, format_duration, format_size
from flasher.card import CardRenderer
from flasher.device import THIS_HOST, Host, look_again
from flasher.plan.content import lay_out
from flasher.plan.request import FlashPlan
from flasher.plan.safety import plan_flash
from flasher.record import CardRecords
from flasher.write.attempt import Clock
from flasher.write.engine import CardThread, wait_for
from flasher.write.fault import UNUSABLE
from flasher.write.feed import AHEAD_BYTES, Feed
from flasher.write.limits import chunk_bytes_of
from flasher.write.task import FlashReport, Run, Task, new_thread


def _utc_now() -> datetime:
    return datetime.now(UTC)


def flash(
    plan: FlashPlan,
    *,
    records: CardRecords,
    listener: Listener = ignore,
    clock: Clock = _utc_now,
    host: Host = THIS_HOST,
    ahead_bytes: int = AHEAD_BYTES,
) -> FlashReport:
    """Carry out `plan` and return what came of it.

    Raises:
        DeviceError: when the target is no longer what the plan was made for. Nothing is written.
        ImageError, FlashError: as `write_card` does; the card is then unbootable on purpose.
    """
    with step(listener, "flash") as running:
        (result,) = flash_cards(
            [plan],
            records=records,
            listener=listener,
            clock=clock,
            host=host,
            ahead_bytes=ahead_bytes,
        )
        if isinstance(result, EdgeError):
            raise result
        running.detail = (
            f"{format_size(result.written_bytes)} written,"
            f" {format_size(result.verified_bytes)} read back"
            f" in {format_duration(result.seconds)}"
        )
    return result


def flash_cards(
    plans: Sequence[FlashPlan],
    *,
    records: CardRecords,
    listener: Listener = ignore,
    clock: Clock = _utc_now,
    host: Host = THIS_HOST,
    ahead_bytes: int = AHEAD_BYTES,
) -> list[FlashReport | EdgeError]:
    """Write one image to the card of every plan at once; return in their order what came of each.

    A card that fails does not stop the others. A packed image is unpacked up to `ahead_bytes`
    ahead of them.

    Raises:
        DeviceError: when a target is no longer what its plan was made for.
        ImageError: when something cannot be rendered. Nothing is written after either.
    """
    for plan in plans:
        _check_again(plan, host)
    tasks = _render(plans, clock())
    stopping = Event()
    image = plans[0].request.image
    feed = Feed(
        image,
        len(plans),
        chunk_bytes=chunk_bytes_of([plan.device for plan in plans], host),
        stopping=stopping,
        ahead_bytes=ahead_bytes,
    )
    run = Run(
        feed=feed,
        records=records,
        listener=_one_at_a_time(listener),
        clock=clock,
        host=host,
        stopping=stopping,
    )
    threads = [new_thread(task, run) for task in tasks]
    try:
        wait_for(threads, stopping=stopping, listener=run.listener)
    except KeyboardInterrupt:
        _say_conditions(tasks, threads, listener)
        raise
    finally:
        feed.close()
    _say_memory(feed, run.listener)
    return [_result(thread) for thread in threads]


def rehearse(plans: Sequence[FlashPlan]) -> None:
    """Render everything that the cards of `plans` will carry, and throw it away.

    Raises:
        ImageError: when something has no place on its card.
        ToolError: when a program that is needed for it is missing.
    """
    _render(plans, _utc_now())


def _say_memory(feed: Feed, listener: Listener) -> None:
    peak_bytes = getrusage(RUSAGE_SELF).ru_maxrss * KIB
    buffers = format_size(feed.memory_bytes)
    listener(Noted(text=f"memory: {format_size(peak_bytes)} at most, {buffers} of it buffers"))


def _check_again(plan: FlashPlan, host: Host) -> None:
    """Look at the target once more, now, and see that it is still the same one."""
    again = plan_flash(look_again(plan.device, host), plan.request)
    if again.saved != plan.saved:
        raise DeviceError(
            f"the partitions to save on {plan.device.path} are not those they were a moment ago;"
            " nothing was written",
            hint="repeat the command",
        )


def _render(plans: Sequence[FlashPlan], now: datetime) -> list[Task]:
    """Make everything that will be written, keys included."""
    image = plans[0].request.image
    if any(plan.request.image != image for plan in plans):
        raise BugError("cards of one run have different images")
    tasks = []
    with CardRenderer(image) as renderer:
        for plan in plans:
            request = plan.request
            card = renderer.render(
                request.card, now=now, enrol=request.options.enrolment, meta=request.meta
            )
            content = lay_out(
                image,
                plan.size_bytes,
                card.patches,
                grow=request.options.grow_last,
                saved=plan.saved,
            )
            tasks.append(Task(plan=plan, card=card, content=content))
    return tasks


def _result(thread: CardThread) -> FlashReport | EdgeError:
    result = thread.result
    if isinstance(result, FlashReport | EdgeError):
        return result
    assert isinstance(result, BaseException)
    raise result


def _say_conditions(
    tasks: Sequence[Task], threads: Sequence[CardThread], listener: Listener
) -> None:
    """Say what state a stopped run leaves each card in."""
    for task, thread in zip(tasks, threads, strict=True):
        if isinstance(thread.result, FlashReport):
            condition = "it was finished, and may be used"
        elif isinstance(thread.result, EdgeError):
            condition = thread.result.message
        elif task.is_touched and thread.is_pending:
            condition = "it did not answer in time, and must be flashed again"
        elif task.is_touched:
            condition = f"{UNUSABLE}; flash it again, or go on with --resume"
        else:
            condition = "nothing was written to it"
        listener(Noted(text=f"stopped: {thread.name}: {condition}"))


def _one_at_a_time(listener: Listener) -> Listener:
    lock = Lock()

    def tell(event: Happening) -> None:
        with lock:
            listener(event)

    return tell
