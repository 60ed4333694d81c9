# SPDX-License-Identifier: Apache-2.0
"""The client identities at hand: the chosen context, and those found beside applied files."""

from contextlib import suppress
from pathlib import Path

from edge.client.trust import Mutual
from edge.config.load import load
from edge.config.talosconfig import Context, load_talosconfig
from edge.config.view import view
from edge.errors import ConfigError
from tui.services import Candidate

BESIDE = "talosconfig"


class Keyring:
    """Reads its files anew each time, so that a renewed certificate is used without a restart."""

    def __init__(self, path: Path | None, context: str | None = None) -> None:
        self._sources: list[tuple[Path, str | None]] = [(path, context)] if path else []

    def contexts(self) -> list[Context]:
        """Return the contexts in use.

        Raises:
            ConfigError: when a file cannot be read or lacks its context.
        """
        return [load_talosconfig(path).context(context) for path, context in self._sources]

    def identities(self) -> list[Mutual]:
        """Return who we can be to a configured node."""
        return [
            Mutual(ca=context.ca, crt=context.crt, key=context.key)
            for context in self.contexts()
            if context.ca and context.crt and context.key
        ]

    def adopt(self, candidate: Candidate) -> bool:
        """Use the client configuration beside an applied file, if it is of the same cluster."""
        path = candidate.path.parent / BESIDE
        if (path, None) in self._sources or not path.exists():
            return False
        # A file that happens to lie there and is not what we look for is none of our business.
        with suppress(ConfigError):
            if _knows(candidate, load_talosconfig(path).context()):
                self._sources.append((path, None))
                return True
        return False


def _knows(candidate: Candidate, context: Context) -> bool:
    return bool(context.ca) and context.ca.strip() in view(load(candidate.text)).trusted_cas
