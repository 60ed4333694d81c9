# SPDX-License-Identifier: Apache-2.0
"""A killed command leaves nothing that boots wrongly, and --resume brings it to a good end."""

from tests.integration.flash.kills import rounds

_COUNT = 6


def test_killed_at_random_moments_then_resumed() -> None:
    """Every card ends verified; `python -m tests.integration.flash.kills` does more of it."""
    ended = list(rounds(_COUNT, seed=3))
    assert [one for one in ended if one.problem] == []
    assert len(ended) == _COUNT
    assert "continued" in {one.ending for one in ended}
