# SPDX-License-Identifier: Apache-2.0
"""The parts of Debian that images are made of: the one place that names its releases."""

from boards.kernel import Suite

COMPONENTS = ("main", "non-free-firmware")
_NAMES: dict[Suite, str] = {
    "stable": "trixie",
    "backports": "trixie-backports",
    "testing": "forky",
}


def suite_name(suite: Suite) -> str:
    """Return the name by which the archive knows this part."""
    return _NAMES[suite]


def may_be_stale(name: str) -> bool:
    """Say whether an index of this release will do although its time is over.

    Testing's is valid for a week, and some mirrors lag behind. Nothing of testing runs on a
    node's processors, and profiles name the oldest version of it that they take.
    """
    return name == _NAMES["testing"]
