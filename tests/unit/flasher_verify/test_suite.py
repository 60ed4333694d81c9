# SPDX-License-Identifier: Apache-2.0
"""The suite of checks as a whole."""

from pathlib import Path

from flasher.verify import CHECKS
from tests.unit.flasher_verify import test_boot, test_disk, test_system


def test_every_check_is_proven_able_to_fail() -> None:
    """No check is without a fault that it is seen to find."""
    faults = (*test_disk.FAULTS, *test_boot.FAULTS, *test_system.FAULTS)
    proven = {fault.check for fault in faults} | {"description"}  # in test_input.py
    proven |= {"config-overlays"}  # only warns; in test_boot.py
    assert proven == {check.name for check in CHECKS}


def test_every_check_is_explained() -> None:
    """The guide has each check with its rule and where that was learnt."""
    guide = (Path(__file__).parents[3] / "docs/verify.md").read_text()
    missing = [
        check.name
        for check in CHECKS
        if f"| `{check.name}` | {check.rule} | {check.evidence} |" not in guide
    ]
    assert missing == []
