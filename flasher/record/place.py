# SPDX-License-Identifier: Apache-2.0
"""Where the card records are: with the person who flashes, also when that takes sudo."""

import os
import pwd
from pathlib import Path

from edge.paths import data_dir
from flasher.record.cards import CardRecords

_FILE = "cards.sqlite"


def card_records() -> CardRecords:
    """Return the records of whoever runs this, or of whoever ran sudo to run this.

    `edgectl discover` needs no root and must find what `sudo edgectl flash` wrote.
    """
    return CardRecords(_folder() / _FILE)


def _folder() -> Path:
    caller = os.environ.get("SUDO_UID", "")
    if os.geteuid() != 0 or not caller.isdecimal() or "EDGECTL_HOME" in os.environ:
        return data_dir()
    try:
        home = Path(pwd.getpwuid(int(caller)).pw_dir)
    except KeyError:
        return data_dir()
    return home / ".local/share/edgectl"
