# SPDX-License-Identifier: Apache-2.0
"""Where the kernel tells about disks; tests point it at a directory tree of their own."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The roots of the kernel's file systems and of the device nodes."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")
    has_udev: bool = True
    """Ask udev's database for names and labels as well."""
    config: tuple[Path, ...] | None = None
    """The folders with the flasher's configuration; by default the system's and the operator's."""

    def read(self, path: Path) -> str:
        """Return the stripped text of a kernel file, or nothing when it cannot be read."""
        try:
            return path.read_text(errors="replace").strip()
        except OSError:
            return ""

    def read_number(self, path: Path) -> int:
        """Return the number in a kernel file, or 0."""
        text = self.read(path)
        return int(text) if text.isdecimal() else 0

    def children(self, folder: Path) -> list[Path]:
        """Return what is in a kernel folder, sorted; nothing when its device has just gone."""
        try:
            return sorted(folder.iterdir())
        except OSError:
            return []


THIS_HOST = Host()
