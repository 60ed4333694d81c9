# SPDX-License-Identifier: Apache-2.0
"""A stall is one request that does not come back, measured by the card's own pace."""

from edge.units import MIB
from flasher.write.watch import WatchedMedium
from tests.fakes.medium import FakeMedium

DATA = memoryview(bytes(4096))


def test_stall_is_the_age_of_the_oldest_request() -> None:
    """While nothing is under way, nothing stalls; what is under way ages."""
    now, seen = [0.0], list[float]()
    inner = FakeMedium(MIB)
    medium = WatchedMedium(inner, lambda: now[0])

    def pass_time(_offset: int) -> None:
        now[0] += 40
        seen.append(medium.stalled_s)

    inner.on_write = pass_time
    medium.write(0, DATA)
    assert seen == [40]
    assert medium.stalled_s == 0


def test_slow_cards_get_longer() -> None:
    """A card whose requests took ten seconds is not given up after a minute."""
    now = [0.0]
    inner = FakeMedium(MIB)
    medium = WatchedMedium(inner, lambda: now[0])
    assert (medium.notice_s, medium.limit_s) == (5, 60)
    inner.on_write = lambda _offset: now.__setitem__(0, now[0] + 10)
    medium.write(0, DATA)
    assert (medium.notice_s, medium.limit_s) == (30, 200)
    assert medium.write_bytes_per_second == 409.6
