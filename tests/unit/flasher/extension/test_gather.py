# SPDX-License-Identifier: Apache-2.0
"""What an extension brings, and what it may not."""

from pathlib import Path
from typing import Any

import pytest

from boards.profile import Arch
from edge.errors import ImageError
from flasher.extension.compose import is_in
from flasher.extension.image import check_archive
from tests.fakes.elf import make_elf
from tests.fakes.oci import ARCH as THIS_ARCH
from tests.fakes.oci import make_image

from .conftest import ARCH, LIBRARIES, Gather, NewExtension, program


def test_programs_bring_the_libraries_they_need(
    new_extension: NewExtension, gathered: Gather
) -> None:
    """All the way down, with their links, and without those that the base has."""
    found = gathered(new_extension(packages=["kit"], programs=["usr/sbin/kit"]))
    assert {path: entry.package for path, entry in found.items()} == {
        "usr/sbin/kit": "kit",
        f"{LIBRARIES}/libkit.so.1": "libkit1",
        f"{LIBRARIES}/libkit.so.1.2.3": "libkit1",
        f"{LIBRARIES}/libdeep.so.0": "libdeep0",
    }
    assert found["usr/sbin/kit"].mode == 0o755
    assert found[f"{LIBRARIES}/libkit.so.1"].link == "libkit.so.1.2.3"


def test_data_firmware_texts_and_links(new_extension: NewExtension, gathered: Gather) -> None:
    """Patterns, new names, second names of firmware, and places that a node can write to."""
    found = gathered(
        new_extension(
            packages=["kit", "firmware-kit"],
            data=[
                {"source": "etc/kit/k*.conf"},
                {"source": "etc/kit/more.conf", "target": "etc/m"},
            ],
            firmware=[{"package": "firmware-kit", "patterns": ["kit/*.bin"]}],
            texts=[{"path": "etc/note", "text": "hello\n"}],
            links=[{"path": "etc/kit/name", "target": "/var/lib/kit/name"}],
        )
    )
    assert found["etc/kit/kit.conf"].content() == b"a = 1\n"
    assert found["etc/m"].content() == b"b = 1\n"
    assert found["usr/lib/firmware/kit/other.bin"].content() == b"\x7fELF firmware"
    assert found["usr/lib/firmware/kit/chip with, odd name.bin"].mode == 0o644
    assert found["etc/note"].content() == b"hello\n"
    assert found["etc/kit/name"].link == "../../var/lib/kit/name"


def test_a_tree_of_ones_own(new_extension: NewExtension, gathered: Gather) -> None:
    """Files, programs with libraries beside them, scripts for the node's Python, links."""
    found = gathered(
        new_extension(
            tree={
                "opt/tool/bin/tool": program("libown.so", runpath="$ORIGIN/../lib"),
                "opt/tool/lib/libown.so": make_elf(ARCH),
                "usr/bin/tool": "../../opt/tool/bin/tool",
                "usr/bin/report": b"#!/usr/bin/python3.13 -I\nprint()\n",
                "etc/tool/config": b"x",
                "usr/lib/firmware/dsp.elf": make_elf("riscv64"),
            },
            services=[{"name": "tool", "program": "usr/bin/tool"}],
        )
    )
    assert found["usr/bin/tool"].link == "../../opt/tool/bin/tool"
    assert found["usr/bin/report"].mode == 0o755
    assert found["etc/tool/config"].mode == 0o644


