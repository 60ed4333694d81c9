# SPDX-License-Identifier: Apache-2.0
"""Where the card records are: with the person who flashes, also when that takes sudo."""

from pathlib import Path

from edge.paths import caller_home, data_dir
from flasher.record.cards import CardRecords

_FILE = "cards.sqlite"


def card_records() -> CardRecords:
    """Return the records of whoever runs this, or of whoever ran sudo to run this.

    `edgectl discover` needs no root and must find what `sudo edgectl flash` wrote.
    """
    return CardRecords(_folder() / _FILE)


def _folder() -> Path:
    home = caller_home()
    return home / ".local/share/edgectl" if home else data_dir()
