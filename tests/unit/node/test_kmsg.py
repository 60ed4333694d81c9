# SPDX-License-Identifier: Apache-2.0
"""Kernel log records as one line of text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.node.kmsg import format_line, format_record

BOOT = 1_767_225_600.0  # 2026-01-01


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (
            b"6,339,5140900,-;NET: Registered PF_INET6 protocol family\n",
            "kern:    info: [2026-01-01T00:00:05.140900000Z]: NET: Registered PF_INET6 protocol"
            " family\n",
        ),
        (
            b"12,1,0,-;edge: hello; world\n SUBSYSTEM=pci\n DEVICE=+pci:0000:00:00.0\n",
            "user: warning: [2026-01-01T00:00:00.000000000Z]: edge: hello; world\n",
        ),
        (b"3,2,1,c,caller=T1;bad\\x09day\n", "kern:     err: [2026-01-01T00:00:00.000001000Z]: "),
        (b"0,2,1,-;\xff\n", "kern:   emerg: "),
        (b"30,1,1000000,-;started\n", "daemon:    info: [2026-01-01T00:00:01.000000000Z]: "),
        (b"110,1,0,-;x\n", "security:    info: "),
        (b"190,1,0,-;x\n", "local7:    info: "),
    ],
)
def test_records(record: bytes, line: str) -> None:
    """Facility, level to seven places, time to the nanosecond, text."""
    assert format_record(record, BOOT).startswith(line)


@given(st.integers(0, 191), st.floats(0, 4e9), st.text())
def test_every_priority_has_a_name(priority: int, seconds: float, text: str) -> None:
    """A line has its shape whatever the kernel or a program said."""
    line = format_line(priority, seconds, text)
    facility, level, _rest = line.split(":", 2)
    assert facility.isalnum()
    assert "-" not in facility
    assert len(level) == 8
    assert line.endswith(f"]: {text}\n")
