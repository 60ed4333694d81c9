# SPDX-License-Identifier: Apache-2.0
"""Packages of the real archive in a cache of their own."""

from pathlib import Path

import pytest

from edge.events import ignore
from flasher.debian.fetch import Cache, fetch_files
from flasher.debian.suite import suite_name

pytestmark = pytest.mark.image


def test_a_package_is_stored_once(tmp_path: Path) -> None:
    """What one board fetched is not fetched for the next, unless it is damaged."""
    cache = Cache(folder=tmp_path)

    def fetch(*names: str) -> Path:
        found = fetch_files(cache, "arm64", suite_name("stable"), names, listener=ignore)
        return found.files["dash"]

    first = fetch("dash")
    content = first.read_bytes()
    assert fetch("dash", "hostname").samefile(first)
    first.write_bytes(bytes(len(content)))
    again = fetch("dash", "mount")
    assert not again.samefile(first)
    assert again.read_bytes() == content
