# SPDX-License-Identifier: Apache-2.0
"""The initramfs archive, read back field by field as the kernel would."""

import stat
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from flasher.image.cpio import CpioWriter
from flasher.image.initramfs import write_initramfs


def entries(archive: bytes) -> Iterator[tuple[str, int, tuple[int, int], bytes]]:
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name_at = at + 110
        name = archive[name_at : name_at + fields[11] - 1].decode()
        content_at = name_at + fields[11] + -(name_at + fields[11]) % 4
        end = content_at + fields[6]
        if name == "TRAILER!!!":
            return
        yield name, fields[1], (fields[9], fields[10]), archive[content_at:end]
        at = end + -end % 4


def test_what_is_written_is_read_back() -> None:
    """Names, modes, device numbers and contents survive, whatever their length."""
    file = BytesIO()
    with CpioWriter(file) as archive:
        archive.directory("dev")
        archive.device("dev/console", kind=stat.S_IFCHR, major=5, minor=1)
        archive.file("a", b"x", mode=0o755)
        archive.file("longer-name", b"12345")
    assert list(entries(file.getvalue())) == [
        ("dev", stat.S_IFDIR | 0o755, (0, 0), b""),
        ("dev/console", stat.S_IFCHR | 0o600, (5, 1), b""),
        ("a", stat.S_IFREG | 0o755, (0, 0), b"x"),
        ("longer-name", stat.S_IFREG | 0o644, (0, 0), b"12345"),
    ]


def test_the_initramfs_has_what_the_kernel_looks_for(tmp_path: Path) -> None:
    """A console, an executable /init, the modules, the root image, and microcode in front."""
    root = tmp_path / "root.squashfs"
    root.write_bytes(b"hsqs")
    output = tmp_path / "initramfs"
    write_initramfs(
        output,
        arch="arm64",
        modules=[("loop.ko", b"module")],
        root_image=root,
        microcode=b"update",
    )
    found = {name: (mode, content) for name, mode, _, content in entries(output.read_bytes())}
    assert next(iter(found)) == "kernel"
    assert found["kernel/x86/microcode/GenuineIntel.bin"][1] == b"update"
    assert found["init"][0] == stat.S_IFREG | 0o755
    assert found["modules/loop.ko"][1] == b"module"
    assert found["root.squashfs"][1] == b"hsqs"
    assert stat.S_ISCHR(found["dev/console"][0])
