# SPDX-License-Identifier: Apache-2.0
"""A text in the user's editor that comes back with remarks until it is right.

What is edited stays in its file whatever happens to the editor, the node or edgectl; it goes
away only when it has been taken over.
"""

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.errors import ToolError

REMARK = "# edgectl:"
_EDITORS = ("TALOS_EDITOR", "KUBE_EDITOR", "VISUAL", "EDITOR")
_FALLBACK = "vi"


class Draft:
    """One text on its way through an editor.

    `aid` is a comment for the editor itself, above everything else.
    """

    def __init__(self, text: str, name: str, *, heading: Sequence[str], aid: str = "") -> None:
        self._heading = tuple(heading)
        self._aid = aid
        folder = Path(tempfile.mkdtemp(prefix="edgectl-edit-"))
        self.path = folder / f"{name.replace(os.sep, '-')}.yaml"
        self.text = text
        self._write(self._heading)

    def edit(self) -> str:
        """Let the user edit and return the text without the remarks.

        Raises:
            ToolError: when the editor cannot be started or fails; the file stays.
        """
        words = editor()
        try:
            with _deaf_to_ctrl_c():
                done = subprocess.run([*words, str(self.path)], check=False)
            written = self.path.read_text(encoding="utf-8")
        except OSError as error:
            raise ToolError(
                f"editor {words[0]} or its file cannot be used: {error.strerror}",
                hint="set EDITOR to one that is installed",
            ) from error
        except UnicodeDecodeError as error:
            raise ToolError(f"editor {words[0]} left something that is no text") from error
        if done.returncode:
            raise ToolError(f"editor {words[0]} ended with {done.returncode}; nothing was sent")
        self.text = "".join(
            each for each in written.splitlines(keepends=True) if self._is_own(each)
        )
        return self.text

    def remark(self, remarks: Sequence[str]) -> None:
        """Put remarks (a line each) at the top of the file, for the next round."""
        self._write((*self._heading, "", *remarks))

    def place(self, remarks: int) -> str:
        """Return the text where it will stand in the file below so many remarks."""
        return "\n" * (bool(self._aid) + len(self._heading) + 1 + remarks) + self.text

    def discard(self) -> None:
        """Remove the file: nobody needs it any more."""
        self.path.unlink(missing_ok=True)
        # An editor may have left a file of its own there.
        if not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()

    def _is_own(self, line: str) -> bool:
        return not line.startswith(REMARK) and (not self._aid or line.rstrip() != self._aid)

    def _write(self, remarks: Sequence[str]) -> None:
        lines = [f"{REMARK} {' '.join(remark.splitlines())}".rstrip() for remark in remarks]
        above = [self._aid] if self._aid else []
        whole = "".join(f"{line}\n" for line in (*above, *lines)) + self.text
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as handle:
            handle.write(whole)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    # It is the editor's then. A handler of nothing is not inherited, as ignoring would be.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def editor() -> list[str]:
    """Return the words that start the user's editor."""
    chosen = next((text for name in _EDITORS if (text := os.environ.get(name))), _FALLBACK)
    return shlex.split(chosen) or [_FALLBACK]
