# SPDX-License-Identifier: Apache-2.0
"""Brings cards and streams together: one stream for all that are ready, others for the late.

joined, joined, (grace) -> one stream for both        late or let go -> a stream of its own
"""

from collections.abc import Sequence
from threading import Event, Lock, Timer

from edge.units import MIB
from flasher.ranges import Range, merge, subtract
from flasher.source import Image
from flasher.write.checking import FileChecks
from flasher.write.learn import DigestLearner
from flasher.write.ring import Ring
from flasher.write.stream import Follower, Stream

AHEAD_BYTES = 48 * MIB
"""How far a packed image is unpacked ahead: large holes take a while and bring nothing."""
_GRACE_S = 2.0
_BUFFERS_A_CARD = 4
_BUFFERS_ALONE = 6
_PRIVATE_BUFFERS = 4  # one for each of a card's three workers, and one of zeros


class Feed:
    """Streams of one image for `expected` cards."""

    def __init__(
        self,
        image: Image,
        expected: int,
        *,
        chunk_bytes: int,
        stopping: Event,
        ahead_bytes: int = AHEAD_BYTES,
    ) -> None:
        self.chunk_bytes = chunk_bytes
        self.learner = DigestLearner(image, stopping)
        self._checks = None if image.layers else FileChecks(image)
        self._ahead_bytes = ahead_bytes if image.layers else 0
        self.memory_bytes = expected * _PRIVATE_BUFFERS * chunk_bytes
        """What all buffers take, those of cards that were let go included."""
        self._image, self._expected, self._stopping = image, expected, stopping
        self._waiting: list[Follower] = []
        self._has_started = False
        self._lock = Lock()
        self._grace = Timer(_GRACE_S, self._start_common)
        self._grace.daemon = True

    def wait_for_checks(self) -> None:
        """Wait until all of the image was compared with its block map, if it has one.

        Raises:
            ImageError: when it does not match.
        """
        if self._checks:
            self._checks.wait(self._stopping)

    def close(self) -> None:
        """Say that no card needs the image any more."""
        if self._checks:
            self._checks.stop()

    def join(self, run: Follower) -> None:
        """Give `run` the image; it begins when all expected cards are there or late."""
        with self._lock:
            is_late = self._has_started
            if not is_late:
                self._waiting.append(run)
                if len(self._waiting) == 1 and self._expected > 1:
                    self._grace.start()
            is_complete = len(self._waiting) >= self._expected
        if is_late:
            self._start([run], run.wanted, _BUFFERS_ALONE)
        elif is_complete:
            self._start_common()

    def withdraw(self) -> None:
        """Expect one card less."""
        with self._lock:
            self._expected -= 1
            is_complete = bool(self._waiting) and len(self._waiting) >= self._expected
        if is_complete:
            self._start_common()

    def _start_common(self) -> None:
        with self._lock:
            if self._has_started:
                return
            self._has_started = True
            runs = list(self._waiting)
        self._grace.cancel()
        ranges = merge(one for run in runs for one in run.wanted)
        ahead = self._ahead_bytes // self.chunk_bytes
        self._start(runs, ranges, max(_BUFFERS_ALONE, _BUFFERS_A_CARD * len(runs), ahead))

    def _start(self, runs: Sequence[Follower], ranges: Sequence[Range], buffers: int) -> None:
        ring = Ring(buffers, self.chunk_bytes)
        self.memory_bytes += ring.size_bytes
        stream = Stream(
            self._image,
            ranges,
            ring=ring,
            followers=runs,
            let_go=self._let_go,
            stopping=self._stopping,
            checks=self._checks,
            learner=self.learner,
        )
        stream.start()

    def _let_go(self, follower: Follower, position: int) -> None:
        left = subtract(follower.wanted, [Range(0, position)])
        self._start([follower], left, _BUFFERS_ALONE)
