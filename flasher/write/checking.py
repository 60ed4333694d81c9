# SPDX-License-Identifier: Apache-2.0
"""Compares an image with the checksums of its block map, beside the threads that read it.

SHA-256 is slower than the fastest targets, and nobody need wait for it: an unpacked image is
hashed from the page cache, where a stream has just brought it, and before a card's head is
written all must have been right. A packed one passes only once: there a buffer has one more
reference until it is hashed.
"""

from queue import SimpleQueue
from threading import Condition, Event, Thread

from edge.units import MIB
from flasher.ranges import Range, split
from flasher.source import Image, open_image
from flasher.write.digest import RangeChecker
from flasher.write.ring import Buffer, Ring

_Item = tuple[Range, Buffer]
_LOOK_S = 0.2
_PIECE_BYTES = MIB  # stays in the processor's cache between reading and hashing


class FileChecks:
    """Checks an unpacked image in a thread of its own, never ahead of whoever reads it."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._changed = Condition()
        self._position = 0
        self._error: BaseException | None = None
        self._is_over = not image.checks
        self._is_stopped = False
        if image.checks:
            Thread(target=self._run, name="image checks", daemon=True).start()

    def reached(self, position: int) -> None:
        """Say that everything before `position` has been read, or is of no use to any card."""
        with self._changed:
            self._position = max(self._position, position)
            self._changed.notify_all()

    def raise_error(self) -> None:
        """Tell of what was found so far.

        Raises:
            ImageError: when something is wrong.
        """
        if self._error:
            raise self._error

    def wait(self, stopping: Event) -> None:
        """Wait until everything is checked, or the run is stopped.

        Raises:
            ImageError: when something was found wrong.
        """
        with self._changed:
            while not self._is_over and not stopping.is_set():
                self._changed.wait(_LOOK_S)  # nobody wakes it for `stopping`
        self.raise_error()

    def stop(self) -> None:
        """End the thread; nobody will ask any more."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._check_all()
        except BaseException as error:  # the thread's boundary: every card raises it again
            self._error = error
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _check_all(self) -> None:
        checker, buffer = RangeChecker(self._image), memoryview(bytearray(_PIECE_BYTES))
        with open_image(self._image) as reader:
            for at in split((check.range for check in self._image.checks), _PIECE_BYTES):
                if not self._may_read(at.end):
                    return
                reader.read_at(at.start, buffer[: at.size_bytes])
                checker.feed(at, buffer[: at.size_bytes])

    def _may_read(self, end: int) -> bool:
        """Wait until the bytes before `end` were read; return whether to go on."""
        with self._changed:
            self._changed.wait_for(lambda: self._position >= end or self._is_stopped)
            return not self._is_stopped


class Checking:
    """A thread that checks buffers as they pass; none for an unpacked image, or without checks."""

    def __init__(self, image: Image, ring: Ring) -> None:
        self._checker, self._ring = RangeChecker(image), ring
        self.is_needed = bool(image.checks and image.layers)
        head = image.head
        self._checker.feed(Range(0, len(head)), memoryview(head))
        self._items: SimpleQueue[_Item | None] = SimpleQueue()
        self._error: BaseException | None = None
        self._thread: Thread | None = None
        if self.is_needed:
            self._thread = Thread(target=self._run, name="stream checks", daemon=True)
            self._thread.start()

    def feed(self, at: Range, buffer: Buffer) -> None:
        """Have the bytes at `at`, which are the first of `buffer`, checked.

        Raises:
            ImageError: when earlier ones were found wrong.
        """
        if self._error:
            raise self._error
        if self._thread and at.size_bytes:
            self._ring.retain(buffer)
            self._items.put((at, buffer))

    def finish(self) -> None:
        """Wait until everything is checked.

        Raises:
            ImageError: when something was found wrong.
        """
        self.stop()
        if self._error:
            raise self._error

    def stop(self) -> None:
        """End the thread once it has done what it was given."""
        if self._thread:
            self._items.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while item := self._items.get():
            at, buffer = item
            try:
                if not self._error:
                    self._checker.feed(at, buffer.memory[: at.size_bytes])
            except BaseException as error:  # the thread's boundary: the reader raises it
                self._error = error
            finally:
                self._ring.release(buffer)
