# SPDX-License-Identifier: Apache-2.0
"""Where edgectl keeps its own files on the operator's machine (XDG base directories)."""

import os
from pathlib import Path


def data_dir() -> Path:
    """Return the directory of durable files: card records, lab nodes. `EDGECTL_HOME` moves it."""
    if home := os.environ.get("EDGECTL_HOME"):
        return Path(home)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "edgectl"


def cache_dir() -> Path:
    """Return the directory of files that can be made again. `EDGECTL_CACHE` moves it."""
    if cache := os.environ.get("EDGECTL_CACHE"):
        return Path(cache)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgectl"
