# SPDX-License-Identifier: Apache-2.0
"""Compares what passes with the checksums of a block map, beside the thread that reads it.

SHA-256 is slower than the fastest targets, and reading need not wait for it: a buffer has one
more reference until it is hashed.
"""

from queue import SimpleQueue
from threading import Thread

from flasher.ranges import Range
from flasher.source import Image
from flasher.write.digest import RangeChecker
from flasher.write.ring import Buffer, Ring

_Item = tuple[Range, Buffer]


class Checking:
    """A thread that checks buffers in the order in which they are given; none without checks."""

    def __init__(self, image: Image, ring: Ring) -> None:
        self._checker, self._ring = RangeChecker(image), ring
        head = image.head
        self._checker.feed(Range(0, len(head)), memoryview(head))
        self._items: SimpleQueue[_Item | None] = SimpleQueue()
        self._error: BaseException | None = None
        self._thread: Thread | None = None
        if image.checks:
            self._thread = Thread(target=self._run, name="image checks", daemon=True)
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
