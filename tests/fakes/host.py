# SPDX-License-Identifier: Apache-2.0
"""A machine's disks as the kernel shows them: sysfs, mount table and swaps in a folder."""

from pathlib import Path

from flasher.device import Host

GIB = 1024**3


class FakeHost:
    """Builds the parts of /sys, /proc and /dev that the inventory reads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "etc/edgectl"
        self.host = Host(
            sys=root / "sys",
            proc=root / "proc",
            dev=root / "dev",
            has_udev=False,
            config=(self.config,),
        )
        for folder in ("sys/block", "sys/class/block", "sys/dev/block", "proc/self", "dev"):
            (root / folder).mkdir(parents=True)
        self._mounts: list[str] = []
        self._swaps: list[str] = []
        self._minor = 0
        self._flush()

    def disk(
        self, name: str, where: str = "pci/ata1", *, size: int = 32 * GIB, **attributes: str
    ) -> Path:
        """Add a disk; attribute names use __ for a slash."""
        node = self.root / "sys/devices" / where / "block" / name
        self._node(node, size)
        self._link(self.root / "sys/block" / name, node)
        for attribute, value in attributes.items():
            file = node / attribute.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(value + "\n")
        return node

    def partition(self, disk: str, name: str, *, size: int = GIB) -> Path:
        """Add a partition to a disk."""
        parent = (self.root / "sys/class/block" / disk).resolve()
        node = parent / name
        self._node(node, size)
        (node / "partition").write_text(f"{sum(1 for _ in parent.glob('*/partition')) + 1}\n")
        return node

    def mapped(self, name: str, label: str, on: str) -> Path:
        """Add a device-mapper device on top of `on`."""
        node = self.disk(name, "virtual", dm__name=label)
        lower = (self.root / "sys/class/block" / on).resolve()
        self._link(lower / "holders" / name, node)
        self._link(node / "slaves" / on, lower)
        return node

    def mount(self, name: str, place: str) -> None:
        """Mount the device `name` at `place`."""
        number = (self.root / "sys/class/block" / name / "dev").read_text().strip()
        escaped = place.replace(" ", "\\040")
        self._mounts.append(f"9 1 {number} / {escaped} rw - ext4 /dev/{name} rw")
        self._flush()

    def mount_anonymous(self, source: str, place: str) -> None:
        """Mount `source` under a device number of its own, as btrfs does."""
        self._mounts.append(f"9 1 0:99 / {place} rw - btrfs {source} rw")
        self._flush()

    def swap(self, source: str) -> None:
        """Swap to a device or file."""
        self._swaps.append(f"{source} partition 1 0 -2")
        self._flush()

    def configure(self, text: str, name: str = "flash.yaml") -> Path:
        """Write a configuration file of the flasher."""
        file = self.config / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def _node(self, node: Path, size: int) -> None:
        self._minor += 1
        node.mkdir(parents=True)
        (node / "size").write_text(f"{size // 512}\n")
        (node / "dev").write_text(f"8:{self._minor}\n")
        (node / "holders").mkdir()
        self._link(self.root / "sys/class/block" / node.name, node)
        self._link(self.root / f"sys/dev/block/8:{self._minor}", node)
        (self.root / "dev" / node.name).touch()

    def _link(self, link: Path, target: Path) -> None:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def _flush(self) -> None:
        (self.root / "proc/self/mountinfo").write_text("\n".join(self._mounts) + "\n")
        lines = ["Filename Type Size Used Priority", *self._swaps]
        (self.root / "proc/swaps").write_text("\n".join(lines) + "\n")
