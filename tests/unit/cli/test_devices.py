# SPDX-License-Identifier: Apache-2.0
"""What `edgectl devices` says of disks that it could not look into."""

from pathlib import Path

import pytest

from edge.cli.commands.devices import describe_content
from flasher.device import Device, DeviceKind


@pytest.mark.parametrize(
    ("is_denied", "table", "readable", "said"),
    [
        (True, "", False, "may not be read"),
        (True, "gpt", False, "gpt"),
        (True, "", True, "unknown or nothing"),
        (False, "", True, "unknown or nothing"),
    ],
)
def test_content_that_was_not_seen_is_not_called_nothing(
    tmp_path: Path, is_denied: bool, table: str, readable: bool, said: str
) -> None:
    """What udev says of it all the same is told, and so is what may be read alone."""
    path = tmp_path / "disk"
    if readable:
        path.touch()
    device = Device(path=path, kind=DeviceKind.DISK, size_bytes=1, is_denied=is_denied, table=table)
    assert describe_content(device) == said
