# SPDX-License-Identifier: Apache-2.0
"""When stages passed and how long they took, boot by boot."""

import pytest

from edge.provision.console import Stage, StageDetector, StagePassed, Timeline
from edge.provision.console.timeline import MAX_BOOTS, MAX_PASSAGES


def follow(*chunks: tuple[float, str]) -> Timeline:
    """Return the timeline of a console that said these things at these times."""
    detector, timeline = StageDetector(), Timeline()
    for at_s, text in chunks:
        for event in detector.feed(text.encode(), at_s):
            if isinstance(event, StagePassed):
                timeline.add(event)
    return timeline


def test_stages_have_times() -> None:
    """Each stage counts from the boot's first byte, and lasts until the next one begins."""
    timeline = follow(
        (1.0, "noise of the power supply\n"),
        (1.5, "U-Boot 2025.01 (Jan 01 2025)\n"),
        (4.0, "Welcome to GRUB!\n"),
        (4.5, "Booting `Edge slot A'\n"),
        (9.0, "[    0.0] Linux version 6.12\n"),
    )
    (boot,) = timeline.boots
    assert [(each.stage, each.at_s, each.took_s) for each in boot.passages] == [
        (Stage.U_BOOT, 0.5, 2.5),
        (Stage.GRUB, 3.0, 5.0),
        (Stage.KERNEL, 8.0, None),
    ]
    assert boot.passages[1].text == "Booting `Edge slot A'"
    assert boot.seconds == 8.0


def test_line_counts_from_its_first_letter() -> None:
    """A line that arrives in two pieces began with the first of them."""
    timeline = follow((2.0, "Welcome to "), (2.5, "GRUB!\n"))
    assert timeline.boots[0].passages[0].at_s == 0.0
    assert timeline.boots[0].at_s == 2.0


def test_restart_begins_a_new_boot() -> None:
    """After a warm restart the clock begins with the next byte that comes."""
    timeline = follow(
        (0.0, "[    0.0] Linux version 6.12\n"),
        (5.0, "edge: rebooting\n"),
        (5.2, "[   5.2] reboot: Restarting system\n"),
        (7.0, "something that nobody knows\n"),
        (8.0, "[    0.0] Linux version 6.12\n"),
    )
    assert [(boot.number, boot.at_s) for boot in timeline.boots] == [(1, 0.0), (2, 7.0)]
    assert timeline.boots[1].passages[0].at_s == 1.0
    assert timeline.boots[0].last == Stage.RESTARTED


def test_power_cut_begins_a_new_boot_too() -> None:
    """Without a farewell, a boot begins with the line that only a new one prints."""
    timeline = follow((0.0, "[    0.0] Linux version 6.12\n"), (9.0, "Welcome to GRUB!\n"))
    assert [boot.at_s for boot in timeline.boots] == [0.0, 9.0]


def test_troubles_stand_beside() -> None:
    """Remarks and failures do not end a stage."""
    timeline = follow(
        (0.0, "[    0.0] Linux version 6.12\n"),
        (1.0, "BUG: something\n"),
        (2.0, "edge: loader\n"),
    )
    boot = timeline.boots[0]
    assert [each.took_s for each in boot.passages] == [2.0, None]
    assert [each.stage for each in boot.troubles] == [Stage.KERNEL_ERROR]


def test_timeline_is_readable() -> None:
    """Columns are aligned, and the last stage has no end."""
    lines = list(follow((0.0, "Welcome to GRUB!\n"), (12.0, "edge: loader\n")).lines())
    assert lines == [
        "boot 1                at      took",
        "  grub              0.0 s    12.0 s   Welcome to GRUB!",
        "  loader           12.0 s             edge: loader",
    ]


def test_latest_stages_are_kept() -> None:
    """A node that goes to and fro for long is shown as it began and as it is now."""
    begin = [(0.0, "[    0.0] Linux version 6.12\n")]
    words = ("edge: maintenance 10.0.0.1\n", "edge: running 10.0.0.1\n")
    turns = [(float(each), words[each % 2] + "") for each in range(1, 200)]
    (boot,) = follow(*begin, *((at_s, f"{text[:-1]}, {at_s}\n") for at_s, text in turns)).boots
    assert len(boot.passages) == MAX_PASSAGES
    assert boot.passages[0].stage == Stage.KERNEL
    assert boot.seconds == 199.0


@pytest.mark.parametrize("boots", [MAX_BOOTS + 10])
def test_memory_is_bounded(boots: int) -> None:
    """A board that restarts for weeks keeps the latest boots only."""
    chunks = [(float(each), "[    0.0] Linux version 6.12\n") for each in range(boots)]
    timeline = follow(*chunks)
    assert len(timeline.boots) == MAX_BOOTS
    assert timeline.boots[-1].number == boots
