# SPDX-License-Identifier: Apache-2.0
"""ELF files as the dynamic loader sees them, held against binutils."""

import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flasher.extension.elf import parse_elf, read_elf
from tests.fakes.elf import make_elf

NAMES = st.text("abcdefghijklmnopqrstuvwxyz.-0123456789", min_size=1, max_size=20)


@given(st.lists(NAMES, unique=True, max_size=6), st.sampled_from(["arm64", "amd64"]))
def test_what_is_declared_is_read(needed: list[str], arch: str) -> None:
    """Names come back in their order, with machine, own name, paths and loader."""
    elf = parse_elf(
        make_elf(arch, needed=needed, soname="lib", runpath="$ORIGIN:/usr/x", interpreter="/ld")
    )
    assert elf.needed == tuple(needed)
    assert (elf.arch, elf.soname, elf.interpreter) == (arch, "lib", "/ld")
    assert elf.runpath == ("$ORIGIN", "/usr/x")


@given(st.binary(max_size=200))
def test_noise_is_refused_or_read(noise: bytes) -> None:
    """Whatever follows the mark of an ELF file, there is no other fault than a damaged file."""
    with suppress(ValueError):
        parse_elf(b"\x7fELF\x02\x01" + noise)


def test_files_of_32_bits_are_of_no_board() -> None:
    """They are told from ours by their machine alone."""
    assert parse_elf(b"\x7fELF\x01\x01").arch is None


def _real() -> list[Path]:
    found = [
        Path(sys.executable).resolve(),
        *Path("/usr/bin").glob("g*"),
        *Path("/usr/sbin").glob("*"),
    ]
    return [each for each in found if each.is_file() and each.read_bytes()[:4] == b"\x7fELF"][:40]


@pytest.mark.parametrize("path", _real(), ids=lambda path: path.name)
def test_real_files_are_read_as_objdump_reads_them(path: Path) -> None:
    """The libraries of this machine's programs are those that binutils lists."""
    listed = subprocess.run(["objdump", "-p", path], capture_output=True, text=True, check=True)
    found = re.findall(r"^  NEEDED +(\S+)$", listed.stdout, re.MULTILINE)
    assert list(read_elf(path).needed) == found
