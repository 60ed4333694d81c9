# SPDX-License-Identifier: Apache-2.0
"""Where edgectl keeps its own files on the operator's machine (XDG base directories)."""

import os
import pwd
from pathlib import Path


def data_dir() -> Path:
    """Return the directory of durable files: card records, lab nodes. `EDGECTL_HOME` moves it."""
    if home := os.environ.get("EDGECTL_HOME"):
        return Path(home)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "edgectl"


def config_dir() -> Path:
    """Return the directory of what the operator configured. `EDGECTL_HOME` moves it."""
    if home := os.environ.get("EDGECTL_HOME"):
        return Path(home)
    if caller := caller_home():
        return caller / ".config/edgectl"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "edgectl"


def cache_dir() -> Path:
    """Return the directory of files that can be made again. `EDGECTL_CACHE` moves it."""
    if cache := os.environ.get("EDGECTL_CACHE"):
        return Path(cache)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgectl"


def caller_home() -> Path | None:
    """Return the home of whoever ran sudo to run this; nothing without sudo.

    What they keep at home is meant, not what root does: their cards, their protected disks.
    `EDGECTL_HOME` says where that is by itself.
    """
    caller = os.environ.get("SUDO_UID", "")
    if os.geteuid() != 0 or not caller.isdecimal() or "EDGECTL_HOME" in os.environ:
        return None
    try:
        return Path(pwd.getpwuid(int(caller)).pw_dir)
    except KeyError:
        return None
