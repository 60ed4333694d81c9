# SPDX-License-Identifier: Apache-2.0
"""The loader: its machine code against an assembler, and its conduct when executed."""

import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from boards.profile import Arch
from flasher.image.initramfs import _boot_calls
from flasher.image.loader import Call, Flag, Text, TextList, write_loader
from flasher.image.loader_code import AMD64, ARM64, Listing

# the programs of binutils, by the machine that they are for
ASSEMBLERS: dict[str, tuple[str, str, Listing, str]] = {
    "arm64": ("aarch64-linux-gnu-as", "aarch64-linux-gnu-objcopy", ARM64, ""),
    "amd64": ("x86_64-linux-gnu-as", "x86_64-linux-gnu-objcopy", AMD64, ".intel_syntax noprefix\n"),
}
on_amd64 = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="executes amd64 machine code on this processor"
)


@pytest.mark.parametrize("arch", ["arm64", "amd64"])
def test_the_bytes_are_what_the_assembly_beside_them_says(arch: str, tmp_path: Path) -> None:
    """Each encoding in the listing comes out of an assembler too."""
    assembler, objcopy, listing, preface = ASSEMBLERS[arch]
    if not shutil.which(assembler):
        pytest.skip(f"{assembler} is not installed")
    source = tmp_path / "loader.s"
    source.write_text(preface + "".join(f"{text}\n" for _, text in listing))
    subprocess.run([assembler, source, "-o", tmp_path / "loader.o"], check=True)
    files = (tmp_path / "loader.o", tmp_path / "loader.bin")
    subprocess.run([objcopy, "-O", "binary", "-j", ".text", *files], check=True)
    assert (tmp_path / "loader.bin").read_bytes() == code(listing)


def code(listing: Listing) -> bytes:
    return b"".join(bytes.fromhex(encoding) for encoding, _ in listing)


@pytest.mark.parametrize(("arch", "number"), [("arm64", 183), ("amd64", 62)])
def test_the_file_is_an_executable_for_its_machine(arch: Arch, number: int) -> None:
    """The header says 64 bits, little endian, executable, and the right processor."""
    program = write_loader(arch, [Call(name="exit_group", arguments=(0,))])
    assert program[:6] == b"\x7fELF\x02\x01"
    assert int.from_bytes(program[16:18], "little") == 2
    assert int.from_bytes(program[18:20], "little") == number


def run(tmp_path: Path, *calls: Call) -> subprocess.CompletedProcess[bytes]:
    program = tmp_path / "loader"
    program.write_bytes(write_loader("amd64", calls))
    program.chmod(0o755)
    return subprocess.run([program], capture_output=True, check=False, timeout=60)


def end(code: int = 0) -> Call:
    return Call(name="exit_group", arguments=(code,))


def say(text: str) -> Call:
    return Call(name="write", arguments=(1, Text(text), len(text)))


@on_amd64
def test_calls_are_made_in_order(tmp_path: Path) -> None:
    """Text arrives as written and the exit status is the one asked for."""
    done = run(tmp_path, say("one\n"), say("two\n"), end(7))
    assert (done.stdout, done.returncode) == (b"one\ntwo\n", 7)


@on_amd64
def test_a_failure_that_is_not_fatal_is_passed_over(tmp_path: Path) -> None:
    """A module that is built in must not stop the boot."""
    done = run(tmp_path, Call(name="chdir", arguments=(Text("/no/such"),)), say("on\n"), end())
    assert (done.stdout, done.stderr, done.returncode) == (b"on\n", b"", 0)


@on_amd64
def test_a_fatal_failure_prints_its_message_and_error_number(tmp_path: Path) -> None:
    """The last line on the console says which step failed and why."""
    enter = Call(
        name="chdir", arguments=(Text("/no/such"),), flags=Flag.FATAL, message="enter /no/such"
    )
    done = run(tmp_path, say("before\n"), enter, say("never\n"), end())
    assert done.stdout == b"before\n"
    assert done.stderr == b"edge: loader: enter /no/such: error 002\n"
    assert done.returncode == 1


@on_amd64
def test_a_saved_result_is_the_first_argument_of_later_calls(tmp_path: Path) -> None:
    """What one call opened the next one uses, and large descriptors can be parked."""
    target = tmp_path / "target"
    target.touch()
    use = Flag.FATAL | Flag.USE_SAVED
    done = run(
        tmp_path,
        Call(
            name="openat",
            arguments=(-100, Text(str(target)), 1),
            flags=Flag.FATAL | Flag.SAVE,
            message="open",
        ),
        Call(name="dup3", arguments=(0, 100, 0), flags=use, message="park"),
        Call(name="close", flags=use, message="close"),
        Call(name="write", arguments=(100, Text("here"), 4), flags=Flag.FATAL, message="write"),
        end(),
    )
    assert (done.stderr, target.read_text()) == (b"", "here")


@on_amd64
def test_a_program_is_executed_with_its_arguments(tmp_path: Path) -> None:
    """Argument and environment lists reach the new program."""
    arguments = TextList(("printenv", "GREETING"))
    execute = Call(
        name="execve",
        arguments=(Text(shutil.which("printenv") or ""), arguments, TextList(("GREETING=hello",))),
        flags=Flag.FATAL,
        message="execute",
    )
    assert run(tmp_path, execute).stdout == b"hello\n"


def test_every_step_of_the_boot_exists_on_both_machines() -> None:
    """No call of the real table lacks a number, and it ends in the program that takes over."""
    calls = list(_boot_calls(["loop.ko", "squashfs.ko"], ("/usr/bin/python3.13", "-I")))
    for arch in ("arm64", "amd64"):
        assert write_loader(arch, calls)
    assert calls[-1].name == "execve"
    fatal = [call for call in calls if call.flags & Flag.FATAL]
    assert all(re.match(r"\w", call.message) for call in fatal)
