# SPDX-License-Identifier: Apache-2.0
"""What a bad card does to the bytes that are sent to it; the file behind it is what it keeps.

    request -> budget (how fast) -> faults (what goes wrong) -> capacity (where it lands) -> file

Offsets of faults are the ones the host asks for, so a fake card's wrap-around does not move them.
"""

import errno
import os
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Operation = Literal["read", "write"]
Kind = Literal["flip", "drop", "fail", "stall", "vanish"]
LONGEST_STALL_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong when `on` touches `offset`."""

    kind: Kind
    on: Operation = "write"
    offset: int = 0
    times: int | None = 1
    """How often; None is always."""
    errno: int = errno.EIO
    seconds: float | None = None
    """How long a stall takes; None is until it is released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """A card that has `real_bytes` and claims more."""

    real_bytes: int
    beyond: Literal["wraps", "zeros", "noise", "old"] = "wraps"
    """What lies past the end: the start again, or nothing that keeps what is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many bytes a second a card takes and gives."""

    write_bps: int
    read_bps: int
    is_shared: bool = False
    """Reads and writes wait for each other, as on one bus."""


class BadCard:
    """A card of `size_bytes` over an open file; safe to use from many threads."""

    def __init__(self, fd: int, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.capacity: Capacity | None = None
        self.clock: BusClock | None = None
        self.is_gone = False
        self.keeps_writes = True
        self._fd = fd
        self._faults: list[_Armed] = []
        self._changed = threading.Condition()

    def arm(self, fault: Fault) -> int:
        """Let `fault` happen from now on and return its number."""
        with self._changed:
            self._faults.append(_Armed(fault))
            return len(self._faults) - 1

    def disarm(self) -> None:
        """Be a good card again; whoever is stalled goes on."""
        with self._changed:
            for armed in self._faults:
                armed.left, armed.is_released = 0, True
            self.is_gone = False
            self._changed.notify_all()

    def release(self, number: int) -> None:
        """End the stall of fault `number`."""
        with self._changed:
            self._faults[number].is_released = True
            self._changed.notify_all()

    def hits(self, number: int, *, wait_s: float = 0) -> int:
        """Return how often fault `number` happened, after at most `wait_s` if it has not yet."""
        armed = self._faults[number]
        with self._changed:
            self._changed.wait_for(lambda: armed.hits > 0, wait_s)
            return armed.hits

    def write(self, offset: int, data: bytes) -> int:
        """Take `data`; what comes of it is another matter."""
        self._pace("write", len(data))
        changed = bytearray()
        for fault in self._happening("write", offset, len(data)):
            if fault.kind == "drop":
                return len(data)
            changed = changed or bytearray(data)
            changed[fault.offset - offset] ^= 0x40
        if self.keeps_writes:
            self._store(offset, memoryview(changed or data))
        return len(data)

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Return what the card says is there."""
        size_bytes = max(0, min(size_bytes, self.size_bytes - offset))
        self._pace("read", size_bytes)
        found = None
        for fault in self._happening("read", offset, size_bytes):
            found = found or bytearray(self._load(offset, size_bytes))
            found[fault.offset - offset] ^= 0x40
        return self._load(offset, size_bytes) if found is None else bytes(found)

    def _pace(self, on: Operation, size_bytes: int) -> None:
        if self.clock is not None:
            self.clock.take(on, size_bytes)

    def _happening(self, on: Operation, offset: int, size_bytes: int) -> list[Fault]:
        """Stall, fail or vanish as it has to be, and return what else happens to the bytes."""
        changing = []
        with self._changed:
            self._raise_if_gone()
            for armed in self._faults:
                if armed.strikes(on, offset, size_bytes):
                    self._changed.notify_all()
                    if armed.fault.kind in ("flip", "drop"):
                        changing.append(armed.fault)
                    else:
                        self._suffer(armed)
        return sorted(changing, key=lambda fault: fault.kind != "drop")

    def _suffer(self, armed: "_Armed") -> None:
        fault = armed.fault
        if fault.kind == "fail":
            raise OSError(fault.errno, os.strerror(fault.errno))
        if fault.kind == "vanish":
            self.is_gone = True
        else:
            seconds = LONGEST_STALL_S if fault.seconds is None else fault.seconds
            self._changed.wait_for(lambda: armed.is_released, seconds)
        self._raise_if_gone()

    def _raise_if_gone(self) -> None:
        if self.is_gone:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    def _store(self, offset: int, data: memoryview) -> None:
        for place, start, size in self._pieces(offset, len(data)):
            if place is not None:
                os.pwrite(self._fd, data[start : start + size], place)

    def _load(self, offset: int, size_bytes: int) -> bytes:
        found = []
        for place, start, size in self._pieces(offset, size_bytes):
            if place is not None:
                found.append(os.pread(self._fd, size, place))
            else:
                found.append(self._nothing(offset + start, size))
        return found[0] if len(found) == 1 else b"".join(found)

    def _nothing(self, offset: int, size_bytes: int) -> bytes:
        assert self.capacity is not None
        if self.capacity.beyond == "noise":
            return random.Random(offset).randbytes(size_bytes)
        if self.capacity.beyond == "old":
            return os.pread(self._fd, size_bytes, offset)
        return bytes(size_bytes)

    def _pieces(self, offset: int, size_bytes: int) -> Iterator[tuple[int | None, int, int]]:
        """Yield where in the file each piece lies (None is nowhere), its start and its size."""
        if self.capacity is None:
            yield offset, 0, size_bytes
            return
        real, start = self.capacity.real_bytes, 0
        while start < size_bytes:
            at = offset + start
            is_beyond = at >= real and self.capacity.beyond != "wraps"
            size = size_bytes - start if is_beyond else min(size_bytes - start, real - at % real)
            yield None if is_beyond else at % real, start, size
            start += size


class BusClock:
    """Hands out time on a bus: requests queue, each takes its bytes over its rate.

    The time line does not run ahead of the budget: a request that comes within `_CREDIT_S` of the
    last one's end is taken as having waited in the card's own queue.
    """

    _CREDIT_S = 0.004

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._lock = threading.Lock()
        self._busy_until = {"read": 0.0, "write": 0.0}
        self.busy_s = {"read": 0.0, "write": 0.0}
        """How long the bus was taken by each."""

    def take(self, on: Operation, size_bytes: int) -> None:
        """Return when `size_bytes` have gone over the bus."""
        rate = self.budget.write_bps if on == "write" else self.budget.read_bps
        line = "write" if self.budget.is_shared else on
        with self._lock:
            now = time.monotonic()
            start = max(self._busy_until[line], now - self._CREDIT_S)
            end = self._busy_until[line] = start + size_bytes / rate
            self.busy_s[on] += size_bytes / rate
        if end > now:
            time.sleep(end - now)


class _Armed:
    """A fault, and how often it may still happen."""

    def __init__(self, fault: Fault) -> None:
        self.fault, self.left, self.hits, self.is_released = fault, fault.times, 0, False

    def strikes(self, on: Operation, offset: int, size_bytes: int) -> bool:
        if self.left == 0 or self.fault.on != on:
            return False
        if not offset <= self.fault.offset < offset + size_bytes:
            return False
        self.left = None if self.left is None else self.left - 1
        self.hits += 1
        return True