def test_container_images_are_put_where_they_are_looked_for(
    new_extension: NewExtension, gathered: Gather, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An OCI archive is named after the extension."""
    monkeypatch.setattr("flasher.extension.gather.check_archive", lambda _path, _arch: None)
    extension = new_extension(images=["hello.tar"])
    assert extension.folder
    (extension.folder / "hello.tar").write_bytes(b"")
    assert list(gathered(extension)) == ["usr/lib/edge/images/kit-hello.tar"]


def test_container_images_are_for_the_board(tmp_path: Path) -> None:
    """The archive has an image for its processors, whatever else its index names."""
    path = tmp_path / "hello.tar"
    path.write_bytes(make_image([{"hello": b"hi"}]).archive())
    other: Arch = "arm64" if THIS_ARCH == "amd64" else "amd64"
    check_archive(path, "amd64" if THIS_ARCH == "amd64" else "arm64")
    with pytest.raises(ValueError, match=f"is an image for {THIS_ARCH}, not for {other}"):
        check_archive(path, other)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"no tar", "is no OCI archive"), (None, "there is no container image")],
)
def test_what_is_no_container_image(
    new_extension: NewExtension, gathered: Gather, content: bytes | None, reason: str
) -> None:
    """A file that containerd could not import is refused at build."""
    extension = new_extension(images=["hello.tar"])
    assert extension.folder
    if content:
        (extension.folder / "hello.tar").write_bytes(content)
    with pytest.raises(ImageError, match=reason):
        gathered(extension)


TREES: dict[str, tuple[dict[str, bytes | str], str]] = {
    "shell": ({"usr/bin/bash": program()}, "usr/bin/bash is a shell, an interpreter or a way in"),
    "sh-link": ({"usr/bin/sh": "kit", "usr/bin/kit": program()}, "usr/bin/sh is a shell"),
    "perl": ({"opt/bin/perl5.40": program()}, "opt/bin/perl5.40 is a shell, an interpreter"),
    "second-python": ({"usr/bin/python3": "python3.13"}, "usr/bin/python3 is a shell, an interp"),
    "hidden-busybox": (
        {"usr/bin/tool": program(extra=b"BusyBox v1.37")},
        "usr/bin/tool is BusyBox under another name",
    ),
    "hidden-dash": (
        {"usr/bin/tool": program(extra=b"\0PS4=+ \0")},
        "usr/bin/tool is a POSIX shell under another name",
    ),
    "sshd": ({"usr/sbin/sshd": program()}, "usr/sbin/sshd is a shell, an interpreter or a way"),
    "dpkg": ({"usr/bin/dpkg": program()}, "usr/bin/dpkg is a shell, an interpreter or a way in"),
    "shell-script": (
        {"usr/bin/tool": b"#!/bin/sh\n"},
        "usr/bin/tool is a script for /bin/sh, which nodes do not have",
    ),
    "env-script": (
        {"usr/bin/tool": b"#!/usr/bin/env python3\n"},
        "usr/bin/tool is a script for /usr/bin/env",
    ),
    "script-upwards": (
        {"usr/bin/tool": b"#!/../../../../../../../../../bin/sh\n"},
        "usr/bin/tool is a script for /../",
    ),
    "empty-script": ({"usr/bin/tool": b"#!"}, "usr/bin/tool is a script for nothing"),
    "python-zip": ({"usr/lib/python313.zip": b""}, "would change what the node's own Python loads"),
    "openssl": ({"etc/ssl/openssl.cnf": b""}, "changes how the node's own programs"),
    "hosts": ({"etc/hosts": b""}, "changes how the node's own programs"),
    "nss": ({f"{LIBRARIES}/libnss_x.so.2": make_elf(ARCH)}, "is loaded by the node's own programs"),
    "cipher": ({f"{LIBRARIES}/ossl-modules/x.so": make_elf(ARCH)}, "is loaded by the node's own"),
    "udev": ({"etc/udev/rules.d/1.rules": b""}, "is for programs that nodes do not have"),
    "sysctl": ({"etc/sysctl.d/1.conf": b""}, "would change the kernel's settings"),
    "no-program": ({"usr/bin/tool": b"data"}, "usr/bin/tool can be executed but is neither"),
    "other-machine": (
        {"usr/bin/tool": program(arch="amd64")},
        "usr/bin/tool is for amd64, the image for arm64",
    ),
    "unknown-machine": (
        {"usr/bin/tool": make_elf("riscv64")},
        "usr/bin/tool is for another machine, the image for arm64",
    ),
    "other-library": (
        {f"{LIBRARIES}/liba.so": make_elf("amd64")},
        "liba.so is for amd64, the image for arm64",
    ),
    "no-library": (
        {"usr/bin/tool": program("libgone.so.1")},
        "usr/bin/tool needs the library libgone.so.1, which is nowhere",
    ),
    "other-loader": (
        {"usr/bin/tool": make_elf(ARCH, interpreter="/lib/ld-musl-aarch64.so.1")},
        "usr/bin/tool needs the loader /lib/ld-musl-aarch64.so.1",
    ),
    "damaged": ({"usr/bin/tool": program()[:80]}, "usr/bin/tool is a damaged ELF file"),
    "absolute": (
        {"etc/tool": "/etc/hosts"},
        "etc/tool is an absolute link to /etc/hosts",
    ),
    "outside": ({"etc/tool": "../../secret"}, "etc/tool is a link to ../../secret, out of the"),
    "dangling": ({"etc/tool": "gone"}, "etc/tool is a link to gone, which is not there"),
    "top": ({"tool": b""}, "tool lies outside of etc, opt and usr"),
    "var": ({"var/lib/tool": b""}, "var/lib/tool lies outside of etc, opt and usr"),
    "merged": ({"bin/tool": program()}, "bin/tool goes through a link"),
    "modules": ({"usr/lib/modules/6/a.ko": b""}, "a.ko is for the kernel's own modules"),
    "image-json": ({"etc/edge/image.json": b""}, "etc/edge/image.json says what the image is"),
    "preload": ({"etc/ld.so.preload": b""}, "etc/ld.so.preload would put libraries in front"),
    "passwd": ({"etc/passwd-": b"", "etc/passwd": b""}, "etc/passwd says who may log in"),
    "our-code": (
        {"usr/lib/python3/dist-packages/edge/x.py": b""},
        "x.py would change what the node's own Python loads",
    ),
    "hwcaps": (
        {f"{LIBRARIES}/glibc-hwcaps/v3/libc.so.6": make_elf(ARCH)},
        "libc.so.6 would put a library in front of the system's",
    ),
}


def test_a_large_file_is_not_read_into_memory(
    new_extension: NewExtension, gathered: Gather, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no ELF file is known by its first bytes; a name with `.so` in it is no library."""
    extension = new_extension(
        tree={
            "opt/tool/data": b"",
            "opt/tool/bin/tool.sort": program(),
            "opt/tool/bin/a.so.1": b"x",
        }
    )
    assert extension.tree
    with (extension.tree / "opt/tool/data").open("wb") as file:
        file.truncate(1 << 40)
    found = gathered(extension)
    assert found["opt/tool/bin/tool.sort"].is_program
    assert not found["opt/tool/bin/a.so.1"].is_program


def test_links_of_the_base_stay_in_the_base(base: Path) -> None:
    """They lead where they lead on a node, never to the machine that builds."""
    (base / "etc/shell").symlink_to("/bin/sh")
    (base / "etc/python").symlink_to("/../bin/python3.13")
    (base / "etc/circle").symlink_to("circle")
    found = [each for each in ("shell", "python", "circle", "hosts") if is_in(base, f"/etc/{each}")]
    assert found == ["python", "hosts"]
    assert is_in(base, "lib/ld-linux-aarch64.so.1")
    assert not is_in(base, "../../../../../../bin/sh")


@pytest.mark.parametrize("case", TREES)
def test_what_nobody_may_bring(new_extension: NewExtension, gathered: Gather, case: str) -> None:
    """Every rule names the extension, the file and what is wrong in one line."""
    tree, reason = TREES[case]
    with pytest.raises(ImageError) as caught:
        gathered(new_extension(tree=tree))
    assert caught.value.message.startswith("extension kit: ")
    assert reason in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("mode", [0o4755, 0o2755])
def test_nothing_runs_as_somebody_else(
    new_extension: NewExtension, gathered: Gather, mode: int
) -> None:
    """Setuid and setgid files are refused, wherever they come from."""
    extension = new_extension(tree={"usr/bin/tool": program()})
    assert extension.tree
    (extension.tree / "usr/bin/tool").chmod(mode)
    with pytest.raises(ImageError, match="usr/bin/tool is setuid or setgid"):
        gathered(extension)


def test_devices_and_pipes_are_no_files(new_extension: NewExtension, gathered: Gather) -> None:
    """Only files and links go into the root."""
    import os

    extension = new_extension(tree={"etc/a": b""})
    assert extension.tree
    os.mkfifo(extension.tree / "etc/pipe")
    with pytest.raises(ImageError, match="etc/pipe is neither a file nor a link"):
        gathered(extension)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"programs": ["usr/sbin/gone"]}, "usr/sbin/gone is in none of its packages for arm64"),
        ({"programs": ["usr/sbin/kit-helper"]}, "kit-helper is a script for /bin/sh"),
        ({"data": [{"source": "etc/x*"}]}, "nothing in its packages is called etc/x"),
        (
            {"firmware": [{"package": "kit", "patterns": ["a*"]}]},
            "package kit has no firmware file a",
        ),
        (
            {"services": [{"name": "a", "program": "usr/bin/gone"}]},
            "service a runs usr/bin/gone, which nobody brings",
        ),
        (
            {
                "data": [{"source": "etc/kit/kit.conf"}],
                "services": [{"name": "a", "program": "etc/kit/kit.conf"}],
            },
            "etc/kit/kit.conf is run by service a but cannot be executed",
        ),
        (
            {"programs": ["usr/sbin/kit"], "texts": [{"path": "usr/sbin/kit", "text": ""}]},
            "usr/sbin/kit is brought twice",
        ),
    ],
)
def test_what_is_not_in_its_packages(
    new_extension: NewExtension, gathered: Gather, fields: dict[str, Any], reason: str
) -> None:
    """What is named and missing, or cannot work, is told by name."""
    with pytest.raises(ImageError) as caught:
        gathered(new_extension(packages=["kit"], **fields))
    assert reason in caught.value.message
